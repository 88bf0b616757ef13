"""Cells of a laboratory that a model was trained without, with what the model sees in them, and draws of labels."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.classification.bundle import Model, load_model
from napari_wbc.classification.predict import predict_crops
from napari_wbc.classification.replay import Replay, load_replay
from napari_wbc.leukocytes import coarse_class
from napari_wbc.training.evaluation.metrics import FIVE_CLASSES
from napari_wbc.training.manifests import load_crops, read_manifest
from napari_wbc.training.replay import add_replay
from napari_wbc.training.trust.cells import per_pair

ROOT = Path(__file__).resolve().parents[2]
RUNS = Path(os.environ.get("NAPARI_WBC_RUNS", ROOT / "runs"))
MANIFESTS = (RUNS / "robust" / "cells.csv", RUNS / "robust" / "field_crops.csv")
WORK = RUNS / "few_shot"
DOMAINS = ("pbc", "raabin", "chula", "bccd")
SEVEN = (*FIVE_CLASSES, "immature_granulocyte", "erythroblast")
#: Cells of each label that are looked at: a choice among 28,000 costs time and changes no figure by a point.
MOST_PER_LABEL = 450
#: A class with fewer cells can be neither drawn nor measured (the three basophils of bccd).
LEAST_OF_A_CLASS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A laboratory left out.

    Attributes
    ----------
    name : str
        Domain, how its cells are split, and the number of classes where it is not five.
    model : Model
        Trained without it, with replay.
    replay : Replay
        Of the model, guard and all.
    crops : numpy.ndarray of uint8, shape (n, side, side, 3)
        Memory-mapped.
    embeddings : numpy.ndarray, shape (n, d)
        Of the model.
    labels, groups : numpy.ndarray of str, shape (n,)
        Coarse classes; slide, field or near-duplicate cluster.
    classes : tuple of str
        Those that are drawn and measured.
    """

    name: str
    model: Model
    replay: Replay
    crops: NDArray[np.uint8]
    embeddings: NDArray[np.float32]
    labels: NDArray[np.str_]
    groups: NDArray[np.str_]
    classes: tuple[str, ...]


def prepare(domain: str, models: Path, work: Path) -> None:
    """Give the model that was trained without a domain its replay, and keep what it sees in cells of the domain."""
    bundle = work / f"without-{domain}"
    if not bundle.exists():
        shutil.copytree(models / f"without-{domain}", bundle)
        add_replay(bundle, MANIFESTS)
    if (work / f"{domain}.npz").exists():
        return
    rows = read_manifest(MANIFESTS[0])
    rows = rows[(rows["domain"] == domain) & (rows["label"] != "platelet")].reset_index(drop=True)
    rows = rows.iloc[per_pair(rows["domain"], rows["label"], MOST_PER_LABEL, 0)].reset_index(drop=True)
    crops = load_crops(rows)
    seen = predict_crops(load_model(bundle), crops, device="cpu")
    np.save(work / f"{domain}-crops.npy", crops)
    np.savez(
        work / f"{domain}.npz",
        emb=seen.embeddings,
        label=rows["label"].to_numpy(str),
        group=np.where(rows["group"] != "", rows["group"], rows["path"]).astype(str),
    )


def targets(work: Path) -> Iterator[Target]:
    """Give all targets, one after the other.

    In chula a slide holds one class: by slide, a class is often not learned, or not tested. It is split by cell, too.
    """
    for domain in DOMAINS:
        with np.load(work / f"{domain}.npz") as kept:
            embeddings, fine, groups = kept["emb"], kept["label"], kept["group"]
        labels = np.array([coarse_class(str(x)) for x in fine])
        crops = np.load(work / f"{domain}-crops.npy", mmap_mode="r")
        model = load_model(work / f"without-{domain}")
        replay = load_replay(model)
        assert replay is not None
        cells = np.array([f"cell {i}" for i in range(len(labels))])
        splits = {"": groups, " by cell": cells} if domain == "chula" else {"": groups}
        for name, by in splits.items():
            for number, wanted in (("", FIVE_CLASSES), (" (7 classes)", SEVEN)):
                if number and domain != "pbc":
                    continue
                classes = tuple(c for c in wanted if (labels == c).sum() >= LEAST_OF_A_CLASS)
                rows = np.flatnonzero(np.isin(labels, classes))
                yield Target(
                    f"{domain}{name}{number}", model, replay, crops[rows] if len(rows) < 500 else _Rows(crops, rows),  # type: ignore[arg-type]
                    embeddings[rows], labels[rows], by[rows], classes,
                )  # fmt: skip


class _Rows:
    """Rows of a memory-mapped array, read when asked for."""

    def __init__(self, crops: NDArray[np.uint8], rows: NDArray[np.intp]) -> None:
        self._crops, self._rows = crops, rows

    def __getitem__(self, index: NDArray[np.intp]) -> NDArray[np.uint8]:
        return np.asarray(self._crops[self._rows[index]])


def halves(target: Target, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw the groups that labels come from, about half of the cells; all others are the test."""
    random = np.random.default_rng([seed, len(target.labels)])
    names, number = np.unique(target.groups, return_counts=True)
    order = random.permutation(len(names))
    upto = int(np.searchsorted(np.cumsum(number[order]), number.sum() / 2)) + 1
    inside = np.isin(target.groups, names[order[:upto]])
    return np.flatnonzero(inside), np.flatnonzero(~inside)


def draw(target: Target, pool: NDArray[np.intp], labels: str, seed: int) -> NDArray[np.intp]:
    """Draw labelled cells.

    Parameters
    ----------
    labels : str
        "20 per class", or "100 in all": as the cells come.
    """
    random = np.random.default_rng([seed, 7])
    number = int(labels.split()[0])
    order = random.permutation(pool)
    if labels.endswith("in all"):
        return order[:number]
    place = pd.Series(target.labels[order]).groupby(target.labels[order]).cumcount().to_numpy()
    return order[place < number]
