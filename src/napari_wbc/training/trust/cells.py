"""Labelled cells with what a network said of them, and how they are weighed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_wbc.leukocytes import coarse_class, is_nucleated

_QUANTILES = 201


@dataclass(frozen=True, slots=True)
class JudgedCells:
    """What a network said of labelled cells.

    Attributes
    ----------
    logits : numpy.ndarray, shape (n, k)
        Of the classes of the model.
    embeddings : numpy.ndarray, shape (n, d)
        Of the same cells.
    labels, domains, groups : numpy.ndarray of str, shape (n,)
        Labels may be coarse; a group is a slide, or a single cell where slides are not known.
    """

    logits: NDArray[np.floating]
    embeddings: NDArray[np.floating]
    labels: NDArray[np.str_]
    domains: NDArray[np.str_]
    groups: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, index: NDArray[np.intp]) -> JudgedCells:
        """Give some of the rows."""
        return JudgedCells(
            self.logits[index],
            self.embeddings[index],
            self.labels[index],
            self.domains[index],
            self.groups[index],
        )

    def nucleated(self) -> JudgedCells:
        """Give the leukocytes and erythroblasts."""
        return self.rows(np.flatnonzero([is_nucleated(coarse_class(x)) for x in self.labels]))


def per_pair(domains: Iterable[str], labels: Iterable[str], most: int, seed: int) -> NDArray[np.intp]:
    """Choose at random at most so many rows of every pair of domain and class; ascending row numbers.

    Examples
    --------
    >>> per_pair(["a", "a", "b"], ["x", "x", "x"], 1, 0).shape
    (2,)
    """
    random = np.random.default_rng(seed)
    pairs = np.array([f"{d}/{label}" for d, label in zip(domains, labels, strict=True)])
    chosen = [random.permutation(np.flatnonzero(pairs == pair))[:most] for pair in np.unique(pairs)]
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.intp)


def equal_weights(domains: NDArray[np.str_]) -> NDArray[np.float64]:
    """Give weights that sum to the number of rows, the same sum for every domain.

    Examples
    --------
    >>> equal_weights(np.array(["a", "a", "a", "b"])).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    _, inverse, counts = np.unique(domains, return_inverse=True, return_counts=True)
    return np.asarray(len(domains) / (len(counts) * counts[inverse]))


def weighted_mean_and_spread(
    values: NDArray[np.floating], weights: NDArray[np.floating]
) -> tuple[float, float]:
    """Give mean and standard deviation of weighted values, to six digits; the latter is never 0.

    Examples
    --------
    >>> weighted_mean_and_spread(np.array([0.0, 2.0]), np.array([1.0, 1.0]))
    (1.0, 1.0)
    """
    mean = float(np.average(values, weights=weights))
    spread = float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
    return round(mean, 6), round(max(spread, 1e-6), 6)


def weighted_quantiles(values: NDArray[np.floating], weights: NDArray[np.floating]) -> list[float]:
    """Give 201 evenly spaced quantiles (0 to 1) of weighted values."""
    order = np.argsort(values)
    position = np.cumsum(weights[order]) - 0.5 * weights[order]
    even = np.linspace(0.0, 1.0, _QUANTILES) * weights.sum()
    return [round(float(q), 6) for q in np.interp(even, position, np.asarray(values, float)[order])]
