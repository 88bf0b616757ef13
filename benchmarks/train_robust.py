"""Make models/robust from the development images: leave-one-domain-out, training, bundle.

    python -m benchmarks.classification.manifests --out runs/robust
    python benchmarks/train_robust.py leave-one-domain-out --steps 300 --domains pbc raabin chula bccd
    python benchmarks/train_robust.py train --out models/robust

Everything lands in runs/robust; a stopped training goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from tqdm import tqdm

from napari_wbc.classification.bundle import load_model
from napari_wbc.classification.calibration import fit_temperature
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.evaluation.metrics import FIVE_CLASSES, confusion, measure
from napari_wbc.training.evaluation.tables import markdown_table
from napari_wbc.training.manifests import (
    label_members,
    load_crops,
    read_manifest,
)
from napari_wbc.training.outputs import network_outputs
from napari_wbc.training.priors import tempered_priors
from napari_wbc.training.train import train

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "runs" / "robust"


def leave_one_domain_out(config: TrainingConfig, domains: list[str], seeds: int, tag: str) -> None:
    """Train without each domain (a bundle in runs/robust), test on all of its cells."""
    for seed in range(seeds):
        for domain in domains:
            name = f"without-{domain}-{tag}{seed}"
            left = replace(config, leave_out=(domain,), seed=seed)
            start = time.perf_counter()
            bar = tqdm(total=left.steps, desc=name)
            train(left, WORK / name, work_dir=WORK, progress=lambda p, bar=bar: bar.update(p.done - bar.n))
            network = load_model(WORK / name).network()
            tested = read_manifest(WORK / "cells.csv")
            tested = tested[tested["domain"] == domain].reset_index(drop=True)
            logits, _ = network_outputs(network, load_crops(tested, WORK), left.input_px)
            np.savez(WORK / f"{name}.npz", logits=logits, labels=tested["label"].to_numpy(str))
            row = unseen_row(domain, logits, list(tested["label"]), left.classes, 1.0)
            row |= {"steps": left.steps, "seed": seed, "seconds": round(time.perf_counter() - start)}
            (WORK / f"{name}.json").write_text(json.dumps(row))
            print(markdown_table([row]), flush=True)
            print(
                confusion(softmax(logits, axis=1), left.classes, list(tested["label"])).to_string(),
                flush=True,
            )


def unseen_row(
    domain: str, logits: np.ndarray, labels: list[str], classes: tuple[str, ...], t: float
) -> dict:
    """Five-class metrics of a domain that was left out."""
    five = [label in FIVE_CLASSES or label.startswith("neutrophil") for label in labels]
    prior = np.log(list(tempered_priors(classes).values()))
    known = [x for x, y in zip(labels, five, strict=True) if y]
    m = measure(softmax(logits[five] / t + prior, axis=1), classes, known)
    f1 = {f"F1 {k}": m.f1.get(k, float("nan")) for k in FIVE_CLASSES}
    return {
        "left out": domain,
        "cells": m.cells,
        "accuracy": m.accuracy,
        "balanced accuracy": m.balanced_accuracy,
        "macro-F1": m.macro_f1,
        "calibration error": m.calibration_error,
        **f1,
    }


def out_of_fold(domains: list[str], tag: str, classes: tuple[str, ...]) -> tuple[float, list[dict]]:
    """Fit the temperature on the pooled logits of the domains left out (each domain counts the same).

    The rows hold every run without one of the domains, those with another tag (a longer training, say) behind.
    """
    logits, members, weights, kept = [], [], [], []
    for domain in domains:
        for file in sorted(WORK.glob(f"without-{domain}-*.npz"), key=lambda f: (len(f.stem), f.stem)):
            content = np.load(file)
            kept.append((file.stem, domain, content["logits"], list(content["labels"])))
            if not file.stem.removeprefix(f"without-{domain}-{tag}").isdigit():
                continue
            labels = list(content["labels"])
            five = np.array([x in FIVE_CLASSES or x.startswith("neutrophil") for x in labels])
            labels = [x for x, y in zip(labels, five, strict=True) if y]
            logits.append(content["logits"][five])
            members.append(label_members(labels, classes))
            weights.append(np.full(len(labels), 1.0 / len(labels)))
    prior = np.log(list(tempered_priors(classes).values()))
    t = fit_temperature(np.concatenate(logits), np.concatenate(members), np.concatenate(weights), prior)
    assert np.isfinite(log_softmax(logits[0] / t, axis=1)).all()
    rows = []
    for name, domain, z, y in kept:
        about = json.loads((WORK / f"{name}.json").read_text())
        rows.append(unseen_row(domain, z, y, classes, t) | {"steps": about["steps"], "seed": about["seed"]})
    return t, rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["leave-one-domain-out", "table", "train"])
    parser.add_argument("--config", type=Path, default=ROOT / "benchmarks" / "robust.toml")
    parser.add_argument("--domains", nargs="+", default=["pbc", "raabin", "chula", "bccd"])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tag", default="", help="keeps runs of another recipe apart")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="KEY=VALUE", help="change a value of the recipe, as in TOML"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "robust")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = TrainingConfig.from_toml(arguments.config)
    if arguments.steps:
        config = replace(config, steps=arguments.steps)
    config = config.changed(tomllib.loads("\n".join(arguments.set)))
    if arguments.step == "leave-one-domain-out":
        leave_one_domain_out(config, arguments.domains, arguments.seeds, arguments.tag)
        return
    if arguments.step == "table":
        t, unseen = out_of_fold(arguments.domains, arguments.tag, config.classes)
        print(f"temperature {t:.3f}\n{markdown_table(unseen)}")
        return
    files = [f for d in arguments.domains for f in WORK.glob(f"without-{d}-{arguments.tag}[0-9].npz")]
    bar = tqdm(total=config.steps, desc="training")
    options = {}
    if files:
        t, unseen = out_of_fold(arguments.domains, arguments.tag, config.classes)
        options = {"temperature": t, "leave_one_domain_out": unseen}
    bundle = train(
        config, arguments.out, work_dir=WORK, progress=lambda p: bar.update(p.done - bar.n), **options
    )
    print(bundle)


if __name__ == "__main__":
    main()
