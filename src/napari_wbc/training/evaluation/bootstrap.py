"""Intervals by drawing whole groups again, of one recipe and of the difference between two.

Cells of one slide resemble each other, so slides are drawn and not cells; and the runs of a recipe with several seeds
differ, so seeds are drawn, too. Laboratories are not drawn: four of them are too few to stand for all others, and an
interval speaks of these four only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_wbc.training.evaluation.metrics import Comparison, macro_f1_of_counts

DRAWS = 1000
#: Counts of label against prediction, shape (..., k, k + 1), to one number each, shape (...).
Statistic = Callable[[NDArray[np.number]], NDArray[np.float64]]
#: Counts of each group of a target, shape (groups, k, k + 1), by target and seed.
GroupCounts = Mapping[tuple[str, int], NDArray[np.number]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


def group_counts(comparison: Comparison, groups: Sequence[str]) -> NDArray[np.int64]:
    """Count label against prediction in each group.

    Parameters
    ----------
    comparison : Comparison
        Of n cells.
    groups : sequence of str, length n
        Slide, patient or near-duplicate cluster of each.

    Returns
    -------
    numpy.ndarray of int, shape (groups, k, k + 1)
        In the sorted order of the groups' names; the last column are predictions outside the k classes.
    """
    names, index = np.unique(np.asarray(groups, str), return_inverse=True)
    counts = np.zeros((len(names), len(comparison.names), len(comparison.names) + 1), np.int64)
    np.add.at(counts, (index, comparison.truth, comparison.predicted), 1)
    return counts


def mean_interval(
    runs: GroupCounts, *, statistic: Statistic = macro_f1_of_counts, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Give the mean over targets, of the mean over seeds, of a statistic.

    Parameters
    ----------
    runs : mapping of (target, seed) to numpy.ndarray of shape (groups, k, k + 1)
        From :func:`group_counts`.
    statistic : callable, optional
        Macro-F1 over the classes present by default.
    draws : int, optional
        Number of draws.
    seed : int, optional
        Of the draws.
    """
    drawn = _drawn_means([runs], statistic, draws, seed)[0]
    return interval_of(_mean(runs, statistic), drawn)


def paired_difference(
    runs: GroupCounts,
    against: GroupCounts,
    *,
    statistic: Statistic = macro_f1_of_counts,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Give by how much one recipe is better than another on the same cells.

    Only runs that both have (same target, same seed) are compared; each draw takes the same groups and the same seeds
    of both.

    Parameters
    ----------
    runs, against : mapping of (target, seed) to numpy.ndarray of shape (groups, k, k + 1)
        From :func:`group_counts`, of the same cells.
    statistic, draws, seed : optional
        As in :func:`mean_interval`.
    """
    common = sorted(set(runs) & set(against))
    for key in common:
        cells = [np.asarray(r[key]).sum(axis=2) for r in (runs, against)]
        if cells[0].shape != cells[1].shape or (cells[0] != cells[1]).any():
            raise ValueError(f"the runs on {key[0]} with seed {key[1]} were tested on different cells")
    ours, theirs = {k: runs[k] for k in common}, {k: against[k] for k in common}
    drawn = _drawn_means([ours, theirs], statistic, draws, seed)
    return interval_of(_mean(ours, statistic) - _mean(theirs, statistic), drawn[0] - drawn[1])


def _seeds_by_target(runs: GroupCounts) -> dict[str, list[int]]:
    seeds: dict[str, list[int]] = {}
    for target, seed in sorted(runs):
        seeds.setdefault(target, []).append(seed)
    return seeds


def _mean(runs: GroupCounts, statistic: Statistic) -> float:
    means = [
        np.mean([statistic(np.asarray(runs[target, s]).sum(axis=0)) for s in seeds])
        for target, seeds in _seeds_by_target(runs).items()
    ]
    return float(np.mean(means)) if means else float("nan")


def _drawn_means(
    recipes: Sequence[GroupCounts], statistic: Statistic, draws: int, seed: int
) -> NDArray[np.float64]:
    """Give the mean of each recipe in each draw, shape ``(recipes, draws)``; all have the same targets and seeds."""
    by_target = []
    for target, seeds in _seeds_by_target(recipes[0]).items():
        # A generator for each target: its draws do not depend on which other targets there are.
        random = np.random.default_rng([seed, *target.encode()])
        groups = len(recipes[0][target, seeds[0]])
        times = random.multinomial(groups, np.full(groups, 1.0 / groups), size=draws).astype(np.float64)
        chosen = random.integers(len(seeds), size=(len(seeds), draws))
        of_recipes = []
        for runs in recipes:
            values = []
            for s in seeds:
                counts = np.asarray(runs[target, s], np.float64)
                values.append(
                    statistic((times @ counts.reshape(groups, -1)).reshape(draws, *counts.shape[1:]))
                )
            of_recipes.append(np.take_along_axis(np.stack(values), chosen, axis=0).mean(axis=0))
        by_target.append(np.stack(of_recipes))
    return np.asarray(np.mean(by_target, axis=0))


def interval_of(value: float, drawn: NDArray[np.float64]) -> Interval:
    """Give a value with the 2.5th and the 97.5th percentile of its draws; draws without a value are passed over."""
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Interval(value, float(low), float(high))
