"""Time until other classes are painted over an image, in the layers of a viewer without a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from napari.components import ViewerModel

from napari_wbc.gui.layers import CellLayers
from napari_wbc.gui.marks import Style

from .chance_cells import CLASSES, random_cells

#: Numbers of cells, and side of the image in px.
CELLS = [200, 2000]
SIDE = 3000
#: So many are given another class at once.
MANY = 60


class Recolouring:
    """Cells by chance on a plain image."""

    params: ClassVar[list[int]] = CELLS
    param_names: ClassVar[list[str]] = ["cells"]
    timeout = 300

    def setup(self, cells: int) -> None:
        """Show the cells, and make the tables in which some have another class."""
        self.cells, self.masks = random_cells(cells, SIDE, 10)
        self.viewer = ViewerModel()
        image = self.viewer.add_image(np.full((SIDE, SIDE, 3), 220, np.uint8), rgb=True)
        self.layers = CellLayers(self.viewer, image, (SIDE, SIDE), later=_at_once, selected=_nobody)
        self.layers.set_scale(0.1)
        self.layers.show(self.cells, self.masks)
        self.turn = 0

    def time_one_cell(self, cells: int) -> None:  # noqa: ARG002
        """Another class for one cell."""
        self._recolour(1)

    def time_many_cells(self, cells: int) -> None:  # noqa: ARG002
        """Another class for 60 cells."""
        self._recolour(MANY)

    def time_all_cells(self, cells: int) -> None:  # noqa: ARG002
        """Paint all cells in another style."""
        self.turn += 1
        self.layers.set_style((Style.OUTLINES, Style.FILLED)[self.turn % 2])

    def _recolour(self, n: int) -> None:
        self.turn += 1
        rows = range(min(n, len(self.cells)))
        labels = self.cells["label"].to_numpy(copy=True)
        labels[: len(rows)] = CLASSES[self.turn % len(CLASSES)]
        self.layers.update_rows(self.cells.assign(label=labels), self.masks, tuple(rows))


def _at_once(_: int, action: Callable[[], None]) -> None:
    """Do what would wait for a turn of the event loop."""
    action()


def _nobody(_: tuple[int, ...]) -> None:
    """Do nothing with what is picked."""
