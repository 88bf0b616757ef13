"""How closely two methods go together: Pearson, Spearman, and Lin's concordance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient from -1 to 1 with its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


_NONE = Coefficient(math.nan, math.nan, math.nan)


def pearson(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> Coefficient:
    """Give Pearson's correlation with Fisher's interval.

    Parameters
    ----------
    x, y : array_like of float, shape (n,)
        The same samples by both methods.
    confidence : float, optional
        Coverage, between 0 and 1.

    Returns
    -------
    Coefficient
        NaN with fewer than 3 pairs or where one method gives one value only; limits are NaN with 3 pairs.

    Examples
    --------
    >>> round(pearson([1, 2, 3, 4, 5], [2, 4, 6, 8, 10]).value, 3)
    1.0
    """
    from scipy.stats import pearsonr

    return _by_scipy(pearsonr, x, y, confidence, lambda _: 1.0)


def spearman(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> Coefficient:
    """Give Spearman's rank correlation with the interval of Bonett and Wright; parameters as for :func:`pearson`.

    References
    ----------
    Bonett, Wright, Psychometrika 65 (2000) 23-28: the standard error of the transformed coefficient is
    ``sqrt((1 + r²/2) / (n - 3))``.

    Examples
    --------
    >>> round(spearman([1, 2, 3, 4, 5], [1, 4, 9, 16, 25]).value, 3)
    1.0
    """
    from scipy.stats import spearmanr

    return _by_scipy(spearmanr, x, y, confidence, lambda found: 1 + found**2 / 2)


def lin(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> Coefficient:
    """Give Lin's concordance correlation: how close the pairs lie to the line of identity.

    ``2 s_xy / (s_x² + s_y² + (mean_x - mean_y)²)`` with moments over n; the interval goes by the inverse hyperbolic
    tangent.

    Parameters
    ----------
    x, y : array_like of float, shape (n,)
        The same samples by both methods.
    confidence : float, optional
        Coverage, between 0 and 1.

    Returns
    -------
    Coefficient
        As for :func:`pearson`.

    References
    ----------
    Lin, Biometrics 45 (1989) 255-268, with the corrected variance of Biometrics 56 (2000) 324-325.

    Examples
    --------
    >>> round(lin([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]).value, 3)
    0.8
    """
    first, second = np.asarray(x, float), np.asarray(y, float)
    if not _vary(first, second):
        return _NONE
    n = len(first)
    sx, sy = float(first.var()), float(second.var())
    gap = float(first.mean() - second.mean())
    covariance = float(((first - first.mean()) * (second - second.mean())).mean())
    rho = 2 * covariance / (sx + sy + gap**2)
    r2 = min(1.0, covariance**2 / (sx * sy))
    if n <= 3 or covariance == 0:
        return Coefficient(rho, math.nan, math.nan)
    # The square of the shift of location, relative to the product of the standard deviations.
    u2 = gap**2 / math.sqrt(sx * sy)
    c2 = rho**2
    variance = (
        (1 - r2) * c2 / ((1 - c2) * r2)
        + 2 * rho**3 * (1 - rho) * u2 / (math.sqrt(r2) * math.copysign(1, covariance) * (1 - c2) ** 2)
        - rho**4 * u2**2 / (2 * r2 * (1 - c2) ** 2)
        if c2 < 1
        else 0.0
    ) / (n - 2)
    return _with_interval(rho, math.sqrt(max(0.0, variance)), confidence)


def _by_scipy(
    statistic: Callable[..., Any],
    x: ArrayLike,
    y: ArrayLike,
    confidence: float,
    spread: Callable[[float], float],
) -> Coefficient:
    """Give a coefficient of SciPy; ``spread`` over n - 3 is the variance of its inverse hyperbolic tangent."""
    first, second = np.asarray(x, float), np.asarray(y, float)
    if not _vary(first, second):
        return _NONE
    found = float(np.clip(statistic(first, second).statistic, -1, 1))
    error = math.sqrt(spread(found) / (len(first) - 3)) if len(first) > 3 else math.nan
    return _with_interval(found, error, confidence)


def _vary(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"{x.shape} values of x for {y.shape} of y")
    return len(x) >= 3 and bool(np.ptp(x) > 0 and np.ptp(y) > 0)


def _with_interval(value: float, error: float, confidence: float) -> Coefficient:
    """Put an interval around a coefficient: ``error`` is that of its inverse hyperbolic tangent."""
    if math.isnan(error):
        return Coefficient(value, math.nan, math.nan)
    if abs(value) >= 1:
        return Coefficient(value, value, value)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * error
    middle = math.atanh(value)
    return Coefficient(value, math.tanh(middle - half), math.tanh(middle + half))
