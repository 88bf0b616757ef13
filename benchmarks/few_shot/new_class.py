"""A class that the source was trained without comes back from a few labels: how well, and what the others lose."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.adaptation.adapt import adapt
from napari_wbc.adaptation.cells import LabelledCells
from napari_wbc.adaptation.instant import InstantAdaptation
from napari_wbc.adaptation.outputs import upper_outputs
from napari_wbc.adaptation.start import start_of
from napari_wbc.classification.bundle import load_model
from napari_wbc.classification.predict import calibrated, predict_crops
from napari_wbc.classification.replay import load_replay
from napari_wbc.leukocytes import coarse_class
from napari_wbc.training.evaluation.metrics import Metrics, measure
from napari_wbc.training.evaluation.tables import markdown_table
from napari_wbc.training.manifests import load_crops
from napari_wbc.training.replay import add_replay, choose_replay, training_config
from napari_wbc.training.train import held_out, read_manifests

from .adapted import measured, some_of
from .cells import MANIFESTS, SEVEN, Target, halves
from .instant import head_of, write
from .tables import written

CLASS, DOMAIN = "erythroblast", "pbc"
LABELS, BESIDE, DRAWS = (0, 5, 10, 20), 10, 5
_MOST_OF_CLASS = 400
_ABOUT = (
    f"A model trained on all laboratories without a single {CLASS} (benchmarks.classification.trust without-class), "
    f"given a few {CLASS}s of {DOMAIN} beside {BESIDE} labels of each of the six other coarse classes. Labels and "
    "test cells share no near-duplicate cluster; no cell of either was trained on or is in the guard. F1 over all test "
    "cells, 31 % of them erythroblasts; *others* are the six other classes: mean recall and mean F1. With 0 "
    "labels the model learns the same labels of the others alone. *Source lost*: accuracy on the guard, points. Mean ± "
    "standard deviation over 5 draws (instant); the refine mode was run once for each number, and draw 0 of the "
    "instant mode stands below it."
)


def prepare(models: Path, work: Path) -> None:
    """Give the model its replay, and keep what it sees in cells that it was not trained on."""
    bundle = work / f"without-{CLASS}"
    if not bundle.exists():
        shutil.copytree(models / f"without-{CLASS}", bundle)
        add_replay(bundle, MANIFESTS)
    if (work / f"{CLASS}.npz").exists():
        return
    model = load_model(bundle)
    config = training_config(model, MANIFESTS)
    rows = read_manifests(config)
    fresh = held_out(rows, config)
    fresh[choose_replay(rows, config)[0]] = False
    coarse = rows["label"].map(coarse_class)
    of_class = np.flatnonzero((rows["domain"] == DOMAIN) & (coarse == CLASS))
    others = np.flatnonzero(fresh & (rows["domain"] == DOMAIN) & coarse.isin(set(SEVEN) - {CLASS}))
    some = np.concatenate([others, np.random.default_rng(0).permutation(of_class)[:_MOST_OF_CLASS]])
    crops = load_crops(rows.iloc[some].reset_index(drop=True))
    np.save(work / f"{CLASS}-crops.npy", crops)
    np.savez(
        work / f"{CLASS}.npz",
        emb=predict_crops(model, crops, device="cpu").embeddings,
        label=coarse.iloc[some].to_numpy(str),
        group=rows["group"].iloc[some].to_numpy(str),
    )


def target_of(work: Path) -> Target:
    """Load it."""
    model = load_model(work / f"without-{CLASS}")
    replay = load_replay(model)
    assert replay is not None
    with np.load(work / f"{CLASS}.npz") as kept:
        embeddings, labels, groups = kept["emb"], kept["label"], kept["group"]
    crops = np.load(work / f"{CLASS}-crops.npy", mmap_mode="r")
    return Target(f"{DOMAIN} without {CLASS}", model, replay, crops, embeddings, labels, groups, SEVEN)


def draw_labels(target: Target, pool: NDArray[np.intp], number: int, seed: int) -> NDArray[np.intp]:
    """Draw so many cells of the class and 10 of each other one; more labels are the same ones and others."""
    order = np.random.default_rng([seed, 7]).permutation(pool)
    place = pd.Series(target.labels[order]).groupby(target.labels[order]).cumcount().to_numpy()
    return order[place < np.where(target.labels[order] == CLASS, number, BESIDE)]


def figures(found: Metrics) -> dict[str, float]:
    """Give what becomes of the class, and of the others."""
    others = [name for name in found.f1 if name != CLASS]
    return {
        "f1": found.f1[CLASS],
        "recall": found.recall[CLASS],
        "others_recall": float(np.mean([found.recall[name] for name in others])),
        "others_f1": float(np.mean([found.f1[name] for name in others])),
    }


def instant_rows(target: Target) -> list[dict[str, Any]]:
    """Give one row for each number of labels and draw, and one for the source in each draw."""
    ready = InstantAdaptation(target.model, target.embeddings)
    guard = target.replay.rows(target.replay.guard)
    guard_seen = upper_outputs(target.model.network("cpu"), guard.maps)[1]

    def right(model: Any) -> float:
        p = calibrated(model, head_of(model).logits(guard_seen))
        return measure(p, model.classes, list(guard.labels)).accuracy

    rows = []
    before = right(target.model)
    for seed in range(DRAWS):
        pool, test = halves(target, seed)
        for number in (None, *LABELS):
            if number is None:
                model = target.model
            else:
                labelled = draw_labels(target, pool, number, seed)
                model = ready.fit(labelled, list(target.labels[labelled])).model
            p = calibrated(model, start_of(model, ()).head.logits(target.embeddings[test]))
            found = measure(p, model.classes, list(target.labels[test]), names=target.classes)
            method = "source" if number is None else "instant"
            row = {"method": method, "labels": number or 0, "draw": seed, "tested": found.cells}
            rows.append(row | figures(found) | {"source_lost": before - right(model)})
    return rows


def refined_row(target: Target, number: int, seed: int = 0) -> dict[str, Any]:
    """Adapt with the default recipe."""
    pool, test = halves(target, seed)
    labelled = draw_labels(target, pool, number, seed)
    cells = LabelledCells(
        np.asarray(target.crops[labelled]), target.labels[labelled], target.groups[labelled],
        np.array([str(i) for i in labelled]),
    )  # fmt: skip
    begun = time.process_time()
    adapted = adapt(target.model, cells, device="cpu")
    seconds = time.process_time() - begun
    found, verdict = measured(adapted, target, some_of(test, seed)), adapted.verdict
    assert verdict.guard is not None
    row = {"method": "refine", "labels": number, "draw": seed, "tested": found.cells}
    told = {
        "accepted": verdict.accepted,
        "reasons": list(verdict.reasons),
        "point": adapted.stated["adaptation"]["point"],
    }
    return row | figures(found) | {"source_lost": verdict.guard.lost, **told, "cpu_seconds": seconds}


def main(work: Path, results: Path) -> None:
    """Measure both modes; refinements that are there already are not done again."""
    file, target = results / "new-class.json", target_of(work)
    kept: list[dict[str, Any]] = json.loads(file.read_text()) if file.is_file() else []
    refined = [row for row in kept if row["method"] == "refine"]
    rows = instant_rows(target)
    for number in LABELS[1:]:
        if not any(row["labels"] == number for row in refined):
            refined.append(refined_row(target, number))
            print(refined[-1], flush=True)
        write([*rows, *refined], file)
        (results / "new-class.md").write_text(report(written(file)))


def report(rows: pd.DataFrame) -> str:
    """Give the table as Markdown."""
    lines = []
    first = rows[(rows["method"] == "instant") & (rows["draw"] == 0) & (rows["labels"] > 0)]
    for name, part in (("", rows), ("draw 0", first)):
        for (method, labels), of in part.groupby(["method", "labels"], sort=False):
            if name:
                method = f"{method}, {name}"
            line: dict[str, object] = {"method": method, f"labels of {CLASS}": labels}
            for measure_name, title in (
                ("f1", "F1 of the class"), ("recall", "recall of the class"), ("others_recall", "recall of the others"),
                ("others_f1", "F1 of the others"), ("source_lost", "source lost"),
            ):  # fmt: skip
                values = 100 * of[measure_name]
                line[title] = f"{values.mean():.1f}" + (f" ± {values.std():.1f}" if len(of) > 1 else "")
            if method == "refine":
                line["verdict"] = "accepted" if of["accepted"].iloc[0] else "; ".join(of["reasons"].iloc[0])
            lines.append({"verdict": ""} | line)
    lines = [
        {k: v for k, v in line.items() if k != "verdict"} | {"verdict": line["verdict"]} for line in lines
    ]
    return "\n".join(
        [f"# A class left out and added again: {CLASS}", "", _ABOUT, "", markdown_table(lines), ""]
    )
