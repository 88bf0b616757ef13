"""One class over many slides: how the percentages of two sides go together and differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from napari_wbc.comparison.correlation import Coefficient, lin, pearson, spearman
from napari_wbc.comparison.differences import BlandAltman, bland_altman
from napari_wbc.comparison.readers import Dispersion, TwoCounts, dispersion, two_counts
from napari_wbc.comparison.regression import PassingBablok, passing_bablok


@dataclass(frozen=True)
class OnSlide:
    """One class on one slide.

    Attributes
    ----------
    slide : str
        Key of the slide.
    first, second : float
        Percent of the leukocytes (erythroblasts: per 100 leukocytes).
    counts : TwoCounts or None
        Where both sides counted cells, and the class is one of leukocytes.
    """

    slide: str
    first: float
    second: float
    counts: TwoCounts | None


@dataclass(frozen=True)
class ComparedClass:
    """A class by both sides.

    Attributes
    ----------
    name, title : str
        Of the row.
    slides : tuple of OnSlide
        In the order of the comparison.
    mean_first, mean_second : float
        Means over the slides, percent (erythroblasts: per 100 leukocytes).
    differences : BlandAltman or None
        From 2 slides on.
    line : PassingBablok or None
        From 3 slides on; None where a side gives one and the same value on half of them or more.
    pearson, spearman, lin : Coefficient
        Correlations and concordance; NaN with fewer than 3 slides or where one side gives one value only.
    dispersion : Dispersion or None
        Whether the differences are larger than counting alone makes them; None where one side did not count cells.
    """

    name: str
    title: str
    slides: tuple[OnSlide, ...]
    mean_first: float
    mean_second: float
    differences: BlandAltman | None
    line: PassingBablok | None
    pearson: Coefficient
    spearman: Coefficient
    lin: Coefficient
    dispersion: Dispersion | None

    @property
    def apart(self) -> tuple[OnSlide, ...]:
        """Slides on which the two counts differ by more than chance, at 95 %."""
        return tuple(s for s in self.slides if s.counts is not None and not s.counts.agree)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What both sides say about one class on one slide.

    Attributes
    ----------
    slide : str
        Key of the slide.
    first, second : float
        Percent.
    counts : tuple of float or None
        Cells of the class and leukocytes of the first, then of the second, where both counted cells.
    """

    slide: str
    first: float
    second: float
    counts: tuple[float, float, float, float] | None


def compared_class(name: str, title: str, numbers: Sequence[Numbers]) -> ComparedClass:
    """Compare one class over slides.

    Parameters
    ----------
    name, title : str
        Of the row.
    numbers : sequence of Numbers
        One per slide; at least one.
    """
    a, b = [n.first for n in numbers], [n.second for n in numbers]
    slides = tuple(
        OnSlide(n.slide, n.first, n.second, None if n.counts is None else two_counts(*map(round, n.counts)))
        for n in numbers
    )
    told = [n.counts for n in numbers if n.counts is not None]
    return ComparedClass(
        name,
        title,
        slides,
        sum(a) / len(a),
        sum(b) / len(b),
        bland_altman(a, b) if len(a) > 1 else None,
        _line(a, b),
        pearson(a, b),
        spearman(a, b),
        lin(a, b),
        dispersion(*zip(*told, strict=True)) if told else None,
    )


def _line(a: Sequence[float], b: Sequence[float]) -> PassingBablok | None:
    # Percentages of a rare class are zero on most slides; the method takes values for continuous, and would give a
    # slope of 0 with an interval from 0 to 0.
    if any(2 * max(Counter(values).values()) >= len(values) for values in (a, b)):
        return None
    try:
        return passing_bablok(a, b)
    except ValueError:
        return None
