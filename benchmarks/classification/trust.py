"""Whether the classifier says that it does not know: novel cells, strange slides, and what is no cell at all.

A model is measured on what it was not trained on: domains and classes of the manifests that its bundle does not name.

    python -m benchmarks.classification.trust without-class erythroblast --out runs/trust/without-erythroblast
    python -m benchmarks.classification bundle --without raabin --out runs/trust/without-raabin
    python -m benchmarks.classification.trust fit models/robust --folds runs/trust/without-raabin ...
    python -m benchmarks.classification.trust measure runs/trust/without-raabin

Run from the repository's top, one thread a process (OMP_NUM_THREADS=1). ``fit`` renews temperature, conformal sets and
p-values of a bundle from what the folds say of the domain that each was trained without; the weights stay.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from napari_wbc.classification.bundle import Model, load_model
from napari_wbc.classification.conformal import coarse_probabilities
from napari_wbc.classification.domain_shift import slide_shift
from napari_wbc.classification.novelty import NoveltyReference
from napari_wbc.classification.predict import Labels, Predictions, label_predictions, predict_crops
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.leukocytes import UNIDENTIFIED, coarse_class, is_nucleated
from napari_wbc.slides.crops import CROP_PX
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.manifests import CropRows, load_crops
from napari_wbc.training.train import held_out, read_manifests, train
from napari_wbc.training.trust.cells import per_pair
from napari_wbc.training.trust.unseen import UnseenCells, rewrite_bundle

from .ladder import RESULTS, ROOT, WORK

#: Photographs that come with scikit-image: nothing of them is a cell.
_PHOTOGRAPHS = ("astronaut", "cat", "coffee", "rocket")
_SLIDE_CELLS = 100
_SLIDES = 100
#: Drawn from fewer, all slides of a laboratory would be nearly the same one.
_LEAST_POOL = 50
_COVERAGE = 0.8


@dataclass(frozen=True, slots=True)
class Sayings:
    """What a model says of crops: raw score of novelty beside what a user sees."""

    score: NDArray[np.float32]
    predictions: Predictions
    labels: Labels


def say(model: Model, crops: NDArray[np.uint8] | CropRows) -> Sayings:
    """Run a model over crops of 25 µm, shape ``(n, side, side, 3)``."""
    predictions = predict_crops(model, crops, device="cpu")
    score = NoveltyReference.of(model).score(predictions.logits, predictions.embeddings)
    return Sayings(score, predictions, label_predictions(model, predictions))


def auroc(known: NDArray[np.floating], novel: NDArray[np.floating]) -> float:
    """Give the chance that a novel one scores higher than a known one (ties count half)."""
    ranks = rankdata(np.concatenate([known, novel]))
    n, m = len(known), len(novel)
    return float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m))


def no_cells(seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """Draw crops that hold no cell: noise, plain colours, windows of photographs."""
    from skimage import data

    random = np.random.default_rng(seed)
    shape = (CROP_PX, CROP_PX, 3)
    colours = random.integers(0, 256, (60, 1, 1, 3), np.uint8)
    windows = []
    for name in _PHOTOGRAPHS:
        picture = np.asarray(getattr(data, name)())
        for _ in range(30):
            y, x = (int(random.integers(0, s - CROP_PX)) for s in picture.shape[:2])
            windows.append(picture[y : y + CROP_PX, x : x + CROP_PX, :3])
    return {
        "noise": random.integers(0, 256, (60, *shape), np.uint8),
        "plain colours": np.broadcast_to(colours, (60, *shape)).copy(),
        "photographs": np.stack(windows),
    }


def measure_trust(model: Model, config: TrainingConfig, work: Path, most: int) -> dict[str, Any]:
    """Measure novelty, abstention and the alarm of a bundle on the manifests of a recipe.

    Parameters
    ----------
    model : Model
        Perhaps trained without a domain or a class.
    config : TrainingConfig
        Names the manifests; the held-out groups are those of the training.
    work : Path
        Where crops are kept.
    most : int
        Cells of each pair of domain and label.
    """
    rows = read_manifests(replace(config, leave_out=()))
    crops = load_crops(rows, work)
    chosen = per_pair(rows["domain"], rows["label"], most, 0)
    seen = {d["name"] for d in model.info["training_domains"]}
    rows_held = held_out(rows, config)
    domain, label = rows["domain"].to_numpy(str), rows["label"].to_numpy(str)
    new_domain = ~np.isin(domain, sorted(seen))
    # Held-out cells of the domains that it knows, all cells of those that it does not.
    chosen = chosen[(rows_held | new_domain)[chosen] | _is_new(model, label)[chosen]]
    said = say(model, CropRows(crops, chosen))
    domain, label, new_domain = domain[chosen], label[chosen], new_domain[chosen]
    new_class = _is_new(model, label)
    coarse = np.array([coarse_class(x) for x in label])
    nucleated = np.array([is_nucleated(c) for c in coarse])
    known = nucleated & ~new_class & ~new_domain
    groups = {
        **{f"class {c}": new_class & (coarse == c) for c in np.unique(coarse[new_class])},
        **{f"domain {d}": new_domain & nucleated & (domain == d) for d in np.unique(domain[new_domain])},
        "artifact or platelet": ~nucleated & ~new_domain,
        "artifact or platelet, unseen domain": ~nucleated & new_domain,
    }
    empty = {name: say(model, images) for name, images in no_cells().items()}
    scores = {name: said.score[where] for name, where in groups.items() if where.any()}
    scores |= {name: s.score for name, s in empty.items()}
    told = np.array([coarse_class(x) for x in said.labels.model_label])
    kept = np.array(said.labels.label) != UNIDENTIFIED
    measured = nucleated & ~new_class
    return {
        "model_sha256": model.sha256,
        "training_domains": sorted(seen),
        "cells": {"known": int(known.sum()), **{name: len(s) for name, s in scores.items()}},
        "novelty_auroc": {name: round(auroc(said.score[known], s), 4) for name, s in scores.items()},
        "called_a_cell": {
            name: round(float(np.mean([is_nucleated(x) for x in s.labels.label])), 4)
            for name, s in empty.items()
        },
        "domains": {
            str(d): _abstention(said, told, coarse, kept, measured & (domain == d), model)
            for d in np.unique(domain[measured])
        },
        "alarm_rate": {
            str(d): _alarm_rate(model, said, np.flatnonzero(measured & (domain == d)))
            for d in np.unique(domain[measured])
        },
    }


def _is_new(model: Model, labels: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Tell which labels are of classes that a model was never shown, even where it has an output for them."""
    shown = {coarse_class(c) for d in model.info["training_domains"] for c in d["classes"]}
    return np.array([coarse_class(x) not in shown for x in labels])


def _abstention(
    said: Sayings,
    told: NDArray[np.str_],
    coarse: NDArray[np.str_],
    kept: NDArray[np.bool_],
    where: NDArray[np.bool_],
    model: Model,
) -> dict[str, Any]:
    _, sums = coarse_probabilities(said.predictions.probabilities[where], model.classes)
    confidence, hit = sums.max(axis=1), (told == coarse)[where]
    surest = np.argsort(-confidence, kind="stable")[: max(1, round(_COVERAGE * len(hit)))]
    of_kept = hit[kept[where]]
    return {
        "cells": int(where.sum()),
        "accuracy": round(float(hit.mean()), 4),
        "accuracy_at_80_percent": round(float(hit[surest].mean()), 4),
        "unidentified": round(float(1 - kept[where].mean()), 4),
        "accuracy_of_identified": round(float(of_kept.mean()), 4) if len(of_kept) else None,
        "right_that_keep_their_label": round(float(kept[where][hit].mean()), 4) if hit.any() else None,
        "wrong_that_are_refused": round(float(1 - kept[where][~hit].mean()), 4) if not hit.all() else None,
        # The failure of a published assistant: 302 of 358 cells of BCCD, which has none.
        "wrongly_called_immature_granulocyte": round(
            float((kept & (told == "immature_granulocyte") & (told != coarse))[where].mean()), 4
        ),
    }


def _alarm_rate(model: Model, said: Sayings, pool: NDArray[np.intp]) -> float | None:
    """Give the share of drawn slides of ``_SLIDE_CELLS`` cells that are unlike the training slides."""
    if len(pool) < _LEAST_POOL:
        return None
    random = np.random.default_rng(0)
    alarms = []
    for _ in range(_SLIDES):
        drawn = random.choice(pool, _SLIDE_CELLS)
        shift = slide_shift(
            model, said.predictions.embeddings[drawn], [said.labels.model_label[i] for i in drawn]
        )
        alarms += [shift.beyond] if shift is not None else []
    return round(float(np.mean(alarms)), 3) if alarms else None


def train_without_class(config: TrainingConfig, out: Path, work: Path, label: str) -> Path:
    """Train the recipe on everything but a coarse class (a bundle that :func:`measure_trust` takes)."""
    rows = read_manifests(config)
    work.mkdir(parents=True, exist_ok=True)
    manifest = work / f"without-{label}.csv"
    rows[rows["label"].map(coarse_class) != coarse_class(label)].to_csv(manifest, index=False)
    classes = tuple(c for c in config.classes if coarse_class(c) != coarse_class(label))
    return train(replace(config, manifests=(str(manifest),), classes=classes), out, work_dir=work)


def fit_trust(
    bundle: Path, folds: Sequence[Path], config: TrainingConfig, work: Path, most: int
) -> Mapping[str, Any]:
    """Fit temperature, sets and p-values of a bundle on what its folds say of the domain that each left out."""
    rows = read_manifests(replace(config, leave_out=()))
    crops = load_crops(rows, work)
    target = load_model(bundle)
    parts = []
    for fold in map(load_model, folds):
        if fold.classes != target.classes:
            raise SystemExit(f"{fold.folder} has other classes than {bundle}; train it with the same recipe")
        seen = [d["name"] for d in fold.info["training_domains"]]
        # What a fold says of classes that it was never shown is no measure of the bundle.
        left = np.flatnonzero(~rows["domain"].isin(seen) & ~_is_new(fold, rows["label"].to_numpy(str)))
        left = left[per_pair(rows["domain"].iloc[left], rows["label"].iloc[left], most, 0)]
        said = say(fold, CropRows(crops, left))
        of: pd.DataFrame = rows.iloc[left]
        parts.append(
            (said.predictions.logits, said.score, of["label"].to_numpy(str), of["domain"].to_numpy(str))
        )
    logits, score, labels, domains = (np.concatenate(part) for part in zip(*parts, strict=True))
    rewrite_bundle(bundle, UnseenCells(logits, score, labels, domains))
    info = load_model(bundle).info
    return {"temperature": info["temperature"], "conformal": info["conformal"]}


def write_result(result: Mapping[str, Any], path: Path) -> None:
    """Write a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Run one of the steps."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classification.trust",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, default=ROOT / "benchmarks" / "robust.toml")
    common.add_argument("--work", type=Path, default=WORK, help="folder of checkpoints and crops")
    common.add_argument("--most", type=int, default=400, help="cells of each pair of domain and label")
    without = commands.add_parser("without-class", parents=[common], help="train without a class")
    without.add_argument("label")
    without.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    fit = commands.add_parser("fit", parents=[common], help="fit thresholds on domains left out")
    fit.add_argument("model", type=Path)
    fit.add_argument("--folds", nargs="+", type=Path, required=True, help="bundles without a domain each")
    measured = commands.add_parser("measure", parents=[common], help="novelty, abstention and alarms")
    measured.add_argument("model", type=Path)
    measured.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    arguments = parser.parse_args()
    config = TrainingConfig.from_toml(arguments.config)
    if arguments.command == "without-class":
        print(train_without_class(config, arguments.out, arguments.work, arguments.label))
    elif arguments.command == "fit":
        print(fit_trust(arguments.model, arguments.folds, config, arguments.work, arguments.most))
    else:
        result = measure_trust(load_model(arguments.model), config, arguments.work, arguments.most)
        write_result(result, arguments.results / "trust" / f"{arguments.model.name}.json")
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
