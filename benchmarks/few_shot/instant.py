"""The instant mode against doing nothing, a probe from nothing, and the same without replay."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.adaptation import instant
from napari_wbc.adaptation.balance import balanced_rows, log_shares
from napari_wbc.adaptation.head import Head, HeadCells, shrunken_head
from napari_wbc.adaptation.instant import InstantAdaptation
from napari_wbc.adaptation.outputs import upper_outputs
from napari_wbc.adaptation.start import start_of
from napari_wbc.classification.bundle import Model
from napari_wbc.classification.predict import calibrated
from napari_wbc.training.evaluation.metrics import measure

from .cells import Target, draw, halves

LABELS = (*(f"{n} per class" for n in (1, 2, 5, 10, 20, 50)), *(f"{n} in all" for n in (25, 50, 100)))
DRAWS = 5
PULLS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)


class Figures:
    """Measures a head on test cells of the target and on the guard of the source."""

    def __init__(self, target: Target) -> None:
        self._target = target
        guard = target.replay.rows(target.replay.guard)
        self._guard = guard
        self._guard_embeddings = upper_outputs(target.model.network("cpu"), guard.maps)[1]
        self.source = self._of_guard(target.model, start_of(target.model, ()).head)

    def _of_guard(self, model: Model, head: Head) -> float:
        p = calibrated(model, head.logits(self._guard_embeddings))
        return measure(p, model.classes, list(self._guard.labels)).accuracy

    def __call__(self, model: Model, head: Head, test: NDArray[np.intp]) -> dict[str, float]:
        """Give accuracy, balanced accuracy and macro-F1 of the target, and points lost on the source."""
        target = self._target
        p = calibrated(model, head.logits(target.embeddings[test]))
        m = measure(p, model.classes, list(target.labels[test]), names=target.classes)
        return {
            "accuracy": m.accuracy,
            "balanced_accuracy": m.balanced_accuracy,
            "macro_f1": m.macro_f1,
            "calibration_error": m.calibration_error,
            "source_lost": self.source - self._of_guard(model, head),
        }


def head_of(model: Model) -> Head:
    """Give the last layer of a model."""
    return start_of(model, ()).head


def probe(target: Target, rows: NDArray[np.intp]) -> Head:
    """Fit a linear layer from nothing to the labelled cells alone."""
    start = start_of(target.model, ())
    of = balanced_rows(target.labels[rows], [], [], start.classes)
    cells = HeadCells(target.embeddings[rows], of.members, of.weights * len(rows), log_shares(of))
    nothing = Head(np.zeros_like(start.head.weight), np.zeros_like(start.head.bias))
    return shrunken_head(nothing, cells, pull=0.003, most_steps=200)


def without_replay(target: Target, rows: NDArray[np.intp]) -> Head:
    """Fit the head of the source, held close, to the labelled cells alone."""
    start = start_of(target.model, ())
    of = balanced_rows(target.labels[rows], [], [], start.classes)
    cells = HeadCells(target.embeddings[rows], of.members, of.weights * len(rows), log_shares(of))
    return shrunken_head(start.head, cells, pull=0.3)


def run(target: Target) -> list[dict[str, Any]]:
    """Give one row for every method, number of labels and draw."""
    figures = Figures(target)
    ready = InstantAdaptation(target.model, target.embeddings)
    rows_of_table = []
    for seed in range(DRAWS):
        pool, test = halves(target, seed)
        for labels in LABELS:
            rows = draw(target, pool, labels, seed)
            begun = time.process_time()
            ours = ready.fit(rows, list(target.labels[rows])).model
            seconds = time.process_time() - begun
            heads: Mapping[str, tuple[Model, Head]] = {
                "no adaptation": (target.model, head_of(target.model)),
                "linear probe": (target.model, probe(target, rows)),
                "head without replay": (target.model, without_replay(target, rows)),
                "instant": (ours, head_of(ours)),
            }
            for method, (model, head) in heads.items():
                row = {
                    "target": target.name,
                    "method": method,
                    "labels": labels,
                    "cells": len(rows),
                    "draw": seed,
                }
                rows_of_table.append(row | figures(model, head, test) | {"seconds": seconds})
    return rows_of_table


def choose_pull(of: Target) -> dict[float, float]:
    """Give the balanced accuracy of each pull with 100 labels in all, on draws that no table rests on."""
    figures, ready = Figures(of), InstantAdaptation(of.model, of.embeddings)
    found: dict[float, list[float]] = {pull: [] for pull in PULLS}
    usual = instant.PULL
    try:
        for pull, values in found.items():
            instant.PULL = pull
            for seed in range(100, 105):
                pool, test = halves(of, seed)
                rows = draw(of, pool, "100 in all", seed)
                ours = ready.fit(rows, list(of.labels[rows])).model
                values.append(figures(ours, head_of(ours), test)["balanced_accuracy"])
    finally:
        instant.PULL = usual
    return {pull: float(np.mean(values)) for pull, values in found.items()}


def write(rows: list[dict[str, Any]], file: Path) -> None:
    """Keep rows, rounded."""
    file.parent.mkdir(parents=True, exist_ok=True)
    plain = [{k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    file.write_text("[\n" + ",\n".join(json.dumps(row) for row in plain) + "\n]\n")
