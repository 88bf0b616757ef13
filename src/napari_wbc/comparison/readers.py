"""Two readers of one slide, as in the reference method of CLSI H20-A2, and whether only chance parts them.

Both count their own cells (200 each in the reference method), so that their percentages differ by chance. The limits
are exact: a second count outside of them would come by chance in at most 5 % of the slides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_wbc.differential.intervals import clopper_pearson, wilson


@dataclass(frozen=True, slots=True)
class TwoCounts:
    """One class on one slide by two readers.

    Attributes
    ----------
    first, n_first, second, n_second : int
        Cells of the class and in all, of each reader.
    range_first, range_second : tuple of float
        Exact 95 % interval of each percentage, as in the table of Rümke.
    difference, low, high : float
        Second minus first, percent, with its 95 % interval.
    limits : tuple of int
        The fewest and the most cells of the second that agree with the first.
    p : float
        Chance of counts as different as these if both readers have the same share (Fisher's exact test).
    agree : bool
        Whether the second count lies within the limits.
    """

    first: int
    n_first: int
    second: int
    n_second: int
    range_first: tuple[float, float]
    range_second: tuple[float, float]
    difference: float
    low: float
    high: float
    limits: tuple[int, int]
    p: float
    agree: bool


def two_counts(first: int, n_first: int, second: int, n_second: int, level: float = 0.05) -> TwoCounts:
    """Compare the counts of one class by two readers.

    Parameters
    ----------
    first, n_first : int
        Cells of the class and cells in all by the first reader; ``n_first`` is at least 1.
    second, n_second : int
        The same of the second.
    level : float, optional
        Chance of calling readers different who are not.

    Returns
    -------
    TwoCounts
        The interval of the difference is the one of Newcombe from two Wilson intervals.

    Raises
    ------
    ValueError
        A count is below 0 or above the cells in all.

    References
    ----------
    CLSI H20-A2 (2007): two readers, 200 cells each. Rümke, in: Differential Leukocyte Counting, CAP (1978) 39-45.
    Newcombe, Stat. Med. 17 (1998) 873-890, method 10. Fisher's exact test: of all tables with the same margins, those
    no more likely than the one at hand.

    Examples
    --------
    >>> found = two_counts(20, 200, 36, 200)
    >>> round(found.difference, 1), found.agree, found.limits
    (8.0, False, (9, 34))
    """
    for count, n in ((first, n_first), (second, n_second)):
        if not 0 <= count <= n or n < 1:
            raise ValueError(f"{count} of {n} is no count")
    low_1, high_1 = wilson(first, n_first)
    low_2, high_2 = wilson(second, n_second)
    p_1, p_2 = first / n_first, second / n_second
    gap = p_2 - p_1
    limits = agreement_limits(first, n_first, n_second, level)
    return TwoCounts(
        first,
        n_first,
        second,
        n_second,
        range_first=_in_percent(clopper_pearson(first, n_first)),
        range_second=_in_percent(clopper_pearson(second, n_second)),
        difference=100 * gap,
        low=100 * (gap - math.hypot(p_2 - low_2, high_1 - p_1)),
        high=100 * (gap + math.hypot(high_2 - p_2, p_1 - low_1)),
        limits=limits,
        p=_fisher(first, n_first, second, n_second),
        agree=limits[0] <= second <= limits[1],
    )


def _in_percent(interval: tuple[float, float]) -> tuple[float, float]:
    return 100 * interval[0], 100 * interval[1]


def agreement_limits(first: int, n_first: int, n_second: int, level: float = 0.05) -> tuple[int, int]:
    """Give the fewest and the most cells that a second reader may count to agree with the first.

    Parameters
    ----------
    first, n_first : int
        Cells of the class and cells in all by the first reader.
    n_second : int
        Cells in all by the second.
    level : float, optional
        Chance of calling readers different who are not.

    Examples
    --------
    >>> agreement_limits(0, 200, 200), agreement_limits(100, 200, 200)
    ((0, 5), (80, 120))
    """
    same = min(n_second, max(0, round(first * n_second / n_first)))

    def agrees(count: int) -> bool:
        return _fisher(first, n_first, count, n_second) > level

    # The further from the same share, the less likely: halving finds where agreement ends.
    return _last(agrees, same, 0), _last(agrees, same, n_second)


def _last(agrees: Callable[[int], bool], start: int, end: int) -> int:
    """Give the last count from ``start`` towards ``end`` that agrees."""
    good, bad = start, end
    if agrees(end):
        return end
    while abs(bad - good) > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if agrees(middle) else (good, middle)
    return good


def _fisher(first: int, n_first: int, second: int, n_second: int) -> float:
    """Give the p-value of Fisher's exact test; scipy's is a hundred times slower, and the limits need many."""
    from scipy.special import gammaln

    total = first + second
    of_first = np.arange(max(0, total - n_second), min(total, n_first) + 1)

    def ways(n: int, k: NDArray[np.int_]) -> NDArray[np.float64]:
        return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))

    log = ways(n_first, of_first) + ways(n_second, total - of_first)
    chance = np.exp(log - log.max())
    at_hand = chance[first - of_first[0]]
    return float(chance[chance <= at_hand * (1 + 1e-7)].sum() / chance.sum())


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Whether two methods differ on many slides by more than the chance of sampling.

    Attributes
    ----------
    slides : int
        Those on which either counted a cell of the class (and not only such).
    expected_sd : float
        Standard deviation of the difference that sampling alone gives, percent.
    observed_sd : float
        Root mean square of the differences, percent.
    ratio : float
        Mean squared difference in units of its sampling variance: 1 where there is nothing but chance.
    p : float
        Chance of a ratio as large from sampling alone (chi-squared, one-sided).
    """

    slides: int
    expected_sd: float
    observed_sd: float
    ratio: float
    p: float


def dispersion(
    first: Sequence[float], n_first: Sequence[float], second: Sequence[float], n_second: Sequence[float]
) -> Dispersion:
    """Set the differences of two methods against those that counting alone brings.

    On each slide the variance of the difference is ``p (1 - p) (1/n_1 + 1/n_2)``, with the share p of both together:
    the squares of the two standard errors ``sqrt(p q / n)`` of H20-A2 add up. For a reference of two readers with 200
    cells each, ``n_1`` is 400.

    Parameters
    ----------
    first, n_first, second, n_second : sequence of float, length k
        Cells of the class, and in all, by each method on each of k slides.

    Returns
    -------
    Dispersion
        NaN where no slide tells anything.

    Examples
    --------
    >>> found = dispersion([10, 20], [200, 200], [12, 17], [200, 200])
    >>> found.slides, round(found.ratio, 2)
    (2, 0.23)
    """
    from scipy.stats import chi2

    a, n_a = np.asarray(first, float), np.asarray(n_first, float)
    b, n_b = np.asarray(second, float), np.asarray(n_second, float)
    share = (a + b) / (n_a + n_b)
    told = (share > 0) & (share < 1)
    slides = int(told.sum())
    if not slides:
        return Dispersion(0, math.nan, math.nan, math.nan, math.nan)
    a, n_a, b, n_b, share = a[told], n_a[told], b[told], n_b[told], share[told]
    variance = share * (1 - share) * (1 / n_a + 1 / n_b)
    squared = (b / n_b - a / n_a) ** 2
    total = float((squared / variance).sum())
    return Dispersion(
        slides,
        expected_sd=100 * math.sqrt(float(variance.mean())),
        observed_sd=100 * math.sqrt(float(squared.mean())),
        ratio=total / slides,
        p=float(chi2.sf(total, slides)),
    )
