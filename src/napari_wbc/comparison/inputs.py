"""What can be compared: folders of results, reviews, tables of cells or classes, tables of analysers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_wbc.cell_table import counted, probability_columns, read_cells_csv
from napari_wbc.comparison.analyser import read_analyser
from napari_wbc.comparison.sides import (
    CELL_COLUMNS,
    MOST_CELLS,
    Side,
    SlideCount,
    by_key,
    counts_of_labels,
    read_table,
)
from napari_wbc.differential.profile import Profile, load_profile
from napari_wbc.differential.tally import counted_rows, has_flag
from napari_wbc.errors import InputError
from napari_wbc.leukocytes import UNIDENTIFIED, class_named
from napari_wbc.provenance import read_run
from napari_wbc.review.flags import DRAWN
from napari_wbc.review.folder import image_path, is_review, review_beside, reviewed_cells

_POSITIONS = ("x_px", "y_px", "label")


def read_side(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    title: str = "",
    before_review: bool = False,
    profile: Profile | None = None,
) -> Side:
    """Read one side of a comparison, whatever it is.

    Parameters
    ----------
    path : str or Path
        A folder of results of ``napari-wbc count``, a folder of such folders, a review (``*.wbcreview``), ``cells.csv``
        or another table with ``x_px``, ``y_px`` and ``label`` (and ``slide``), ``differential.csv``, or the table of an
        analyser (:func:`~napari_wbc.comparison.analyser.read_analyser`).
    columns : mapping of str to str, optional
        What the columns of an analyser's table mean.
    title : str, optional
        What people call this side; else it follows from the path.
    before_review : bool, optional
        Take the labels that the model gave, not those after review.
    profile : Profile, optional
        Says which flags put a cell outside the denominator; that of adult peripheral blood by default.

    Returns
    -------
    Side

    Raises
    ------
    InputError
        There is nothing that can be compared.
    """
    path, lab = Path(path), profile or load_profile(None)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir():
        side = _folder(path, before_review, lab)
    else:
        heading = set(read_table(path).columns)
        if set(_POSITIONS) <= heading:
            side = _table_of_cells(path, before_review, lab)
        elif {"class", "count", "in_denominator"} <= heading:
            side = _differential(path)
        else:
            side = read_analyser(path, columns)
    return replace(side, title=title) if title else side


def _folder(path: Path, before_review: bool, profile: Profile) -> Side:
    """Read results and reviews: the folder itself, or those in it."""
    if is_review(path) or (path / "cells.csv").is_file():
        chosen = [path]
    else:
        folders = sorted(f for f in path.iterdir() if f.is_dir())
        results = [f for f in folders if (f / "cells.csv").is_file()]
        # A review beside the results of the same image says what they say, and what a person changed; of several
        # (name-2.wbcreview) the last counts.
        beside = [re.compile(re.escape(f.name) + r"(-\d+)?\.wbcreview") for f in results]
        alone = [f for f in folders if is_review(f) and not any(name.fullmatch(f.name) for name in beside)]
        chosen = sorted([*(review_beside(f) or f for f in results), *alone])
    if not chosen:
        raise InputError(
            f"{path}: holds no results of napari-wbc; give a folder of napari-wbc count, a review or a CSV file"
        )
    read = [(_review if is_review(f) else _results)(f, before_review, profile) for f in chosen]
    models = {model for _, _, model in read}
    one = models.pop() if len(models) == 1 else None
    return Side(
        path.name,
        by_key((slide for slide, _, _ in read), str(path)),
        frozenset().union(*(known for _, known, _ in read)),
        "reviews" if all(is_review(f) for f in chosen) else "results",
        one or "",
        ("Its slides were counted with different models.",) if one is None else (),
    )


def _results(folder: Path, before_review: bool, profile: Profile) -> tuple[SlideCount, frozenset[str], str]:
    run = read_run(folder) or {}
    cells = read_cells_csv(folder / "cells.csv")
    name = str(run.get("image", {}).get("name") or folder.name)
    return _of_cells(_as_the_model_said(cells) if before_review else cells, name, run, profile)


def _review(folder: Path, before_review: bool, profile: Profile) -> tuple[SlideCount, frozenset[str], str]:
    cells, description = reviewed_cells(folder, before_review=before_review)
    run: dict[str, Any] = dict(description["run"])
    slide, known, model = _of_cells(cells, str(description["image"]["name"]), run, profile)
    try:
        image: Path | None = image_path(folder)
    except InputError:
        image = None
    return replace(slide, image=image, um_per_px=float(description["scale"]["um_per_px"])), known, model


def _as_the_model_said(cells: pd.DataFrame) -> pd.DataFrame:
    """Take back what a person did to a cell table, as far as it tells."""
    looked_at = cells["status"] != "model"
    said = cells.assign(label=cells["label"].where(~looked_at, cells["model_label"]), status="model")
    return said[~has_flag(cells["flags"], DRAWN)]


def _of_cells(
    cells: pd.DataFrame, name: str, run: Mapping[str, Any], profile: Profile
) -> tuple[SlideCount, frozenset[str], str]:
    shown = counted(cells)
    known = {column[2:] for column in probability_columns(cells)} | set(shown["label"]) - {UNIDENTIFIED}
    model = (
        next(iter(cells["model_sha256"]), "") if len(cells) else str(run.get("model", {}).get("sha256", ""))
    )
    scale = run.get("scale", {}).get("um_per_px")
    # Smudge cells that nobody labelled stand outside, as in every differential; the merges come later.
    rows = counted_rows(shown, profile.split())
    slide = SlideCount(
        name,
        counts_of_labels(rows),
        True,
        shown[list(CELL_COLUMNS)].reset_index(drop=True),
        float(scale) if scale else None,
        str(run.get("image", {}).get("sha256", "")),
    )
    return slide, frozenset(known), str(model)


def _table_of_cells(path: Path, before_review: bool, profile: Profile) -> Side:
    """Read a table of cells: ours, or labels of somebody else with places."""
    run = read_run(path.parent) or {}
    heading = read_table(path).columns
    if {"cell_id", "status", "model_label"} <= set(heading):
        cells = read_cells_csv(path)
        cells = _as_the_model_said(cells) if before_review else cells
        known: set[str] = set()
        slides, models = [], set()
        for name, group in cells.groupby("slide", sort=False):
            slide, classes, model = _of_cells(group, str(name) or path.stem, run, profile)
            slides.append(slide)
            known |= classes
            models.add(model)
        return Side(
            path.parent.name or path.stem,
            by_key(slides, str(path)),
            frozenset(known),
            "table of cells",
            models.pop() if len(models) == 1 else "",
        )
    return _labels(path, read_table(path))


def _labels(path: Path, table: pd.DataFrame) -> Side:
    """Read labels with places, as a reader or a data set gives them."""
    meanings = {text: class_named(text) for text in table["label"].unique()}
    labels = table["label"].map(meanings | {UNIDENTIFIED: UNIDENTIFIED})
    strange = table["label"][labels.isna()]
    if len(strange):
        raise InputError(
            f"{path}: row {strange.index[0] + 2}: {strange.iloc[0]!r} is no class that is known; rename it"
        )
    places = table[["y_px", "x_px"]].apply(pd.to_numeric, errors="coerce")
    if not np.isfinite(places.to_numpy(float)).all():
        row = int((~np.isfinite(places.to_numpy(float))).any(axis=1).argmax())
        raise InputError(f"{path}: row {row + 2}: x_px or y_px is no number")
    cells = places.assign(label=labels.astype(object), confidence=float("nan"))
    names = (
        table["slide"].str.strip() if "slide" in table.columns else pd.Series(path.stem, index=table.index)
    )
    slides = []
    for name, group in cells.groupby(names, sort=False):
        own = group.assign(cell_id=range(1, len(group) + 1))[list(CELL_COLUMNS)].reset_index(drop=True)
        slides.append(SlideCount(str(name), counts_of_labels(group["label"]), True, own))
    known = frozenset(set(labels) - {UNIDENTIFIED})
    return Side(path.stem, by_key(slides, str(path)), known, "table of cells")


def _differential(path: Path) -> Side:
    """Read ``differential.csv``; the slide is the one of the folder."""
    run = read_run(path.parent) or {}
    table = read_table(path)
    try:
        numbers: dict[str, float] = {}
        for row in table.to_dict("records"):
            # Rows outside the denominator may be called by a flag, as "smudge".
            name = row["class"] if row["in_denominator"] == "1" else class_named(row["class"]) or UNIDENTIFIED
            count = float(row["count"])
            if not 0 <= count <= MOST_CELLS or count != int(count):
                raise ValueError
            numbers[name] = numbers.get(name, 0.0) + count
    except ValueError:
        raise InputError(f"{path}: the column count holds something that is no number of cells") from None
    slide_name = str(run.get("image", {}).get("name") or path.parent.name or path.stem)
    slide = SlideCount(slide_name, numbers)
    known = frozenset(set(numbers) - {UNIDENTIFIED})
    return Side(path.parent.name or path.stem, by_key([slide], str(path)), known, "differential")
