"""The sample sheet of a batch: a CSV file that names the images, and what is known of each."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_wbc.errors import InputError, system_reason
from napari_wbc.slides.folder import images_in
from napari_wbc.slides.ome_zarr import is_zarr
from napari_wbc.slides.scale import MAX_UM_PER_PX, MIN_UM_PER_PX

COLUMNS = ("image", "slide", "um_per_px", "wbc", "profile")
#: Other names that columns may have.
_SYNONYMS = {"sample": "slide", "path": "image"}
_LARGEST = 64 << 20
#: 10^9 per litre; no blood has less or more.
_WBC_LIMITS = (0.01, 10_000.0)


@dataclass(frozen=True)
class SheetRow:
    """One image of a batch.

    Attributes
    ----------
    image : str
        Its path.
    slide : str
        What the slide or sample is called; images of one slide are counted together. Empty: a slide of its own.
    um_per_px : float, optional
        µm per level-0 px.
    wbc_per_l : float, optional
        White cells per litre.
    profile : str, optional
        The lab's profile: a file, or the name of one that comes with the program.
    """

    image: str
    slide: str = ""
    um_per_px: float | None = None
    wbc_per_l: float | None = None
    profile: str | None = None


def batch_rows(inputs: Iterable[str]) -> list[SheetRow]:
    """Give the images that a user means: files, folders of images, sample sheets.

    Parameters
    ----------
    inputs : iterable of str
        A path to an image, to a folder (all images in it, not in folders below), or to a sample sheet (``.csv``).

    Returns
    -------
    list of SheetRow
        Each image once, in the order of the inputs; a folder's in the order of their names. Whether an image can be
        read is not looked at; a folder without images stands for itself.

    Raises
    ------
    InputError
        A sheet has a fault.
    """
    rows: dict[Path, SheetRow] = {}
    for given in inputs:
        path = Path(given)
        if path.suffix.lower() == ".csv":
            found = read_sheet(path)
        elif path.is_dir() and not is_zarr(path):
            # An empty folder is one input that fails, like a file that cannot be read; the others go on.
            found = [SheetRow(str(image)) for image in images_in(path)] or [SheetRow(given)]
        else:
            found = [SheetRow(given)]
        for row in found:
            rows.setdefault(Path(row.image).absolute(), row)
    return list(rows.values())


def read_sheet(path: str | Path) -> list[SheetRow]:
    r"""Read a sample sheet.

    Parameters
    ----------
    path : str or Path
        A CSV file with a heading. The column ``image`` must be there, ``slide`` (or ``sample``), ``um_per_px``,
        ``wbc`` (10^9 per litre) and ``profile`` may be. Paths are relative to the sheet. Commas, semicolons and tabs
        separate columns; where commas do not, a number may have a decimal comma.

    Returns
    -------
    list of SheetRow
        In the order of the sheet.

    Raises
    ------
    InputError
        It cannot be read or has a fault; the message names the line.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     sheet = Path(folder) / "slides.csv"
    ...     _ = sheet.write_text("image,slide,wbc\na1.png,A,7.2\na2.png,A,7.2\n")
    ...     [(Path(row.image).name, row.slide, row.wbc_per_l) for row in read_sheet(sheet)]
    [('a1.png', 'A', 7200000000.0), ('a2.png', 'A', 7200000000.0)]
    """
    path = Path(path)
    lines = _lines(path)
    separator = max(",;\t", key=lines[0].count)
    try:
        heading = next(csv.reader(lines[:1], delimiter=separator))
        fields_of = list(csv.reader(lines[1:], delimiter=separator))
    except csv.Error as error:
        raise InputError(f"{path}: the sheet cannot be read ({error}); save it as CSV UTF-8") from None
    columns = _columns(path, heading)
    rows: list[SheetRow] = []
    for number, fields in enumerate(fields_of, 2):
        place = f"{path} line {number}"
        if not any(field.strip() for field in fields):
            continue
        if len(fields) > len(columns):
            raise InputError(f"{place}: more fields than the heading has; put a name with a comma in quotes")
        known = {name: field.strip() for name, field in zip(columns, fields, strict=False)}
        rows.append(_row(path.parent, place, known, decimal_comma=separator != ","))
    if not rows:
        raise InputError(f"{path}: the sheet names no image; add a line for each below the heading")
    _check_together(path, rows)
    return rows


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path}: larger than 64 MB, so it is no sample sheet")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{path}: the sheet cannot be read ({system_reason(error)})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: the sheet is no text in UTF-8; save it as CSV UTF-8") from None
    if not lines:
        raise InputError(f"{path}: the sheet is empty; its first line must name the columns, image first")
    return lines


def _columns(path: Path, heading: Sequence[str]) -> list[str]:
    names = [_SYNONYMS.get(name.strip().lower(), name.strip().lower()) for name in heading]
    unknown = [
        given.strip() for given, name in zip(heading, names, strict=True) if name not in COLUMNS and name
    ]
    if "image" not in names:
        raise InputError(
            f"{path}: the sheet has no column image; its first line must name some of: {', '.join(COLUMNS)}"
        )
    # A column that is spelled wrongly and left out in silence would count with a wrong scale.
    if unknown:
        raise InputError(
            f"{path}: the column {unknown[0]!r} is not known; the columns are {', '.join(COLUMNS)}"
        )
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise InputError(f"{path}: the column {twice[0]} is there twice; leave one out")
    return names


def _row(folder: Path, place: str, known: dict[str, str], *, decimal_comma: bool) -> SheetRow:
    if not known.get("image"):
        raise InputError(f"{place}: no image; give its path, relative to the sheet")

    def number(name: str, low: float, high: float, unit: str) -> float | None:
        text = known.get(name, "")
        if not text:
            return None
        try:
            # Python takes 1_0 for ten.
            value = float(
                text.replace("_", "?").replace(",", ".") if decimal_comma else text.replace("_", "?")
            )
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise InputError(f"{place}: {name} is {text!r}; give {unit} from {low:g} to {high:g}")
        return value

    wbc = number("wbc", *_WBC_LIMITS, "10^9 per litre")
    profile = known.get("profile") or None
    # Asked in this way, a name that is too long for a file is none; a path would raise.
    if profile is not None and os.path.isfile(folder / profile):  # noqa: PTH113
        profile = str(folder / profile)
    return SheetRow(
        image=str(folder / known["image"]),
        slide=known.get("slide", ""),
        um_per_px=number("um_per_px", MIN_UM_PER_PX, MAX_UM_PER_PX, "µm per px"),
        wbc_per_l=None if wbc is None else wbc * 1e9,
        profile=profile,
    )


def _check_together(path: Path, rows: Sequence[SheetRow]) -> None:
    """Make sure that no image is there twice and that the images of a slide agree on what is of the slide."""
    first: dict[str, SheetRow] = {}
    seen: set[Path] = set()
    for row in rows:
        place = Path(row.image).absolute()
        if place in seen:
            raise InputError(f"{path}: the image {Path(row.image).name} is there twice; leave one line out")
        seen.add(place)
        other = first.setdefault(row.slide, row) if row.slide else row
        for name, one, two in (
            ("wbc", row.wbc_per_l, other.wbc_per_l),
            ("profile", row.profile, other.profile),
        ):
            if one != two:
                raise InputError(
                    f"{path}: the images of slide {row.slide!r} differ in {name}; give all the same"
                )
