"""Passing-Bablok regression: the line between two methods that both have errors, and whether it is one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class PassingBablok:
    """The line ``y = intercept + slope * x`` between two methods.

    Attributes
    ----------
    n : int
        Pairs.
    slope, slope_low, slope_high : float
        With its interval; infinite limits where there are too few pairs for one.
    intercept, intercept_low, intercept_high : float
        In the unit of ``y``, with its interval.
    linearity : float
        The CUSUM statistic of Passing and Bablok; NaN where all points lie on one side.
    linearity_p : float
        Chance of one as large if the relation is a line (Kolmogorov's distribution).
    """

    n: int
    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    intercept_low: float
    intercept_high: float
    linearity: float
    linearity_p: float


def passing_bablok(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> PassingBablok:
    """Fit the line of Passing and Bablok (1983).

    The slope is the median of the slopes between all pairs of points, shifted by the number of slopes below -1 so that
    x and y can be exchanged. Ties as published: two equal points say nothing and are left out, points one above the
    other have an infinite slope, and slopes of exactly -1 are left out.

    Parameters
    ----------
    x, y : array_like of float, shape (n,)
        The same samples by both methods; n is at least 3.
    confidence : float, optional
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    PassingBablok

    Raises
    ------
    ValueError
        The lengths differ, there are fewer than 3 pairs, a value is not finite, or the values differ too little for a
        line (most of x are equal, for one).

    References
    ----------
    Passing, Bablok, J. Clin. Chem. Clin. Biochem. 21 (1983) 709-720.

    Examples
    --------
    >>> fit = passing_bablok([1, 2, 3, 4, 5], [3, 5, 7, 9, 11])
    >>> fit.slope, fit.intercept
    (2.0, 1.0)
    """
    first, second = _pairs(x, y)
    n = len(first)
    slopes = _slopes(first, second)
    number, shift = len(slopes), int((slopes < -1).sum())
    middle = [(number - 1) // 2 + shift, number // 2 + shift]
    if number == 0 or middle[1] >= number or not np.isfinite(slopes[middle]).all():
        raise ValueError("the values differ too little for a line")
    slope = float(slopes[middle].mean())
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    # Ranks as published count from 1.
    below = round((number - half) / 2)
    above = number - below + 1
    low = float(slopes[below + shift - 1]) if below >= 1 else -math.inf
    high = float(slopes[above + shift - 1]) if below >= 1 and above + shift <= number else math.inf
    intercept = float(np.median(second - slope * first))
    statistic, p = _linearity(first, second, slope, intercept)
    return PassingBablok(
        n=n,
        slope=slope,
        slope_low=low,
        slope_high=high,
        intercept=intercept,
        intercept_low=float(np.median(second - high * first)) if math.isfinite(high) else -math.inf,
        intercept_high=float(np.median(second - low * first)) if math.isfinite(low) else math.inf,
        linearity=statistic,
        linearity_p=p,
    )


def _pairs(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(x, float), np.asarray(y, float)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"{first.shape} values of x for {second.shape} of y")
    if len(first) < 3:
        raise ValueError(f"{len(first)} pairs; a line needs at least 3")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a value is not finite")
    return first, second


def _slopes(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the slopes that count, in order."""
    i, j = np.triu_indices(len(x), 1)
    dx, dy = x[j] - x[i], y[j] - y[i]
    told = (dx != 0) | (dy != 0)
    dx, dy = dx[told], dy[told]
    # The sign of an infinite slope depends on the order of the points; the shift makes up for it.
    slopes = np.divide(dy, dx, out=np.full(len(dx), math.inf), where=dx != 0)
    # Differences of decimal numbers are exact but for the last digits.
    return np.sort(slopes[~np.isclose(slopes, -1.0, rtol=0, atol=1e-9)])


def _linearity(
    x: NDArray[np.float64], y: NDArray[np.float64], slope: float, intercept: float
) -> tuple[float, float]:
    """Give the CUSUM statistic and its p-value."""
    from scipy.special import kolmogorov

    residual = y - intercept - slope * x
    # What lies on the line must not fall to one side by the last digit.
    near = 1e-9 * max(1.0, float(np.abs(y).max()))
    over, under = residual > near, residual < -near
    n_over, n_under = int(over.sum()), int(under.sum())
    if not n_over or not n_under:
        return math.nan, math.nan
    scores = np.zeros(len(x))
    scores[over], scores[under] = math.sqrt(n_under / n_over), -math.sqrt(n_over / n_under)
    # Along the line: the order of the feet of the perpendiculars, and for a flat line that of x.
    along = np.argsort(x + slope * (y - intercept), kind="stable")
    statistic = float(np.abs(np.cumsum(scores[along])).max() / math.sqrt(n_under + 1))
    return statistic, float(kolmogorov(statistic))
