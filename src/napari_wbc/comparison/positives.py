"""Two yes-or-no answers on the same slides, set out as in CLSI EP12."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_wbc.comparison.kappa import Kappa, cohen_kappa
from napari_wbc.differential.intervals import wilson


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share of slides as a fraction of 1, with its Wilson interval; NaN where there is no slide to share."""

    count: int
    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Positives:
    """The two-by-two table of a finding, the first method being what the second is held against.

    Attributes
    ----------
    both, only_first, only_second, neither : int
        Slides.
    ppa, npa : Proportion
        Positive and negative percent agreement: of the slides positive (negative) by the first, those that are so by
        the second. Where the first is the truth, these are sensitivity and specificity.
    ppv, npv : Proportion
        The same the other way round; where the first is the truth, the predictive values among these slides.
    overall : Proportion
        Slides on which both agree.
    kappa : Kappa
        Agreement beyond chance.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    ppa: Proportion
    npa: Proportion
    ppv: Proportion
    npv: Proportion
    overall: Proportion
    kappa: Kappa


def positives(first: Sequence[bool], second: Sequence[bool]) -> Positives:
    """Compare two yes-or-no answers.

    Parameters
    ----------
    first, second : sequence of bool, length n
        One answer per slide.

    Returns
    -------
    Positives

    References
    ----------
    CLSI EP12, Evaluation of Qualitative, Binary Output Examination Performance. Intervals: Wilson, J. Am. Stat. Assoc.
    22 (1927) 209-212.

    Examples
    --------
    >>> found = positives([True, True, False, False], [True, False, False, False])
    >>> found.ppa.count, found.ppa.n, found.npa.value
    (1, 2, 1.0)
    """
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    if a.shape != b.shape:
        raise ValueError(f"{len(a)} answers of the first for {len(b)} of the second")
    both, neither = int((a & b).sum()), int((~a & ~b).sum())
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    return Positives(
        both,
        only_a,
        only_b,
        neither,
        ppa=proportion(both, both + only_a),
        npa=proportion(neither, neither + only_b),
        ppv=proportion(both, both + only_b),
        npv=proportion(neither, neither + only_a),
        overall=proportion(both + neither, len(a)),
        kappa=cohen_kappa([[both, only_a], [only_b, neither]]),
    )


def proportion(count: int, n: int) -> Proportion:
    """Give a share with its Wilson interval.

    Examples
    --------
    >>> round(proportion(95, 100).low, 3)
    0.888
    """
    if n == 0:
        return Proportion(0, 0, math.nan, math.nan, math.nan)
    low, high = wilson(count, n)
    return Proportion(count, n, count / n, low, high)
