"""Ratios of classes with intervals: neutrophils to lymphocytes, segmented to bands, myeloid to erythroid."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.differential.profile import RatioOf
from napari_wbc.differential.propagation import REPLICATES, SEED, Evidence, Propagated
from napari_wbc.leukocytes import fine_classes


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two numbers of cells.

    Attributes
    ----------
    name, title : str
        For files and for people.
    above, below : int
        Cells above and below the line.
    value : float
        Their ratio; NaN when there is no cell below.
    ci_low, ci_high : float
        95 % interval for the chance of sampling; no upper limit (infinity) where too few cells stand below.
    propagated_low, propagated_high : float
        The same with the errors of the model.
    """

    name: str
    title: str
    above: int
    below: int
    value: float
    ci_low: float
    ci_high: float
    propagated_low: float
    propagated_high: float

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, for JSON: None for what has no value, and for no upper limit."""

        def plain(number: float) -> float | None:
            return round(number, 2) if math.isfinite(number) else None

        return {
            "name": self.name,
            "title": self.title,
            "above": self.above,
            "below": self.below,
            "value": plain(self.value),
            "ci_low": plain(self.ci_low),
            "ci_high": plain(self.ci_high),
            "propagated": {
                "ci_low": plain(self.propagated_low),
                "ci_high": plain(self.propagated_high),
            },
        }


def members_of(names: Collection[str]) -> frozenset[str]:
    """Give the labels that some classes stand for: themselves, and the finer ones of a coarse class.

    Examples
    --------
    >>> sorted(members_of(["neutrophil", "monocyte"]))
    ['monocyte', 'neutrophil', 'neutrophil_band', 'neutrophil_segmented']
    """
    return frozenset(label for name in names for label in (name, *fine_classes(name)))


def ratio_interval(
    above: int, below: int, others: int = 0, *, replicates: int = REPLICATES, confidence: float = 0.95
) -> tuple[float, float]:
    """Give the bootstrap interval of a ratio of counts, for the chance of sampling.

    All cells are drawn with replacement, ``replicates`` times, and the central part of the ratios is kept.

    Parameters
    ----------
    above, below, others : int
        Cells above and below the line, and those in neither.
    replicates : int, optional
        Of the bootstrap, which starts from the same seed always.
    confidence : float, optional
        Coverage.

    Returns
    -------
    tuple of float
        Lower and upper limit; the upper one is infinite where too many replicates hold no cell below, and both are
        NaN when there is no cell below at all.

    References
    ----------
    Efron, Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile interval).

    Examples
    --------
    >>> ratio_interval(120, 60)
    (1.5, 2.83)
    """
    if below == 0:
        return math.nan, math.nan
    numbers = np.array([above, below, others], float)
    random = np.random.default_rng(SEED)
    drawn = random.multinomial(int(numbers.sum()), numbers / numbers.sum(), replicates)
    return _limits(drawn[:, 0].astype(float), drawn[:, 1].astype(float), confidence)


def ratio_of(wanted: RatioOf, evidence: Evidence, propagated: Propagated) -> Ratio:
    """Give a ratio of the profile.

    Parameters
    ----------
    wanted : RatioOf
        The classes above and below the line.
    evidence : Evidence
        Of the cells.
    propagated : Propagated
        Of the same cells; its replicates carry the errors of the model.
    """
    top, bottom = members_of(wanted.above), members_of(wanted.below)
    labels = [*evidence.said.items(), *evidence.settled.items()]
    above = sum(number for name, number in labels if name in top)
    below = sum(number for name, number in labels if name in bottom)
    low, high = ratio_interval(above, below, sum(number for _, number in labels) - above - below)
    # As for the percentages: from the least to the largest limit, so that the stated ratio is inside.
    ends = [
        (low, high),
        *(_limits(draws.of(top), draws.of(bottom), 0.95) for draws in propagated.draws.values()),
    ]
    known = [pair for pair in ends if not math.isnan(pair[0])] if below else []
    return Ratio(
        name=wanted.name,
        title=wanted.title,
        above=above,
        below=below,
        value=above / below if below else math.nan,
        ci_low=low,
        ci_high=high,
        propagated_low=min((pair[0] for pair in known), default=math.nan),
        propagated_high=max((pair[1] for pair in known), default=math.nan),
    )


def _limits(above: NDArray[np.float64], below: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    # What was unmixed is no whole number: less than half a cell is none.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(above < 0.5, 0.0, above) / np.where(below < 0.5, 0.0, below)
    ratios = ratios[~np.isnan(ratios)]
    if not len(ratios):
        return math.nan, math.nan
    tail = (1 - confidence) / 2
    # Of what lies at infinity, no mean can be taken: the next replicate is the limit.
    low, high = np.quantile(ratios, [tail, 1 - tail], method="inverted_cdf")
    return round(float(low), 2), round(float(high), 2)
