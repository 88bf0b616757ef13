"""The cell table: one row per cell, the only truth; layers, plots and exports are views of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from napari_wbc.csv_file import read_csv
from napari_wbc.errors import InputError, OutputError, system_reason
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.leukocytes import UNIDENTIFIED, fine_classes

#: Columns before and after the ``p_<class>`` columns, with their dtype.
LEADING: dict[str, str] = {
    "cell_id": "int64",
    "y_px": "float64",
    "x_px": "float64",
    "bbox_y0": "int64",
    "bbox_x0": "int64",
    "bbox_y1": "int64",
    "bbox_x1": "int64",
    "nucleus_area_um2": "float64",
    "cell_area_um2": "float64",
    "touches_border": "bool",
    "label": "str",
    "model_label": "str",
    "confidence": "float64",
}
TRAILING: dict[str, str] = {
    "novelty": "float64",
    "status": "str",
    "flags": "str",
    "slide": "str",
    "model_sha256": "str",
}
#: Quality of the region that a cell lies in, behind all the others; empty where it is not known.
REGION: dict[str, str] = {
    "region_foreground_fraction": "float64",
    "region_crowding": "float64",
    "region_clustered_fraction": "float64",
    "region_pallor_fraction": "float64",
    "region_sharpness": "float64",
}
STATUSES = ("model", "reviewed", "excluded")
#: The one flag that a classifier gives; all others come from the segmentation or from people.
UNLIKE_TRAINING = "unlike_training"
# A field that begins like this is run as a formula by spreadsheets; names of slides come from anywhere.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def columns(classes: Sequence[str]) -> dict[str, str]:
    """Give the columns of the table in their order, with their dtypes.

    Parameters
    ----------
    classes : sequence of str
        The model's classes; each has a ``p_<class>`` column.

    Examples
    --------
    >>> list(columns(["lymphocyte"]))[12:14]
    ['confidence', 'p_lymphocyte']
    """
    return {**LEADING, **{f"p_{name}": "float64" for name in classes}, **TRAILING, **REGION}


def probability_columns(cells: pd.DataFrame) -> list[str]:
    """Give the ``p_<class>`` columns of a table in their order."""
    return [c for c in cells.columns if c.startswith("p_")]


def second_guesses(cells: pd.DataFrame) -> pd.DataFrame:
    """Give the most probable class of each cell beside that of the model.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table. Finer classes that make up a coarse ``model_label`` are no other guess.

    Returns
    -------
    pandas.DataFrame
        ``label`` (empty where the model knows no other class) and ``probability``, one row per cell.

    Examples
    --------
    >>> cells = pd.DataFrame({"model_label": ["monocyte"], "p_monocyte": [0.7], "p_lymphocyte": [0.3]})
    >>> second_guesses(cells).to_dict("records")
    [{'label': 'lymphocyte', 'probability': 0.3}]
    """
    names = probability_columns(cells)
    if not names or not len(cells):
        return pd.DataFrame({"label": np.full(len(cells), "", object), "probability": np.zeros(len(cells))})
    classes = np.array([name[2:] for name in names], object)
    chances = cells[names].to_numpy(float, copy=True)
    labels = cells["model_label"].to_numpy(object)
    for label in set(labels):
        own = {label, *fine_classes(label)}
        chances[np.ix_(labels == label, [name in own for name in classes])] = -1.0
    best = chances.argmax(axis=1)
    probability = chances[np.arange(len(cells)), best]
    return pd.DataFrame(
        {"label": np.where(probability >= 0, classes[best], ""), "probability": np.maximum(probability, 0.0)}
    )


def empty_table(classes: Sequence[str]) -> pd.DataFrame:
    """Make a table without rows."""
    dtypes = columns(classes)
    return pd.DataFrame({name: np.empty(0, object if t == "str" else t) for name, t in dtypes.items()})


def conform(cells: pd.DataFrame) -> pd.DataFrame:
    """Check a table and put its columns into order and dtype.

    Parameters
    ----------
    cells : pandas.DataFrame
        Rows with at least the columns of :func:`columns`, but for those of the regions, which are filled with NaN
        where they are missing; further columns are kept behind them.

    Returns
    -------
    pandas.DataFrame
        A new table with a fresh index.

    Raises
    ------
    InputError
        A column is missing or holds what it must not.
    """
    classes = [c[2:] for c in probability_columns(cells)]
    wanted = columns(classes)
    cells = cells.assign(**{name: np.nan for name in REGION if name not in cells.columns})
    missing = [c for c in wanted if c not in cells.columns]
    if missing:
        raise InputError(f"the cell table lacks the columns {', '.join(missing)}")
    table = cells[[*wanted, *(c for c in cells.columns if c not in wanted)]].reset_index(drop=True)
    for name, dtype in wanted.items():
        if dtype == "str":
            # An empty field of a CSV file arrives as NaN; here it is an empty text.
            table[name] = table[name].astype(object).where(table[name].notna(), "").astype(str).astype(object)
        elif dtype == "bool":
            table[name] = table[name].map(_as_bool).astype(bool)
        else:
            try:
                table[name] = pd.to_numeric(table[name]).astype(dtype)  # type: ignore[call-overload]
            except (TypeError, ValueError, OverflowError) as error:
                raise InputError(f"the column {name} of the cell table holds no number: {error}") from None
    if list(table["cell_id"]) != list(range(1, len(table) + 1)):
        raise InputError("the cell_id column must count 1, 2, 3, ... without a gap")
    unknown = sorted(set(table["status"]) - set(STATUSES))
    if unknown:
        raise InputError(
            f"unknown status {unknown[0]!r} in the cell table; it is one of {', '.join(STATUSES)}"
        )
    return table


def _as_bool(value: object) -> bool:
    if isinstance(value, str):
        lowered = value.strip().lower()
        if lowered in ("true", "1"):
            return True
        if lowered in ("false", "0", ""):
            return False
        raise InputError(f"the column touches_border holds {value!r}; it must be True or False")
    return bool(value)


def spreadsheet_safe(text: str) -> str:
    """Give a text that no spreadsheet takes for a formula: an apostrophe goes before what looks like one.

    Examples
    --------
    >>> spreadsheet_safe("=cmd()"), spreadsheet_safe("monocyte")
    ("'=cmd()", 'monocyte')
    """
    return "'" + text if text.lstrip("'").startswith(_FORMULA_STARTS) else text


def _from_spreadsheet_safe(text: str) -> str:
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(_FORMULA_STARTS) else text


def write_cells_csv(cells: pd.DataFrame, path: str | Path) -> Path:
    """Write ``cells.csv``: numbers with enough digits to be read back as shown, texts that no spreadsheet runs.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    path = Path(path)
    rounded = {"y_px": 2, "x_px": 2, "nucleus_area_um2": 2, "cell_area_um2": 2, "confidence": 4, "novelty": 4}
    rounded |= dict.fromkeys(probability_columns(cells), 5) | dict.fromkeys(REGION, 3)
    table = conform(cells).round(rounded)
    for name in (name for name, dtype in (LEADING | TRAILING).items() if dtype == "str"):
        table[name] = table[name].map(spreadsheet_safe)
    try:
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {system_reason(error)}") from None
    return path


def read_cells_csv(path: str | Path) -> pd.DataFrame:
    """Read ``cells.csv`` back.

    Raises
    ------
    InputError
        The file is missing or is no cell table.
    """
    # Texts are read as texts: a slide may be called 007.
    texts = {name: str for name, dtype in (LEADING | TRAILING).items() if dtype == "str"}
    unknown = {name: [""] for name in ("confidence", "novelty", *REGION)}
    table = conform(read_csv(path, "a cell table", dtype=texts, keep_default_na=False, na_values=unknown))
    _refuse_impossible(table, path)
    for name in texts:
        table[name] = table[name].map(_from_spreadsheet_safe)
    return table


def _refuse_impossible(table: pd.DataFrame, path: str | Path) -> None:
    """Raise an error about the first column with a number that no count gives."""
    shares = ["confidence", "novelty", *probability_columns(table)]
    limits = {
        "y_px": (-1e7, 1e7),
        "x_px": (-1e7, 1e7),
        "nucleus_area_um2": (0, 1e7),
        "cell_area_um2": (0, 1e7),
    }
    for name, (low, high) in {**limits, **dict.fromkeys(shares, (0.0, 1.0))}.items():
        # NaN stands for what is not known: the confidence of a cell that was drawn.
        wrong = ~(table[name].between(low, high) | (table[name].isna() & (name in shares)))
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise InputError(f"{path}, line {row + 2}: {name} is {table[name].iloc[row]:g}, which cannot be")


def counted(cells: pd.DataFrame) -> pd.DataFrame:
    """Give the rows that count: all but the excluded ones."""
    return cells[cells["status"] != "excluded"]


def is_unidentified(cells: pd.DataFrame) -> pd.Series[bool]:
    """Tell which rows hold no class."""
    return cells["label"] == UNIDENTIFIED


def is_labelled(cells: pd.DataFrame) -> pd.Series[bool]:
    """Tell which cells a person gave a class or agreed to it: what a model can learn from."""
    return (cells["status"] == "reviewed") & ~is_unidentified(cells)
