"""What napari opens with our help: smears of any size as lazy pyramids, reviews, and cell tables as points."""

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
# No heading of a cell table is longer.
_HEADER = 10_000
# Most files of this kind come from other microscopes than slide scanners.
_OF_OTHERS_TOO = (".czi",)


def reader(path: str | Sequence[str]) -> Reader | None:
    """Tell napari how we read a file or folder, if at all.

    Parameters
    ----------
    path : str or sequence of str
        From napari; several are a stack, which is nothing of ours.

    Returns
    -------
    callable or None
        One of the functions below.
    """
    if not isinstance(path, str) and len(path) != 1:
        return None
    place = Path(path if isinstance(path, str) else path[0])
    ours: tuple[tuple[Callable[[Path], bool], Reader], ...] = (
        (is_review, read_review),
        (_is_cell_table, read_cells),
        (_is_smear, read_slide),
    )
    return next((read for is_ours, read in ours if is_ours(place)), None)


def _is_smear(place: Path) -> bool:
    """Tell whether a file is a smear: TIFF and Zarr only where they hold a colour image."""
    from napari_wbc.slides import open_slide
    from napari_wbc.slides.open import OPENSLIDE_SUFFIXES

    if place.is_dir() and not any((place / name).exists() for name in (".zattrs", ".zgroup", "zarr.json")):
        return False
    if place.suffix.lower() in OPENSLIDE_SUFFIXES and place.suffix.lower() not in _OF_OTHERS_TOO:
        # Nobody else reads these well; what is wrong with one of them should be said by us.
        return True
    try:
        open_slide(place).close()
    except InputError:
        return False
    return True


def _is_cell_table(place: Path) -> bool:
    try:
        with place.open(encoding="utf-8") as file:
            header = file.readline(_HEADER).rstrip("\n").split(",")
    except (OSError, UnicodeDecodeError):
        return False
    return {"cell_id", "y_px", "x_px", "label", "model_label"} <= set(header)


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
