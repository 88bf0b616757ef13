"""The table of an analyser, or of a reader: one row per slide, one column per class."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.comparison.sides import MOST_CELLS, Side, SlideCount, by_key, leukocytes_of, read_table
from napari_wbc.differential.profile_entries import read_yaml
from napari_wbc.errors import InputError
from napari_wbc.leukocytes import BY_NAME, UNIDENTIFIED, class_named, class_of

#: What a column may mean that is no class.
SLIDE, CELLS, IGNORE = "slide", "cells", "ignore"

#: Abbreviations of analysers and laboratories, in lower case, without sign or blank.
_ABBREVIATIONS: dict[str, str] = {
    **dict.fromkeys(("neut", "neu", "ne", "neutro", "gran"), "neutrophil"),
    **dict.fromkeys(("seg", "segs", "segmented", "pmn"), "neutrophil_segmented"),
    **dict.fromkeys(("band", "bands", "stab", "bnd"), "neutrophil_band"),
    **dict.fromkeys(("lymph", "lym", "ly", "lymphs"), "lymphocyte"),
    **dict.fromkeys(("mono", "mon", "mo", "monos"), "monocyte"),
    **dict.fromkeys(("eos", "eo", "eosin", "eosino"), "eosinophil"),
    **dict.fromkeys(("baso", "bas", "ba", "basos"), "basophil"),
    **dict.fromkeys(("ig", "imgran", "img", "immaturegran"), "immature_granulocyte"),
    **dict.fromkeys(("meta", "metas", "mmy"), "metamyelocyte"),
    **dict.fromkeys(("myelo", "myelos", "my"), "myelocyte"),
    **dict.fromkeys(("promyelo", "promy", "pmy", "promyelos"), "promyelocyte"),
    **dict.fromkeys(("blast", "blasts"), "blast"),
    **dict.fromkeys(
        ("atyplymph", "alym", "varlymph", "reaclymph", "variantlymphocyte"), "lymphocyte_atypical"
    ),
    **dict.fromkeys(("plasma", "plasmacell"), "plasma_cell"),
    **dict.fromkeys(("nrbc", "erb", "ery"), "erythroblast"),
}
_SLIDE_NAMES = {
    *("slide", "image", "sample", "sampleid", "sampleno", "samplenumber", "specimen", "specimenid"),
    *("id", "barcode", "smear", "file", "filename", "rack", "case"),
}
_CELL_NUMBERS = {"cells", "n", "leukocytes", "leucocytes", "cellscounted", "wbccounted", "counted", "total"}
# Marks of an absolute number behind a class, as "NEUT#" or "NEUT (10^9/L)".
_ABSOLUTE = re.compile(r"#|abs|10\s*[\^*]|10[e³⁹]|/\s*[µu]?l", re.IGNORECASE)


def read_analyser(path: str | Path, columns: Mapping[str, str] | None = None, title: str = "") -> Side:
    """Read a table with one row per slide.

    Percentages are taken as they are; where the headings have no percent sign and every number is whole, they are
    cells. Columns of absolute numbers are passed over where there are percentages.

    Parameters
    ----------
    path : str or Path
        CSV in UTF-8 with a heading; commas, semicolons or tabs.
    columns : mapping of str to str, optional
        What columns mean: one of our classes, ``slide``, ``cells`` (leukocytes counted) or ``ignore``. Several columns
        of one class are added up. Other columns go by their usual names (``NEUT%``, ``Lymph (%)``, ``Sample ID``).
    title : str, optional
        What to call it; the file's stem otherwise.

    Returns
    -------
    Side

    Raises
    ------
    InputError
        The table cannot be read, no column names the slides or the classes, or a row is no differential.
    """
    path = Path(path)
    table = read_table(path)
    slide, cells, classes, unused = _meanings(table, columns or {}, path)
    notes = []
    blank = table[list(classes)].apply(lambda column: column.map(_plain_number) == "").all(axis=1)
    if blank.any():
        if blank.all():
            raise InputError(f"{path}: no row has a number in {', '.join(list(classes)[:6])}")
        notes.append(f"{path.name}: without a number, left out: {', '.join(table[slide][blank].head(5))}.")
        table = table[~blank]
    if unused:
        notes.append(f"{path.name}: not read: {', '.join(unused)}.")
    numbers: dict[str, NDArray[np.float64]] = {}
    for column, name in classes.items():
        numbers[name] = numbers.get(name, np.zeros(len(table))) + _numbers(table, column, path)
    whole = all((values == np.round(values)).all() for values in numbers.values())
    counted = whole and cells is None and not any("%" in column for column in classes)
    if not counted:
        held = _immature_within(numbers)
        if held:
            numbers["neutrophil"] = numbers["neutrophil"] - numbers["immature_granulocyte"]
            notes.append(
                f"{path.name}: the neutrophils hold the immature granulocytes, which were taken off."
            )
        _check_sums(table, slide, numbers, path)
    known_cells = _numbers(table, cells, path) if cells is not None else None
    slides = []
    for row, name in enumerate(table[slide]):
        of_row = {label: float(values[row]) for label, values in numbers.items()}
        slides.append(
            _slide(str(name).strip(), of_row, counted, None if known_cells is None else known_cells[row])
        )
    if any(slide.name == "" for slide in slides):
        raise InputError(f"{path}: a row has no slide in the column {slide!r}; fill it in")
    return Side(
        title or path.stem, by_key(slides, str(path)), frozenset(numbers), "table by slide", "", tuple(notes)
    )


def read_columns(path: str | Path) -> dict[str, str]:
    """Read what the columns of an analyser's table mean.

    Parameters
    ----------
    path : str or Path
        YAML, one line per column: its heading, a colon, and one of our classes, ``slide``, ``cells`` or ``ignore``.

    Raises
    ------
    InputError
        It cannot be read, or gives a column a meaning that is none.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8"
        raise InputError(f"{path}: cannot be read as a text ({reason})") from None
    try:
        content, _ = read_yaml(text, str(path))
    except InputError as error:
        raise InputError(f"{error}; put headings with signs in quotes") from None
    if not isinstance(content, dict) or not content:
        raise InputError(f'{path}: give one line per column, as "NEUT%": neutrophil')
    meanings: dict[str, str] = {}
    for column, meaning in content.items():
        name = _meaning_named(meaning)
        if name is None:
            raise InputError(
                f"{path}: {column!r} is given the meaning {meaning!r}; give one of our classes (for example "
                f"{', '.join(list(BY_NAME)[2:6])}), slide, cells or ignore"
            )
        meanings[str(column).strip()] = name
    return meanings


def _meaning_named(meaning: Any) -> str | None:
    text = str(meaning).strip()
    return text if text in (SLIDE, CELLS, IGNORE) else class_named(text)


def column_class(heading: str) -> str | None:
    """Give the class that a heading usually means, or None.

    Examples
    --------
    >>> column_class("NEUT%(%)"), column_class("Lymphocytes [%]"), column_class("HGB")
    ('neutrophil', 'lymphocyte', None)
    """
    plain = re.sub(r"percent_|\[.*?\]|\(.*?\)|percent|pct|%|#", " ", heading, flags=re.IGNORECASE).strip(
        " _-."
    )
    short = re.sub(r"[^a-z]+", "", plain.lower())
    name = _ABBREVIATIONS.get(short) or class_named(plain)
    # "Leukocytes" is how many there are, and no class.
    return name if name in BY_NAME and name != UNIDENTIFIED else None


def _meanings(
    table: pd.DataFrame, given: Mapping[str, str], path: Path
) -> tuple[str, str | None, dict[str, str], list[str]]:
    """Tell the column of the slides, that of the cells, and the classes of the others."""
    absent = [column for column in given if column not in table.columns]
    if absent:
        raise InputError(f"{path}: no column {absent[0]!r}; it has {', '.join(map(str, table.columns[:12]))}")
    slides = [c for c, meaning in given.items() if meaning == SLIDE]
    cells = [c for c, meaning in given.items() if meaning == CELLS]
    classes = {c: meaning for c, meaning in given.items() if meaning not in (SLIDE, CELLS, IGNORE)}
    absolute, unused = {}, []
    for column in (str(c) for c in table.columns if c not in given):
        plain = re.sub(r"[^a-z]+", "", column.lower())
        name = column_class(column)
        if name is not None and (_ABSOLUTE.search(column) and "%" not in column):
            absolute[column] = name
        elif name is not None and name not in classes.values():
            classes[column] = name
        elif plain in _SLIDE_NAMES:
            slides.append(column)
        elif plain in _CELL_NUMBERS:
            cells.append(column)
        elif "%" in column:
            unused.append(column)
    classes = classes or absolute
    if not slides:
        raise InputError(
            f"{path}: no column names the slides; call one slide, or say which in a file for --columns"
        )
    if sum(class_of(name).kind == "leukocyte" for name in classes.values()) < 2:
        raise InputError(
            f"{path}: no columns of leukocyte classes (such as NEUT%, LYMPH%) among "
            f"{', '.join(map(str, table.columns[:12]))}; say what they mean in a file for --columns"
        )
    return slides[0], cells[0] if cells else None, classes, unused


def _numbers(table: pd.DataFrame, column: str, path: Path) -> NDArray[np.float64]:
    """Read a column; an empty field or a dash is none of them."""
    values = np.zeros(len(table))
    for row, text in enumerate(table[column]):
        try:
            values[row] = float(_plain_number(text) or 0)
        except ValueError:
            values[row] = math.nan
        if not 0 <= values[row] <= MOST_CELLS or "_" in text:
            raise InputError(
                f"{path}: row {table.index[row] + 2}, column {column}: {text!r} is no number of cells or percentage"
            )
    return values


def _plain_number(text: str) -> str:
    """Give a field without signs and marks: an empty one, a dash, or stars for what was not measured, is empty."""
    return text.strip().rstrip("%*+- ").replace(",", ".")


def _immature_within(numbers: Mapping[str, NDArray[np.float64]]) -> bool:
    """Tell whether the neutrophils hold the immature granulocytes, as many analysers report them."""
    if not {"neutrophil", "immature_granulocyte"} <= set(numbers):
        return False
    immature = numbers["immature_granulocyte"]
    total = _sum(numbers)
    told = immature > 0.05
    return bool(
        told.any()
        and (np.abs(total - immature - 100)[told] < np.abs(total - 100)[told]).mean() > 0.5
        and (immature <= numbers["neutrophil"]).all()
    )


def _sum(numbers: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    inside = [values for name, values in numbers.items() if class_of(name).kind == "leukocyte"]
    return np.asarray(np.sum(inside, axis=0), float)


def _check_sums(
    table: pd.DataFrame, slide: str, numbers: Mapping[str, NDArray[np.float64]], path: Path
) -> None:
    """Make sure that the rows are percentages: absolute numbers have any sum, but of no row 100."""
    total = _sum(numbers)
    if (np.abs(total - 100) > 2).all() and not any("%" in str(c) for c in table.columns):
        # Absolute numbers are as good: shares are taken of their sum.
        if (total <= 0).any():
            row = int(np.flatnonzero(total <= 0)[0])
            raise InputError(
                f"{path}: the slide {table[slide].iloc[row]!r} has no leukocytes; take the row out"
            )
        return
    wrong = np.flatnonzero((total < 90) | (total > 102))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{path}: the percentages of the slide {table[slide].iloc[row]!r} sum to {total[row]:.1f}; name every "
            "class of leukocytes, each once, in a file for --columns"
        )


def _slide(name: str, numbers: Mapping[str, float], counted: bool, cells: float | None) -> SlideCount:
    total = leukocytes_of(numbers)
    if counted:
        return SlideCount(name, numbers)
    if cells is None:
        return SlideCount(name, numbers, counted=False)
    return SlideCount(name, {label: value / total * cells for label, value in numbers.items()})
