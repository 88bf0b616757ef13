"""The refine mode: the adapted model on test cells, and what its own verdict said of it."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_wbc.adaptation.adapt import adapt
from napari_wbc.adaptation.cells import LabelledCells
from napari_wbc.errors import InputError

from .adapted import measured, some_of
from .cells import Target, draw, halves
from .instant import Figures, head_of, write


def run(of: Iterable[Target], wanted: Sequence[str], labels: Sequence[str], draws: int, file: Path) -> None:
    """Adapt to each target, draw by draw; what is there already is not done again."""
    rows: list[dict[str, Any]] = json.loads(file.read_text()) if file.is_file() else []
    done = {(r["target"], r["labels"], r["draw"]) for r in rows}
    all_targets = [target for target in of if not wanted or target.name in wanted]
    for seed, name, target in itertools.product(range(draws), labels, all_targets):
        if (target.name, name, seed) in done:
            continue
        rows += _adapted(target, Figures(target), name, seed)
        write(rows, file)
        print(rows[-1], flush=True)


def _adapted(target: Target, figures: Figures, labels: str, seed: int) -> list[dict[str, Any]]:
    pool, test = halves(target, seed)
    test = some_of(test, seed)
    rows = draw(target, pool, labels, seed)
    named = np.array([str(i) for i in rows])
    cells = LabelledCells(np.asarray(target.crops[rows]), target.labels[rows], target.groups[rows], named)
    row = {"target": target.name, "labels": labels, "cells": len(rows), "draw": seed}
    before = figures(target.model, head_of(target.model), test)
    begun, cpu = time.perf_counter(), time.process_time()
    try:
        adapted = adapt(target.model, cells, device="cpu")
    except InputError as error:
        return [
            row | {"method": "no adaptation", **before},
            row | {"method": "refine", **before, "note": str(error)},
        ]
    used = {"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - cpu}
    verdict, m = adapted.verdict, measured(adapted, target, test)
    assert verdict.guard is not None
    after = {
        "accuracy": m.accuracy,
        "balanced_accuracy": m.balanced_accuracy,
        "macro_f1": m.macro_f1,
        "calibration_error": m.calibration_error,
        "source_lost": verdict.guard.lost,
    }
    told = {
        "accepted": verdict.accepted,
        "point": adapted.stated["adaptation"]["point"],
        "verdict_before": verdict.measures["balanced_accuracy"].before.value,
        "verdict_after": verdict.measures["balanced_accuracy"].after.value,
        "reasons": list(verdict.reasons),
    }
    return [row | {"method": "no adaptation", **before}, row | {"method": "refine", **after, **told, **used}]
