"""Does the confidence mean what it says: reliability by bins, and what is left of the errors where doubt abstains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Reliability:
    """Cells, mean confidence and accuracy in bins of equal width (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Attributes
    ----------
    cells : numpy.ndarray of int, shape (bins,)
        Cells in each bin.
    confidence, accuracy : numpy.ndarray, shape (bins,)
        Means of each bin, nan where it is empty.
    """

    cells: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def calibration_error(self) -> float:
        """Mean gap between confidence and accuracy, weighted by the cells."""
        filled = self.cells > 0
        gap = np.abs(self.confidence[filled] - self.accuracy[filled])
        return float(np.sum(gap * self.cells[filled]) / max(1, int(self.cells.sum())))

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for JSON; empty bins are null."""
        return {
            "cells": self.cells.tolist(),
            "confidence": [None if np.isnan(v) else round(float(v), 4) for v in self.confidence],
            "accuracy": [None if np.isnan(v) else round(float(v), 4) for v in self.accuracy],
        }


def reliability(confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = 15) -> Reliability:
    """Sort cells into bins by their confidence.

    Parameters
    ----------
    confidence : numpy.ndarray, shape (n,)
        Probability of the predicted class, 0..1.
    correct : numpy.ndarray of bool, shape (n,)
        Whether it is the right one.
    bins : int, optional
        Number of bins.

    Examples
    --------
    >>> import numpy as np
    >>> reliability(np.array([0.95, 0.95]), np.array([True, False]), bins=2).accuracy.tolist()
    [nan, 0.5]
    """
    confidence = np.asarray(confidence, np.float64)
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    cells = np.bincount(index, minlength=bins)
    empty = np.full(bins, np.nan)
    mean = np.divide(np.bincount(index, confidence, bins), cells, out=empty.copy(), where=cells > 0)
    right = np.divide(np.bincount(index, correct, bins), cells, out=empty.copy(), where=cells > 0)
    return Reliability(cells, mean, right)


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Share of wrong labels among the most confident cells (Geifman and El-Yaniv 2017, https://arxiv.org/abs/1705.08500).

    Attributes
    ----------
    coverage, risk : numpy.ndarray, shape (points,)
        Share of the cells that keep a label, from few to all, and the share of wrong ones among them.
    area : float
        Area under the curve over all coverages; less is better.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    area: float

    def accuracy_at(self, coverage: float) -> float:
        """Give the accuracy where so large a share of the cells keeps a label."""
        return 1.0 - float(np.interp(coverage, self.coverage, self.risk))

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for JSON."""
        return {
            "coverage": self.coverage.round(4).tolist(),
            "risk": self.risk.round(4).tolist(),
            "area": round(self.area, 4),
        }


def risk_coverage(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], points: int = 20
) -> RiskCoverage:
    """Let the least confident cells abstain first.

    Cells of the same confidence keep or lose their label together: each counts as wrong by their common share.

    Parameters
    ----------
    confidence : numpy.ndarray, shape (n,)
        Any score that is higher for surer cells.
    correct : numpy.ndarray of bool, shape (n,)
        Whether each label is right.
    points : int, optional
        At which the curve is given: coverage 1/points, 2/points, ..., 1.

    Examples
    --------
    >>> import numpy as np
    >>> curve = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]), points=4)
    >>> curve.risk.tolist(), curve.accuracy_at(0.75)
    ([0.0, 0.0, 0.0, 0.25], 1.0)
    """
    coverage = np.arange(1, points + 1) / points
    n = len(confidence)
    if not n:
        return RiskCoverage(coverage, np.full(points, np.nan), float("nan"))
    _, tied = np.unique(-np.asarray(confidence, np.float64), return_inverse=True)
    share_wrong = np.bincount(tied, ~np.asarray(correct, bool)) / np.bincount(tied)
    risk = np.cumsum(share_wrong[np.sort(tied)]) / np.arange(1, n + 1)
    kept = np.maximum(np.ceil(coverage * n - 1e-9).astype(int), 1)
    return RiskCoverage(coverage, risk[kept - 1], float(risk.mean()))
