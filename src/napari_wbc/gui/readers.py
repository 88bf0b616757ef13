"""Readers: smear images of any size as lazy pyramids, and cell tables as points."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_wbc.cell_table import read_cells_csv
from napari_wbc.errors import InputError
from napari_wbc.gui.image_layers import METADATA_KEY
from napari_wbc.gui.marks import CIRCLE_LINE, SMALLEST_CIRCLE, circle_sizes, colours
from napari_wbc.review.folder import image_path, is_review

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[Any], list[LayerData]]


def slide_reader(path: str | Sequence[str]) -> Reader | None:
    """Tell napari whether we read a file: TIFF and Zarr only where they hold a colour image.

    Parameters
    ----------
    path : str or sequence of str
        From napari; several are a stack, which a smear is not.

    Returns
    -------
    callable or None
        The reader.
    """
    from napari_wbc.slides.open import OPENSLIDE_SUFFIXES

    place = _only(path)
    if place is None:
        return None
    if place.is_dir() and not any((place / name).exists() for name in (".zattrs", ".zgroup", "zarr.json")):
        return None
    if place.suffix.lower() in OPENSLIDE_SUFFIXES:
        # Nobody else reads these well; what is wrong with one of them should be said by us.
        return read_slide
    from napari_wbc.slides import open_slide

    try:
        open_slide(place).close()
    except InputError:
        return None
    return read_slide


def _only(path: str | Sequence[str]) -> Path | None:
    """Give the file that napari names; None where there are several."""
    if isinstance(path, str):
        return Path(path)
    return Path(path[0]) if len(path) == 1 else None


def read_slide(path: str | Path | Sequence[str]) -> list[LayerData]:
    """Read a smear image.

    Parameters
    ----------
    path : str or Path
        A file, or the folder of an OME-Zarr image.

    Returns
    -------
    list of layer data
        One image layer: a dask pyramid where the image has several levels or is large, with path and µm per px in
        ``metadata["napari_wbc"]``.

    Raises
    ------
    InputError
        It is no colour image, or broken.
    """
    from napari_wbc.slides import open_slide
    from napari_wbc.slides.pyramid import as_dask_pyramid

    place = Path(path if isinstance(path, str | Path) else path[0])
    slide = open_slide(place)
    levels: list[Any] = as_dask_pyramid(slide)
    if len(levels) == 1:
        # Small enough to be held; lazy chunks would only make it slower.
        levels = [np.asarray(levels[0])]
        slide.close()
    metadata = {METADATA_KEY: {"path": str(place.resolve()), "um_per_px": slide.metadata_um_per_px}}
    layer = {"name": slide.name, "rgb": True, "multiscale": len(levels) > 1, "metadata": metadata}
    return [(levels if len(levels) > 1 else levels[0], layer, "image")]


def review_reader(path: str | Sequence[str]) -> Reader | None:
    """Tell napari whether we read a folder: only that of a review.

    Parameters
    ----------
    path : str or sequence of str
        From napari.

    Returns
    -------
    callable or None
        The reader.
    """
    place = _only(path)
    return read_review if place is not None and is_review(place) else None


def read_review(path: str | Path | Sequence[str]) -> list[LayerData]:
    """Read the image of a review; the dock widget "Count leukocytes" brings its cells.

    Parameters
    ----------
    path : str or Path
        The folder.

    Returns
    -------
    list of layer data
        One image layer, as of :func:`read_slide`, with the folder in ``metadata["napari_wbc"]["review"]``.

    Raises
    ------
    InputError
        The review or its image cannot be read.
    """
    folder = Path(path if isinstance(path, str | Path) else path[0])
    (data, layer, kind) = read_slide(image_path(folder))[0]
    layer["metadata"][METADATA_KEY]["review"] = str(folder.resolve())
    return [(data, layer, kind)]


def cells_reader(path: str | Sequence[str]) -> Reader | None:
    """Tell napari whether we read a CSV file: only a cell table.

    Parameters
    ----------
    path : str or sequence of str
        From napari.

    Returns
    -------
    callable or None
        The reader.
    """
    place = _only(path)
    if place is None:
        return None
    try:
        with place.open(encoding="utf-8") as file:
            header = file.readline().split(",")
    except (OSError, UnicodeDecodeError):
        return None
    return read_cells if {"cell_id", "y_px", "x_px", "label", "model_label"} <= set(header) else None


def read_cells(path: str | Path | Sequence[str]) -> list[LayerData]:
    """Read ``cells.csv`` as points, in px of the slide.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    list of layer data
        One points layer; the whole table is in ``metadata["napari_wbc"]["cells"]``.

    Raises
    ------
    InputError
        It is no cell table.
    """
    place = Path(path if isinstance(path, str | Path) else path[0])
    cells = read_cells_csv(place)
    name = cells["slide"].iloc[0] if len(cells) else _slide_of(place.parent)
    layer: dict[str, Any] = {
        "name": f"{name} cells",
        "features": cells[["cell_id", "label", "confidence", "novelty"]],
        "metadata": {METADATA_KEY: {"cells": cells}},
    }
    if len(cells):
        layer |= {
            "size": circle_sizes(cells),
            "border_color": colours(cells["label"].tolist()),
            "face_color": np.zeros((len(cells), 4)),
            "border_width": CIRCLE_LINE,
            "canvas_size_limits": (SMALLEST_CIRCLE, 10_000),
        }
    return [(cells[["y_px", "x_px"]].to_numpy(float), layer, "points")]


def _slide_of(folder: Path) -> str:
    """Read the slide's name beside a table without rows."""
    try:
        return str(Path(json.loads((folder / "run.json").read_text(encoding="utf-8"))["image"]["name"]).stem)
    except (OSError, ValueError, KeyError, TypeError):
        return folder.name
