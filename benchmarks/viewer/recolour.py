"""Another class for one of 10,000 cells: our layers against one entry of a direct colormap with 10,000 entries.

Ours: a uint8 Labels layer of classes, in which only the place of the cell is painted again, and points with their table
of features; on the larger image the points are drawn as circles. Plain: an int32 Labels layer of cells with a colour
for each; one colour is changed. "ms" is how long the GUI thread is busy with the change, "frame_ms" how long it takes
to draw the canvas when nothing has changed, "on_screen_ms" the change and the frame that shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import napari
import numpy as np
import pandas as pd
from benchmarks.viewer._cells import CLASSES, draw, milliseconds, random_cells
from napari.layers import Image
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QTimer

from napari_wbc.gui.layers import CellLayers
from napari_wbc.gui.marks import rgba
from napari_wbc.masks import CellMask, paint_labels

N_CELLS, EDITS, PLAIN_EDITS = 10_000, 25, 5
#: Side of the image and radius of the largest cells, px.
IMAGES = {"outlines": (3000, 10), "outlines_and_circles": (6000, 24)}


def run() -> dict[str, Any]:
    """Measure both ways; the ratios are plain to ours."""
    result: dict[str, Any] = {"cells": N_CELLS}
    for name, (side, radius) in IMAGES.items():
        cells, masks = random_cells(N_CELLS, side, radius)
        viewer = napari.Viewer(show=True, show_welcome_screen=False)
        image = viewer.add_image(np.full((side, side, 3), 220, np.uint8), rgb=True)
        ours = _ours(viewer, image, cells, masks)
        plain = _plain(viewer, cells, masks, side)
        viewer.close()
        result[name] = {
            "image_px": [side, side],
            "class_layer": ours,
            "direct_colormap": plain,
            "ratio": plain["ms"] / ours["ms"],
        }
    return result


def _ours(
    viewer: napari.Viewer, image: Image, cells: pd.DataFrame, masks: list[CellMask]
) -> dict[str, float]:
    side = image.data.shape[0]
    layers = CellLayers(viewer, image, (side, side), later=QTimer.singleShot, selected=_nobody)
    layers.set_scale(0.1)
    layers.show(cells, masks)
    edits = _edits(cells)

    def edit() -> None:
        now, row = next(edits)
        layers.update_rows(now, masks, (row,))

    figures = _figures(viewer, edit, EDITS)
    layers.remove()
    return figures


def _plain(viewer: napari.Viewer, cells: pd.DataFrame, masks: list[CellMask], side: int) -> dict[str, float]:
    numbers = paint_labels(masks, range(1, N_CELLS + 1), (side, side))
    colours: dict[int | None, np.ndarray] = dict.fromkeys((None, 0), np.zeros(4, np.float32))
    colours |= {i + 1: rgba(label) for i, label in enumerate(cells["label"])}
    layer = viewer.add_labels(numbers, colormap=DirectLabelColormap(color_dict=colours))
    rng = np.random.default_rng(1)

    def recolour() -> None:
        colours[int(rng.integers(1, N_CELLS + 1))] = rgba(str(rng.choice(CLASSES)))
        layer.colormap = DirectLabelColormap(color_dict=colours)

    return _figures(viewer, recolour, PLAIN_EDITS)


def _figures(viewer: napari.Viewer, edit: Callable[[], None], times: int) -> dict[str, float]:
    return {
        "ms": milliseconds(edit, times),
        "frame_ms": milliseconds(draw(viewer)),
        "on_screen_ms": milliseconds(edit, 5, draw(viewer)),
    }


def _edits(cells: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, int]]:
    """Tables in which one more cell is of another class, and its row; made before they are asked for."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(2 * EDITS):
        row = int(rng.integers(len(cells)))
        labels = cells["label"].to_numpy(copy=True)
        labels[row] = rng.choice([name for name in CLASSES if name != labels[row]])
        cells = cells.assign(label=labels)
        made.append((cells, row))
    return iter(made)


def _nobody(_: tuple[int, ...]) -> None:
    """Do nothing with what is picked."""
