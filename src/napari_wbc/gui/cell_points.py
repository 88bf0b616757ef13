"""The cells as points: circles around them, to select and to navigate by; on slides they are all that is seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.gui.cell_looks import CellLooks
from napari_wbc.gui.image_layers import METADATA_KEY
from napari_wbc.gui.marks import CIRCLE_LINE, EXCLUDED_COLOUR, SMALLEST_CIRCLE, box_sizes, colours, rgba_of

if TYPE_CHECKING:
    from napari.layers import Points

_FEATURES = ["cell_id", "label", "confidence", "novelty", "status"]
# Those of them that an edit changes.
_EDITED = ("label", "status")
# Shapes tell what colours alone must not. The diameter is in those of a circle, the line in diameters.
_SURE, _UNSURE, _EXCLUDED = ("disc", 1.0, CIRCLE_LINE), ("diamond", 1.3, 0.035), ("x", 0.5, 0.08)
# Keys of napari that remove or add points also where a layer cannot be edited; cells are kept by their table alone.
_REMOVING_KEYS = ("1", "Delete", "Backspace", "Control-V")


def _do_nothing(layer: Points) -> None:
    """Take the place of what napari would do; it cannot do with no function at all."""


class CellPoints:
    """A Points layer with one point per row of the cell table.

    Parameters
    ----------
    place : dict
        What puts the layer over the image, and its other properties.
    """

    def __init__(self, place: dict[str, Any]) -> None:
        from napari.layers import Points

        self.layer: Points = Points(
            np.zeros((0, 2)),
            face_color="transparent",
            border_width=CIRCLE_LINE,
            canvas_size_limits=(SMALLEST_CIRCLE, 10_000),
            metadata={METADATA_KEY: {}},
            **place,
        )
        self._symbols = {}
        for name, *_ in (_UNSURE, _EXCLUDED, _SURE):
            self.layer.current_symbol = name
            self._symbols[name] = self.layer.current_symbol
        self.layer.editable = False
        for key in _REMOVING_KEYS:
            self.layer.bind_key(key, _do_nothing)

    def fill(self, cells: pd.DataFrame, looks: CellLooks, shown: NDArray[np.bool_], *, circles: bool) -> None:
        """Show these cells and no others; what is selected stays so.

        Parameters
        ----------
        cells : pandas.DataFrame
            The cell table.
        looks : CellLooks
            Of its rows.
        shown : numpy.ndarray of bool, shape (n,)
            Rows that are seen.
        circles : bool
            Whether circles are drawn; without them the points only serve to select.
        """
        layer = self.layer
        selected = [row for row in layer.selected_data if row < len(cells)]
        layer.selected_data = set()
        # What is drawn is prepared once, at the end, with all that belongs to the points.
        with layer.events.highlight.blocker(), layer.events.set_data.blocker():
            layer.data = looks.centres.copy()
            # New data makes napari's layer editable again; points that somebody moves would belie the table.
            layer.editable = False
            self._tell_features(cells)
        if len(cells):
            # Written in place, all of it is sent to the graphics card once.
            self._write(np.arange(len(cells)), looks, shown, circles=circles)
            layer.shown[:] = shown
        layer.refresh()
        layer.selected_data = set(selected)

    def update(
        self,
        cells: pd.DataFrame,
        looks: CellLooks,
        shown: NDArray[np.bool_],
        rows: Sequence[int],
        *,
        circles: bool,
    ) -> None:
        """Show a later state of some rows; see :meth:`fill`."""
        if len(cells) != len(self.layer.data):
            self.fill(cells, looks, shown, circles=circles)
            return
        layer, changed = self.layer, np.asarray(rows, np.intp)
        # For a few rows this takes half of the time of a new table.
        for name in _EDITED:
            layer.features.iloc[changed, _FEATURES.index(name)] = cells[name].to_numpy(object)[changed]
        layer.metadata[METADATA_KEY]["cells"] = cells
        layer.events.features()
        colours_before, symbols_before = layer.border_color[changed], layer.symbol[changed]
        self._write(changed, looks, shown, circles=circles)
        colours_now = layer.border_color[changed]
        differ = (colours_now != colours_before).any(axis=1) | (layer.symbol[changed] != symbols_before)
        seen = (colours_now[:, 3] > 0) | (colours_before[:, 3] > 0)
        if not np.array_equal(shown, layer.shown):
            layer.shown = shown
        elif (differ & seen).any():
            # All points are sent to the graphics card again: napari has nothing smaller.
            layer.events.border_color()
        if differ.any() and not layer.selected_data.isdisjoint(changed.tolist()):
            # A selected cell is framed with the shape of its mark, which is another one now.
            layer.events.highlight()

    def show_only(self, looks: CellLooks, shown: NDArray[np.bool_], *, circles: bool) -> None:
        """Show other rows of the same cells; see :meth:`fill`."""
        rows = np.arange(len(looks))
        self.layer.border_color[rows] = self._colours(rows, looks, shown, circles=circles)
        self.layer.shown = shown

    def select(self, rows: Iterable[int]) -> None:
        """Mark points as selected."""
        wanted = {int(row) for row in rows if 0 <= row < len(self.layer.data)}
        if set(self.layer.selected_data) != wanted:
            self.layer.selected_data = wanted

    @staticmethod
    def _colours(
        rows: NDArray[np.intp], looks: CellLooks, shown: NDArray[np.bool_], *, circles: bool
    ) -> NDArray[np.float32]:
        colour = colours(looks.labels[rows].tolist(), 1.0 if circles else 0.0)
        colour[looks.excluded[rows]] = rgba_of(EXCLUDED_COLOUR)
        # napari 0.9 draws the points of a 2D layer whether they are shown or not.
        colour[~shown[rows], 3] = 0.0
        return colour

    def _write(
        self, rows: NDArray[np.intp], looks: CellLooks, shown: NDArray[np.bool_], *, circles: bool
    ) -> None:
        layer = self.layer
        layer.border_color[rows] = self._colours(rows, looks, shown, circles=circles)
        for (symbol, size, line), which in (
            (_SURE, ~looks.unsure[rows] & ~looks.excluded[rows]),
            (_UNSURE, looks.unsure[rows]),
            (_EXCLUDED, looks.excluded[rows]),
        ):
            some = rows[which]
            layer.symbol[some] = self._symbols[symbol]
            layer.size[some] = box_sizes(looks.boxes[some]) * size
            layer.border_width[some] = line

    def _tell_features(self, cells: pd.DataFrame) -> None:
        columns = {name: cells[name].to_numpy() for name in _FEATURES}
        for name in ("confidence", "novelty"):
            columns[name] = columns[name].round(3)
        self.layer.features = pd.DataFrame(columns)
        self.layer.metadata[METADATA_KEY]["cells"] = cells
