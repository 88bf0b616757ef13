"""From the list into the image and back, with 10,000 cells: ours against napari's Features Table.

To the image: a row is picked in the list until its point is selected. To the list: from a place in the image that was
clicked to the row of its cell, selected and in sight; in napari itself a point is selected instead, for a click selects
none unless its layer is active and in another mode. Both use the same layers; the frames that follow are not measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
import numpy as np
from benchmarks.viewer._cells import milliseconds, random_cells
from napari_builtins._qt.features_table import FeaturesTable
from qtpy.QtCore import QItemSelectionModel, QTimer

from napari_wbc.gui.cell_table_panel import CellTablePanel
from napari_wbc.gui.layers import CellLayers

N_CELLS, SIDE, TIMES = 10_000, 6000, 15
_REPLACE = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows


def run() -> dict[str, Any]:
    """Measure both ways; ratios are napari's to ours."""
    cells, masks = random_cells(N_CELLS, SIDE)
    rng = np.random.default_rng(2)
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    image = viewer.add_image(np.full((SIDE, SIDE, 3), 220, np.uint8), rgb=True)
    layers = CellLayers(viewer, image, (SIDE, SIDE), later=QTimer.singleShot, selected=_nobody)
    layers.set_scale(0.1)
    layers.show(cells, masks)
    panel = CellTablePanel()
    panel.view.rows_picked.connect(layers.select)
    dock = viewer.window.add_dock_widget(panel)
    panel.set_cells(cells)
    view, points = panel.view, layers.points
    assert points is not None

    def pick() -> None:
        row = int(rng.integers(N_CELLS))
        view.selectionModel().select(view.cells.index(row, 0), _REPLACE)
        assert set(points.selected_data) == {row}

    def click() -> None:
        row = layers.cell_at(layers.world_position(int(rng.integers(N_CELLS))))
        assert row is not None
        layers.select((row,))
        view.select((row,))
        assert view.selected == (row,)

    several = tuple(int(row) for row in rng.choice(N_CELLS, 500, replace=False))

    def select_several() -> None:
        layers.select(several)
        view.select(several)

    ours = _times(pick, click) | {"500_to_both_ms": milliseconds(select_several, 3)}
    viewer.window.remove_dock_widget(dock)

    # The same layers, so that the same is drawn.
    viewer.layers.selection.active = points
    widget = FeaturesTable(viewer)
    viewer.window.add_dock_widget(widget)
    table = widget.table

    def pick_there() -> None:
        row = int(rng.integers(N_CELLS))
        table.selectionModel().select(table.model().index(row, 0), _REPLACE)
        assert set(points.selected_data) == {row}

    def select_there() -> None:
        points.selected_data = {int(rng.integers(N_CELLS))}

    theirs = _times(pick_there, select_there)
    layers.disconnect()
    viewer.close()
    return {
        "cells": N_CELLS,
        "ours": ours,
        "features_table": theirs,
        "ratios": {name: theirs[name] / ours[name] for name in theirs},
    }


def _times(to_image: Callable[[], None], to_list: Callable[[], None]) -> dict[str, float]:
    return {"to_image_ms": milliseconds(to_image, TIMES), "to_list_ms": milliseconds(to_list, TIMES)}


def _nobody(_: tuple[int, ...]) -> None:
    """Do nothing with what is picked."""
