"""Confidence intervals of a share, and percentages that sum to exactly 100."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, get_args

IntervalMethod = Literal["wilson", "clopper_pearson"]
METHODS: tuple[str, ...] = get_args(IntervalMethod)

#: What a report says about an interval.
METHOD_TITLES: dict[str, str] = {"wilson": "Wilson score", "clopper_pearson": "Clopper-Pearson (exact)"}


def wilson(count: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Give the Wilson score interval of a share.

    Parameters
    ----------
    count : float
        Cells of the class. A fraction is allowed, for planning how many cells to count.
    n : float
        Cells in all, above 0.
    confidence : float, optional
        Coverage, between 0 and 1.

    Returns
    -------
    tuple of float
        Lower and upper limit as fractions of 1; exactly 0 for no cell, exactly 1 for all of them.

    Raises
    ------
    ValueError
        ``n`` is not above 0, ``count`` is not between 0 and ``n``, or ``confidence`` is not between 0 and 1.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212. Brown, Cai, DasGupta, Stat. Sci. 16 (2001) 101-133.

    Examples
    --------
    >>> [round(100 * limit, 1) for limit in wilson(10, 200)]
    [2.7, 9.0]
    """
    _check(count, n, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = count / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if count == 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if count == n else min(1.0, (centre + half) / scale)
    return low, high


def clopper_pearson(count: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Give the exact (Clopper-Pearson) interval of a share, as in the table of Rümke.

    Parameters, result and errors are those of :func:`wilson`.

    References
    ----------
    Clopper, Pearson, Biometrika 26 (1934) 404-413. Rümke, Acta Haematol. 26 (1960) 391-394.

    Examples
    --------
    >>> [round(100 * limit, 1) for limit in clopper_pearson(10, 200)]
    [2.4, 9.0]
    """
    from scipy.special import betaincinv

    _check(count, n, confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - tail))
    return low, high


def share_interval(
    count: float, n: float, method: str = "wilson", confidence: float = 0.95
) -> tuple[float, float]:
    """Give the interval of a share by the name of the method.

    Raises
    ------
    ValueError
        The method is not one of ``METHODS``, or see :func:`wilson`.
    """
    if method == "wilson":
        return wilson(count, n, confidence)
    if method == "clopper_pearson":
        return clopper_pearson(count, n, confidence)
    raise ValueError(f"interval is {method!r}; it must be one of {', '.join(METHODS)}")


def largest_remainder(counts: Sequence[int], decimals: int = 1) -> list[float]:
    """Give percentages that sum to exactly 100 at the decimals shown.

    Every share is cut at its last decimal; the units that are then missing go to the largest remainders (where
    they tie: to the larger class, then to the earlier one). A class without cells stays at 0.

    Parameters
    ----------
    counts : sequence of int
        Cells of each class.
    decimals : int, optional
        Digits behind the point.

    Returns
    -------
    list of float
        One percentage per class; NaN for all of them when there is no cell.

    Raises
    ------
    ValueError
        A count is negative.

    Examples
    --------
    >>> largest_remainder([1, 1, 1])
    [33.4, 33.3, 33.3]
    """
    if any(count < 0 for count in counts):
        raise ValueError("a count is negative")
    total = sum(counts)
    if total == 0:
        return [math.nan] * len(counts)
    per_percent = 10**decimals
    units = [divmod(int(count) * 100 * per_percent, total) for count in counts]
    missing = 100 * per_percent - sum(whole for whole, _ in units)
    order = sorted(range(len(counts)), key=lambda i: (-units[i][1], -counts[i], i))
    raised = set(order[:missing])
    return [(whole + (i in raised)) / per_percent for i, (whole, _) in enumerate(units)]


def cells_to_settle(
    count: int,
    n: int,
    threshold: float,
    method: str = "wilson",
    confidence: float = 0.95,
    limit: int = 10_000,
) -> int | None:
    """Tell how many more cells move a threshold out of the interval, if the share stays what it is.

    Parameters
    ----------
    count, n : int
        Cells of the class and in all.
    threshold : float
        As a fraction of 1.
    method, confidence
        See :func:`share_interval`.
    limit : int, optional
        More cells than this are not worth a number.

    Returns
    -------
    int or None
        0 when the interval does not hold the threshold; None when ``limit`` cells more would not settle it.

    Examples
    --------
    >>> cells_to_settle(3, 200, 0.02)
    2812
    """

    def settled(total: int) -> bool:
        low, high = share_interval(count * total / n, total, method, confidence)
        return not low < threshold < high

    if settled(n):
        return 0
    if not settled(n + limit):
        return None
    # The interval shrinks as the number of cells grows, so halving finds the smallest number.
    too_few, enough = n, n + limit
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if settled(middle):
            enough = middle
        else:
            too_few = middle
    return enough - n


def chance_to_miss(share: float, n: int) -> float:
    """Give the chance that ``n`` cells hold none of a class whose true share is ``share`` (fraction of 1).

    Examples
    --------
    >>> [round(100 * chance_to_miss(0.01, n), 1) for n in (100, 200, 400)]
    [36.6, 13.4, 1.8]
    """
    return float((1 - share) ** n)


def _check(count: float, n: float, confidence: float) -> None:
    if not n > 0:
        raise ValueError(f"n is {n}; it must be above 0")
    if not 0 <= count <= n:
        raise ValueError(f"count is {count}; it must be between 0 and n = {n}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must be between 0 and 1")
