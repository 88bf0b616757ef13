"""One side of a comparison: what a model, a reader or an analyser found on a number of slides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from napari_wbc.csv_file import read_csv
from napari_wbc.errors import InputError, system_reason
from napari_wbc.leukocytes import class_of
from napari_wbc.slides.open import stem_of

# Endings that are no part of a slide's name; "12.5" is one.
_ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".zarr", ".svs", ".ndpi", ".scn", ".bif"),
    *(".mrxs", ".vms", ".vmu", ".svslide", ".czi", ".dcm", ".wbcreview"),
)
#: More than this is no number of cells on a slide.
MOST_CELLS = 1e9
# No heading is longer, in letters.
_HEADING = 100_000
#: Columns of the cells of a slide.
CELL_COLUMNS = ("cell_id", "y_px", "x_px", "label", "confidence")


@dataclass(frozen=True, eq=False)
class SlideCount:
    """What one side found on one slide.

    Attributes
    ----------
    name : str
        Of the slide.
    numbers : dict of str to float
        Cells by class, where they were counted; else percentages (and cells per 100 leukocytes for classes that are
        no leukocytes).
    counted : bool
        Whether the numbers are cells.
    cells : pandas.DataFrame or None
        ``cell_id``, ``y_px``, ``x_px`` (level-0 px), ``label`` and ``confidence`` of the cells that count.
    um_per_px : float or None
        Of these positions.
    image_sha256 : str
        Of the image, where it is known.
    image : pathlib.Path or None
        Where it lay, where that is known.
    """

    name: str
    numbers: Mapping[str, float]
    counted: bool = True
    cells: pd.DataFrame | None = None
    um_per_px: float | None = None
    image_sha256: str = ""
    image: Path | None = None

    @property
    def leukocytes(self) -> float:
        """How many were counted; NaN where nobody says it."""
        return leukocytes_of(self.numbers) if self.counted else math.nan


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two methods or readers.

    Attributes
    ----------
    title : str
        What people call it.
    slides : dict of str to SlideCount
        By the key of the slide's name.
    known : frozenset of str
        Classes that this side can give; a class outside of them was not looked for.
    source : str
        What kind of file it was read from.
    model_sha256 : str
        Of the model that made it, where it is one.
    notes : tuple of str
        Sentences about how it was read.
    """

    title: str
    slides: Mapping[str, SlideCount]
    known: frozenset[str]
    source: str
    model_sha256: str = ""
    notes: tuple[str, ...] = field(default=())


def slide_key(name: str) -> str:
    """Give what names of the same slide have in common: neither folder nor ending of a file, nor case.

    Examples
    --------
    >>> slide_key("Smear 7.ome.tif"), slide_key("fields/smear 7"), slide_key("12.5")
    ('smear 7', 'smear 7', '12.5')
    """
    last = name.strip().replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return (stem_of(Path(last)) if last.lower().endswith(_ENDINGS) else last).casefold()


def by_key(slides: Iterable[SlideCount], source: str) -> dict[str, SlideCount]:
    """Put slides under their keys.

    Raises
    ------
    InputError
        Two of them have the same.
    """
    found: dict[str, SlideCount] = {}
    for slide in slides:
        key = slide_key(slide.name)
        if key in found:
            raise InputError(f"{source}: the slide {slide.name!r} is there twice; give each slide once")
        found[key] = slide
    return found


def leukocytes_of(numbers: Mapping[str, float]) -> float:
    """Add up the leukocytes.

    Examples
    --------
    >>> leukocytes_of({"monocyte": 4, "erythroblast": 2, "unidentified": 1})
    4.0
    """
    return float(sum(n for name, n in numbers.items() if class_of(name).kind == "leukocyte"))


def counts_of_labels(labels: pd.Series[str]) -> dict[str, float]:
    """Count the cells of each class."""
    return {str(name): float(number) for name, number in labels.value_counts(sort=False).items()}


def together(name: str, parts: Sequence[SlideCount]) -> SlideCount:
    """Add up what one side found in several fields, or two readers on the same slide.

    Parameters
    ----------
    name : str
        Of the whole slide.
    parts : sequence of SlideCount
        Their cells are not taken over: positions of different fields have no common frame.

    Raises
    ------
    InputError
        A part states percentages of an unknown number of cells.
    """
    numbers: dict[str, float] = {}
    for part in parts:
        if not part.counted:
            raise InputError(
                f"{part.name}: percentages cannot be added up without the number of cells; add a column cells"
            )
        for label, number in part.numbers.items():
            numbers[label] = numbers.get(label, 0.0) + number
    return SlideCount(name, numbers)


def pooled(side: Side, slide_of: Mapping[str, str]) -> Side:
    """Give a side with its fields added up to slides.

    Parameters
    ----------
    side : Side
        One entry per field.
    slide_of : mapping of str to str
        Name of the slide by the key of the field; fields that are not in it are left out.
    """
    names: dict[str, str] = {}
    groups: dict[str, list[SlideCount]] = {}
    for field_key, part in side.slides.items():
        if field_key in slide_of:
            key = slide_key(slide_of[field_key])
            names.setdefault(key, slide_of[field_key])
            groups.setdefault(key, []).append(part)
    return replace(side, slides={key: together(names[key], parts) for key, parts in groups.items()})


def read_slide_names(path: str | Path) -> dict[str, str]:
    """Read which slide each image shows a field of.

    Parameters
    ----------
    path : str or Path
        A CSV file with the columns ``image`` and ``slide``.

    Returns
    -------
    dict of str to str
        Name of the slide by the key of the image.

    Raises
    ------
    InputError
        It cannot be read, has other columns, or a row without a slide; or an image is on two slides.
    """
    table = read_table(path)
    if not {"image", "slide"} <= set(table.columns):
        raise InputError(f"{path}: the columns image and slide are wanted, one row per image")
    found: dict[str, str] = {}
    for row, (image, slide) in enumerate(zip(table["image"], table["slide"].str.strip(), strict=True), 2):
        if not slide:
            raise InputError(f"{path}: row {row} has no slide; fill it in, or take the row out")
        if slide_key(found.setdefault(slide_key(image), slide)) != slide_key(slide):
            raise InputError(f"{path}: row {row}: the image {image!r} is there twice, with different slides")
    return found


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV file as texts, whatever its separator (comma, semicolon or tab); empty fields are empty texts.

    Raises
    ------
    InputError
        It cannot be read as a table with a heading and a row.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig") as file:
            heading = file.readline(_HEADING)
    except UnicodeDecodeError:
        raise InputError(f"{path}: no text in UTF-8; save it as CSV in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({system_reason(error)})") from None
    separator = max(",;\t", key=heading.count)
    plain = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig", "skipinitialspace": True}
    table = read_csv(path, "a table", sep=separator, **plain)
    table.columns = [str(name).strip() for name in table.columns]
    if table.empty:
        raise InputError(f"{path}: the table has no rows")
    return table
