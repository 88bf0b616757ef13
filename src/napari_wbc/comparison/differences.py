"""Bland-Altman: by how much two methods differ, and within which limits most differences lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Differences second minus first, in the unit of the values.

    Attributes
    ----------
    n : int
        Pairs.
    bias, bias_low, bias_high : float
        Mean difference with its interval.
    sd : float
        Standard deviation of the differences.
    lower, lower_low, lower_high, upper, upper_low, upper_high : float
        Limits of agreement, between which 95 % of the differences are expected, each with its interval.
    trend, trend_p : float
        Spearman's correlation of the size of the difference with the level, and its p-value: where it is clear, one
        pair of limits does not serve all levels. NaN where either does not vary.
    """

    n: int
    bias: float
    bias_low: float
    bias_high: float
    sd: float
    lower: float
    lower_low: float
    lower_high: float
    upper: float
    upper_low: float
    upper_high: float
    trend: float
    trend_p: float


def bland_altman(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> BlandAltman:
    """Describe the differences between two methods.

    The limits are ``bias ± 1.96 sd``. Intervals follow Student's distribution with n - 1 degrees of freedom; the
    standard error of a limit is ``sd * sqrt(1/n + 1.96² / (2 (n - 1)))``.

    Parameters
    ----------
    first, second : array_like of float, shape (n,)
        The same samples by both methods; n is at least 2.
    confidence : float, optional
        Coverage of the intervals, between 0 and 1; the limits of agreement are for 95 % of the differences always.

    Returns
    -------
    BlandAltman

    Raises
    ------
    ValueError
        The lengths differ, or there are fewer than 2 pairs.

    References
    ----------
    Bland, Altman, Lancet 327 (1986) 307-310; Stat. Methods Med. Res. 8 (1999) 135-160.

    Examples
    --------
    >>> found = bland_altman([10, 20, 30, 40], [11, 19, 32, 42])
    >>> found.bias, round(found.sd, 3)
    (1.0, 1.414)
    """
    from scipy.stats import t

    a, b = np.asarray(first, float), np.asarray(second, float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"{a.shape} values of the first for {b.shape} of the second")
    n = len(a)
    if n < 2:
        raise ValueError(f"{n} pairs; differences need at least 2")
    difference = b - a
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    quantile = float(t.ppf((1 + confidence) / 2, n - 1))
    of_bias = quantile * sd / math.sqrt(n)
    of_limit = quantile * sd * math.sqrt(1 / n + 1.96**2 / (2 * (n - 1)))
    lower, upper = bias - 1.96 * sd, bias + 1.96 * sd
    trend, trend_p = _trend((a + b) / 2, np.abs(difference))
    return BlandAltman(
        n,
        bias,
        bias - of_bias,
        bias + of_bias,
        sd,
        lower,
        lower - of_limit,
        lower + of_limit,
        upper,
        upper - of_limit,
        upper + of_limit,
        trend,
        trend_p,
    )


def _trend(level: ArrayLike, size: ArrayLike) -> tuple[float, float]:
    from scipy.stats import spearmanr

    if len(np.unique(level)) < 2 or len(np.unique(size)) < 2 or len(np.asarray(level)) < 4:
        return math.nan, math.nan
    found = spearmanr(level, size)
    return float(found.statistic), float(found.pvalue)
