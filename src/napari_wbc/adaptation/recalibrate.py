"""Temperature, conformal sets and novelty of an adapted model, fitted on cells that it did not learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.adaptation.balance import TARGET
from napari_wbc.adaptation.outputs import probabilities_of
from napari_wbc.adaptation.start import Start
from napari_wbc.classification.calibration import fit_temperature
from napari_wbc.classification.conformal import coarse_probabilities
from napari_wbc.classification.novelty import NoveltyReference, nucleated_columns, raw_parts, unit_length
from napari_wbc.leukocytes import coarse_class, is_nucleated
from napari_wbc.training.manifests import label_members
from napari_wbc.training.trust.cells import (
    JudgedCells,
    equal_weights,
    per_pair,
    weighted_mean_and_spread,
    weighted_quantiles,
)
from napari_wbc.training.trust.unseen import sharpest_level

#: Labelled cells as which the temperature of the source counts.
_WORTH_OF_SOURCE = 50
#: Fewer cells settle no threshold; that of the source stays.
_LEAST_FOR_SETS = 50
#: Reference cells kept of each pair of domain and label.
_REFERENCE_PER_PAIR = 24


@dataclass(frozen=True, slots=True, eq=False)
class SeenCells:
    """Cells of the target and of the source, as the adapted network sees them.

    Attributes
    ----------
    target : JudgedCells
        Labelled cells: logits of models that did not learn from them, embeddings of the adapted one.
    folds : numpy.ndarray of int, shape (n,)
        Of the target's cells.
    replayed, guard : JudgedCells
        Cells of the training; both empty where the source brought none.
    """

    target: JudgedCells
    folds: NDArray[np.intp]
    replayed: JudgedCells
    guard: JudgedCells


def recalibrate(
    start: Start, seen: SeenCells, *, seed: int = 0
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Fit what makes an adapted model know what it does not know.

    Parameters
    ----------
    start : Start
        The source.
    seen : SeenCells
        What to fit on.
    seed : int, optional
        Of the choice of reference cells.

    Returns
    -------
    tensors : dict of str to numpy.ndarray
        That replace those of the source.
    stated : dict
        Entries of ``model.json`` that replace those of the source.
    """
    temperature = _temperature(start, seen.target)
    tensors, novelty = _novelty(start, seen, temperature, seed)
    stated: dict[str, Any] = {"temperature": round(temperature, 4), "novelty": novelty}
    sets = _sets(start, seen.target, temperature)
    if sets is not None:
        stated["conformal"] = sets
    return tensors, stated


def _temperature(start: Start, target: JudgedCells) -> float:
    """Fit the temperature, and hold it to that of the source as long as labels are few."""
    n = len(target)
    members = label_members(list(map(str, target.labels)), start.classes)
    fitted = fit_temperature(target.logits, members, np.ones(n), start.log_prior)
    weight = n / (n + _WORTH_OF_SOURCE)
    return float(np.exp(weight * np.log(fitted) + (1.0 - weight) * np.log(start.temperature)))


def _sets(start: Start, target: JudgedCells, temperature: float) -> dict[str, float] | None:
    cells = target.nucleated()
    names, sums = coarse_probabilities(probabilities_of(start, cells.logits, temperature), start.classes)
    coarse = [coarse_class(str(x)) for x in cells.labels]
    kept = np.flatnonzero([c in names for c in coarse])
    if len(kept) < _LEAST_FOR_SETS:
        return None
    truth = np.array([names.index(coarse[i]) for i in kept], np.intp)
    level, threshold = sharpest_level(sums[kept], truth, np.ones(len(kept)))
    return {"level": level, "threshold": round(threshold, 6)}


def _novelty(
    start: Start, seen: SeenCells, temperature: float, seed: int
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    before = NoveltyReference.of(start.model)
    stated = dict(start.model.info["novelty"])
    target, folds = _nucleated(seen.target, seen.folds)
    # The network has changed, and with it where the cells of the source lie.
    old = _references(seen.replayed.nucleated(), seed) if len(seen.replayed) else before.reference
    mine = np.sort(per_pair(target.domains, target.labels, _REFERENCE_PER_PAIR, seed))
    added = unit_length(target.embeddings[mine])
    reference = np.concatenate([old, added]).astype(np.float16)
    guard = seen.guard.nucleated()
    if not len(guard) or not len(target):
        return {"novelty.reference": reference}, stated
    columns, neighbours = nucleated_columns(start.classes), before.neighbours
    parts = [raw_parts(guard.logits[:, columns], guard.embeddings, reference, neighbours)]
    order = []
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        # A cell is near itself, and near the others of its slide: it is compared with the other folds.
        others = np.concatenate([old, added[folds[mine] != fold]])
        parts.append(raw_parts(target.logits[rows][:, columns], target.embeddings[rows], others, neighbours))
        order.append(rows)
    values = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    both = [guard, *(target.rows(rows) for rows in order)]
    logits = np.concatenate([cells.logits for cells in both])
    labels = np.concatenate([cells.labels for cells in both])
    weights = equal_weights(np.concatenate([cells.domains for cells in both]))
    scaled = {
        name: weighted_mean_and_spread(part, weights) for name, part in values.items() if name in before.parts
    }
    total = np.zeros(len(labels))
    for name, (mean, spread) in scaled.items():
        total += (values[name] - mean) / spread
    members = label_members(list(map(str, labels)), start.classes)
    probabilities = probabilities_of(start, logits, temperature)
    right = members[np.arange(len(labels)), probabilities.argmax(axis=1)]
    if not right.any():
        return {"novelty.reference": reference}, stated
    stated |= {
        "parts": {name: list(pair) for name, pair in scaled.items()},
        "quantiles": weighted_quantiles(total[right], weights[right]),
        "cells": "of the adapted laboratory and the source's, not learned from, classified rightly",
    }
    return {"novelty.reference": reference}, stated


def _nucleated(target: JudgedCells, folds: NDArray[np.intp]) -> tuple[JudgedCells, NDArray[np.intp]]:
    rows = np.flatnonzero([is_nucleated(coarse_class(str(x))) for x in target.labels])
    return target.rows(rows), folds[rows]


def _references(cells: JudgedCells, seed: int) -> NDArray[np.float64]:
    chosen = per_pair(cells.domains, cells.labels, _REFERENCE_PER_PAIR, seed)
    return np.asarray(unit_length(cells.embeddings[chosen]), float)


def target_cells(
    logits: NDArray[np.floating],
    embeddings: NDArray[np.floating],
    labels: NDArray[np.str_],
    groups: NDArray[np.str_],
) -> JudgedCells:
    """Put labelled cells into the form that the fits take; they are one domain."""
    return JudgedCells(logits, embeddings, labels, np.full(len(labels), TARGET), groups)
