"""Two sides against each other: slide by slide, finding by finding, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_wbc.comparison.by_class import ComparedClass, Numbers, compared_class
from napari_wbc.comparison.classes import CommonClasses, common_classes, in_rows
from napari_wbc.comparison.findings import ComparedFinding, Percents, compare_findings, findings
from napari_wbc.comparison.inputs import read_side
from napari_wbc.comparison.pairing import paired_slides
from napari_wbc.comparison.same_cells import TOLERANCE_UM, SameCells, same_cells
from napari_wbc.comparison.sides import Side, SlideCount, pooled, together
from napari_wbc.differential.profile import Profile, load_profile
from napari_wbc.differential.wording import cells_text
from napari_wbc.errors import InputError

#: Samples that CLSI EP09 asks for; with fewer, a line between two methods says little.
ENOUGH_SLIDES = 40


@dataclass(frozen=True, slots=True)
class MatchedImage:
    """An image that both sides have.

    Attributes
    ----------
    name : str
        Of the slide or field.
    sha256 : str
        Of the image; empty where neither side says it.
    um_per_px : float
        NaN where nobody says it.
    path : pathlib.Path or None
        Where it lies, as far as a side knows.
    """

    name: str
    sha256: str
    um_per_px: float
    path: Path | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two sides on the slides that both have.

    Attributes
    ----------
    first, second : Side
        The first is what the second is held against.
    slides : tuple of tuple of str
        Key in the first, key in the second, of the same slide.
    missing_first, missing_second : tuple of str
        Names of slides that only the second, or only the first, has.
    classes : CommonClasses
        The rows that are compared.
    by_class : tuple of ComparedClass
        Percentages over the slides; empty where no slide has leukocytes on both sides.
    findings : tuple of ComparedFinding
        Yes-or-no questions.
    cells : SameCells or None
        Cell by cell, where both sides tell the places of their cells.
    readers : Comparison or None
        The two readers whose counts together are the first side.
    profile : Profile
        Its rows, reference intervals and limits were used.
    tolerance_um : float
        Cells closer than this are the same one, µm.
    notes : tuple of str
        Sentences that a reader of the figures has to know.
    images_of : dict of str to MatchedImage
        The images that ``cells`` lie in, by the key in their column ``slide``; where fields were added up to slides
        these are the fields.
    """

    first: Side
    second: Side
    slides: tuple[tuple[str, str], ...]
    missing_first: tuple[str, ...]
    missing_second: tuple[str, ...]
    classes: CommonClasses
    by_class: tuple[ComparedClass, ...]
    findings: tuple[ComparedFinding, ...]
    cells: SameCells | None
    readers: Comparison | None
    profile: Profile
    tolerance_um: float
    notes: tuple[str, ...]
    images_of: Mapping[str, MatchedImage]

    def slide_name(self, key: str) -> str:
        """Give the name of a slide from its key in the first side."""
        return self.first.slides[key].name

    def cell_slide_name(self, key: str) -> str:
        """Give the name of the image that a matched cell lies in."""
        return self.images_of[key].name

    def to_text(self) -> str:
        """Give the main figures as a plain table for a terminal."""
        from napari_wbc.comparison.plain_text import plain_text

        return plain_text(self)


def compare(
    first: str | Path | Side,
    second: str | Path | Side,
    *,
    profile: str | Path | Profile | None = None,
    columns: Mapping[str, str] | None = None,
    titles: tuple[str, str] | None = None,
    slide_of: Mapping[str, str] | None = None,
    second_reader: str | Path | Side | None = None,
    tolerance_um: float = TOLERANCE_UM,
    um_per_px: float | None = None,
) -> Comparison:
    """Compare two models, two readers, or an analyser with either.

    Parameters
    ----------
    first, second : str, Path or Side
        What :func:`~napari_wbc.comparison.inputs.read_side` takes. The first is what the second is held against. The
        same path twice compares the labels of the model with those after review.
    profile : str, Path or Profile, optional
        Of the laboratory; adult peripheral blood by default. Its merges make the rows, its limits the findings.
    columns : mapping of str to str, optional
        What the columns of an analyser's table mean; see
        :func:`~napari_wbc.comparison.analyser.read_columns`.
    titles : tuple of str, optional
        What to call the two sides.
    slide_of : mapping of str to str, optional
        Slide of each image, to add up the fields of a slide; see :func:`~napari_wbc.comparison.sides.read_slide_names`.
    second_reader : str, Path or Side, optional
        A second reader of the slides of ``first``. The two are compared with each other, and the cells of both together
        are what ``second`` is held against, as in CLSI H20-A2.
    tolerance_um : float, optional
        Cells further apart than this are not the same one, µm.
    um_per_px : float, optional
        Of level 0, where neither side says it.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        A side cannot be read, or the two have no slide or no class in common.

    Examples
    --------
    >>> from napari_wbc.comparison import compare
    >>> found = compare("reader.csv", "results")  # doctest: +SKIP
    >>> print(found.to_text())  # doctest: +SKIP
    """
    lab = profile if isinstance(profile, Profile) else load_profile(profile)
    same = _is_same(first, second)
    a = (
        first
        if isinstance(first, Side)
        else read_side(first, columns=columns, before_review=same, profile=lab)
    )
    b = second if isinstance(second, Side) else read_side(second, columns=columns, profile=lab)
    a, b = _titled(a, b, ("model", "after review") if same and titles is None else titles)
    if second_reader is None:
        return _compare(a, b, lab, slide_of, tolerance_um, um_per_px)
    c = (
        second_reader
        if isinstance(second_reader, Side)
        else read_side(second_reader, columns=columns, profile=lab)
    )
    reader, other = _titled(a, c, None)
    readers = _compare(reader, other, lab, slide_of, tolerance_um, um_per_px)
    if slide_of is not None:
        # The readers' fields are added up already.
        b = pooled(b, slide_of)
    return replace(_compare(_both(readers), b, lab, None, tolerance_um, um_per_px), readers=readers)


def _is_same(first: str | Path | Side, second: str | Path | Side) -> bool:
    if isinstance(first, Side) or isinstance(second, Side):
        return False
    return Path(first).resolve() == Path(second).resolve()


def _titled(a: Side, b: Side, titles: tuple[str, str] | None) -> tuple[Side, Side]:
    """Give the sides names that differ."""
    if titles is None and a.title == b.title:
        titles = (f"{a.title} (A)", f"{b.title} (B)")
    return (a, b) if titles is None else (replace(a, title=titles[0]), replace(b, title=titles[1]))


def _both(readers: Comparison) -> Side:
    """Put the cells of two readers together."""
    a, b = readers.first, readers.second
    slides = {
        key: together(a.slides[key].name, [a.slides[key], b.slides[other]]) for key, other in readers.slides
    }
    # What one reader never names was not seen by him, but he would have known it.
    title = f"{a.title} and {b.title}"
    return Side(title, slides, a.known | b.known, "two readers", notes=(*a.notes, *b.notes))


def _compare(
    a: Side,
    b: Side,
    profile: Profile,
    slide_of: Mapping[str, str] | None,
    tolerance_um: float,
    um_per_px: float | None,
) -> Comparison:
    pairs, missing_a, missing_b = paired_slides(a, b)
    cells = same_cells(a, b, pairs, tolerance_um=tolerance_um, um_per_px=um_per_px)
    images_of = {
        key: MatchedImage(
            a.slides[key].name,
            a.slides[key].image_sha256 or b.slides[other].image_sha256,
            a.slides[key].um_per_px or b.slides[other].um_per_px or um_per_px or math.nan,
            a.slides[key].image or b.slides[other].image,
        )
        for key, other in pairs
    }
    unlisted = 0
    if slide_of is not None:
        unlisted = sum(key not in slide_of for key, _ in pairs)
        a, b = pooled(a, slide_of), pooled(b, slide_of)
        pairs, missing_a, missing_b = paired_slides(a, b)
    classes = common_classes(a.known, b.known, profile)
    if len(classes.rows) < 1:
        raise InputError(
            f"{a.title} and {b.title} have no class in common: {', '.join(sorted(a.known)) or 'none'} against "
            f"{', '.join(sorted(b.known)) or 'none'}"
        )
    shares_a = {key: percents_of(a.slides[key], classes) for key, _ in pairs}
    shares_b = {key: percents_of(b.slides[other], classes) for key, other in pairs}
    filled = [(key, other) for key, other in pairs if shares_a[key] is not None and shares_b[key] is not None]
    first = {key: shares for key, _ in filled if (shares := shares_a[key]) is not None}
    second = {key: shares for key, _ in filled if (shares := shares_b[key]) is not None}
    by_class = tuple(_classes(a, b, filled, classes, first, second, profile)) if filled else ()
    asked = compare_findings(findings(profile, classes), first, second) if filled else []
    notes = _notes(a, b, missing_a, missing_b, classes, len(pairs), len(filled), by_class)
    if unlisted:
        notes.append(
            f"{cells_text(unlisted, 'image')} of no slide in the list of slides: not in the percentages."
        )
    return Comparison(
        a,
        b,
        tuple(pairs),
        missing_a,
        missing_b,
        classes,
        by_class,
        tuple(asked),
        cells,
        None,
        profile,
        tolerance_um,
        tuple(notes),
        images_of,
    )


def denominator_of(slide: SlideCount, classes: CommonClasses) -> float:
    """Give the numbers of all rows of the denominator together."""
    rows = in_rows(slide.numbers, classes.row_of)
    return sum(number for row, number in rows.items() if classes.is_counted(row))


def percents_of(slide: SlideCount, classes: CommonClasses) -> Percents | None:
    """Give the percentages of a slide by row, and per 100 leukocytes what is none; None without leukocytes."""
    rows, total = in_rows(slide.numbers, classes.row_of), denominator_of(slide, classes)
    if total <= 0:
        return None
    return {row: 100 * rows.get(row, 0.0) / total for row in (*rows, *classes.rows, *classes.beside)}


def _classes(
    a: Side,
    b: Side,
    pairs: Sequence[tuple[str, str]],
    classes: CommonClasses,
    first: Mapping[str, Percents],
    second: Mapping[str, Percents],
    profile: Profile,
) -> list[ComparedClass]:
    compared = []
    for row in (*classes.rows, *classes.beside):
        numbers = []
        for key, other in pairs:
            one, two = a.slides[key], b.slides[other]
            counts = None
            if one.counted and two.counted and classes.is_counted(row):
                n, m = denominator_of(one, classes), denominator_of(two, classes)
                counts = (first[key][row] * n / 100, n, second[key][row] * m / 100, m)
            numbers.append(Numbers(key, first[key][row], second[key][row], counts))
        compared.append(compared_class(row, profile.class_named(row).title, numbers))
    # A class that neither side saw has nothing to compare.
    return [c for c in compared if c.mean_first > 0 or c.mean_second > 0]


def _notes(
    a: Side,
    b: Side,
    missing_a: Sequence[str],
    missing_b: Sequence[str],
    classes: CommonClasses,
    pairs: int,
    filled: int,
    by_class: Sequence[ComparedClass],
) -> list[str]:
    notes = [*a.notes, *b.notes]
    for side, missing in ((a, missing_a), (b, missing_b)):
        if missing:
            named = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
            notes.append(f"{cells_text(len(missing), 'slide')} not in {side.title}, left out: {named}.")
    for side, other, alone in ((a, b, classes.only_first), (b, a, classes.only_second)):
        shown = [
            row
            for row in alone
            if any(in_rows(s.numbers, classes.row_of).get(row) for s in side.slides.values())
        ]
        if shown:
            named = ", ".join(row.replace("_", " ") for row in shown)
            notes.append(
                f"{side.title} tells {named}, which {other.title} does not: in the denominator, not compared."
            )
    if filled < pairs:
        notes.append(f"{cells_text(pairs - filled, 'slide')} without a leukocyte on one side, left out.")
    if by_class and 1 < filled < ENOUGH_SLIDES:
        notes.append(
            f"{cells_text(filled, 'slide')}: a comparison of methods wants at least {ENOUGH_SLIDES} (CLSI EP09), "
            "over the whole range of each class."
        )
    return notes
