"""The cells of one image in the viewer: a class overlay that is painted, and points to navigate by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.gui.image_layers import METADATA_KEY, placement
from napari_wbc.gui.marks import (
    CIRCLE_LINE,
    SMALLEST_CIRCLE,
    Style,
    circle_sizes,
    class_value,
    colours,
    paint,
    rgba,
)
from napari_wbc.leukocytes import class_of
from napari_wbc.masks import CellMask

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Points
    from napari.viewer import Viewer

# A class overlay beyond this would cost a second per redraw; slides are marked by points alone.
OVERLAY_PX = 64_000_000
OVERLAY_SIDE = 8192
# On larger images outlines are too fine to be seen from afar, so that circles are drawn as well.
CIRCLES_SIDE = 3000
# Outlines are as fine as the first, and up to the second so that they are seen when all of the image is.
_OUTLINE_UM = (0.25, 1.0)
_OUTLINE_SHARE = 2.6 / 1000
_FILL_ALPHA = 0.45
_FEATURES = ["cell_id", "label", "confidence", "novelty"]


class CellLayers:
    """The layers that show the cells of one image.

    They belong to this object by identity, not by name: the user may rename or remove them. A removed layer is not
    brought back before the next count.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where to show.
    image : napari.layers.Image
        What was counted.
    shape : tuple of int
        Height and width of the image, px.
    style : Style
        How to mark the cells.
    opacity : float
        Of the marks.
    selected : callable
        Called with the row of a cell that the user picked in the image.
    """

    def __init__(
        self,
        viewer: Viewer,
        image: Image,
        shape: tuple[int, int],
        *,
        style: Style = Style.OUTLINES,
        opacity: float = 0.9,
        selected: Callable[[int], None],
    ) -> None:
        self.image = image
        self.classes: Labels | None = None
        self.points: Points | None = None
        self._viewer = viewer
        self._shape = shape
        self._style = style
        self._opacity = opacity
        self._selected = selected
        self._um_per_px = 0.1
        self._hidden: frozenset[str] = frozenset()
        self._own_values: dict[str, int] = {}
        self._removed: set[str] = set()
        self._setting_selection = False
        self._frames: list[pd.DataFrame] = []
        self._masks: list[CellMask] = []
        self._painted = 0
        self._connected = True
        viewer.layers.events.removed.connect(self._on_removed)

    # ---- what is shown -------------------------------------------------------------------------------------

    @property
    def cells(self) -> pd.DataFrame:
        """The cells that are shown so far."""
        if len(self._frames) > 1:
            self._frames = [pd.concat(self._frames, ignore_index=True)]
        return self._frames[0] if self._frames else pd.DataFrame(columns=[*_FEATURES, "y_px", "x_px"])

    @property
    def has_overlay(self) -> bool:
        """Whether the image is small enough for a painted overlay."""
        return self._shape[0] * self._shape[1] <= OVERLAY_PX and max(self._shape) <= OVERLAY_SIDE

    @property
    def complete(self) -> bool:
        """Whether the user has removed none of the layers."""
        return not self._removed

    def set_scale(self, um_per_px: float) -> None:
        """Take the scale, which says how many px an outline is wide."""
        self._um_per_px = um_per_px

    def add(self, cells: pd.DataFrame, masks: Sequence[CellMask]) -> None:
        """Take further cells; they are seen after :meth:`refresh`."""
        self._frames.append(cells)
        self._masks.extend(masks)

    def show(self, cells: pd.DataFrame, masks: Sequence[CellMask]) -> None:
        """Show these cells and no others.

        Parameters
        ----------
        cells : pandas.DataFrame
            The cell table.
        masks : sequence of CellMask
            One per row.
        """
        self._frames, self._masks = [cells], list(masks)
        self._painted = 0
        if self.classes is not None:
            self.classes.data[:] = 0
        self.refresh()

    def refresh(self) -> None:
        """Bring the viewer up to the cells that were taken."""
        if "points" in self._removed:
            return
        cells = self.cells
        if self.points is None and len(cells):
            self._make_layers()
        if self.classes is not None:
            fresh = slice(self._painted, len(self._masks))
            labels = cells["label"].iloc[fresh].tolist()
            paint(self.classes.data, self._masks[fresh], [self._value(c) for c in labels], self._rim_px())
            self._painted = len(self._masks)
            self._set_colours()
            self.classes.refresh()
        if self.points is not None:
            self._fill_points(cells)

    def set_hidden(self, labels: frozenset[str]) -> None:
        """Hide the cells of some classes."""
        self._hidden = labels
        if self.classes is not None:
            self._set_colours()
        if self.points is not None and len(self.points.data) == len(self.cells):
            self.points.shown = self._shown(self.cells)

    def set_style(self, style: Style) -> None:
        """Mark the cells in another way."""
        if style is self._style:
            return
        self._style = style
        self._painted = 0
        if self.classes is not None:
            self.classes.data[:] = 0
            self.classes.visible = style is not Style.CIRCLES
        self.refresh()

    def set_opacity(self, opacity: float) -> None:
        """Make the marks more or less transparent."""
        self._opacity = opacity
        for layer in (self.classes, self.points):
            if layer is not None:
                layer.opacity = opacity

    # ---- selecting -----------------------------------------------------------------------------------------

    def select(self, row: int | None) -> None:
        """Mark the cell of a row as selected."""
        if self.points is None:
            return
        wanted = set() if row is None or row >= len(self.points.data) else {row}
        if set(self.points.selected_data) != wanted:
            self._setting_selection = True
            try:
                self.points.selected_data = wanted
            finally:
                self._setting_selection = False

    def cell_at(self, world: Sequence[float]) -> int | None:
        """Give the row of the shown cell at a position of the viewer.

        Parameters
        ----------
        world : sequence of float
            As in ``viewer.cursor.position``.

        Returns
        -------
        int or None
            Of several, the one whose nucleus is nearest.
        """
        cells = self.cells
        if self.points is None or not self.points.visible or not len(cells):
            return None
        y, x = self.points.world_to_data(world)[-2:]
        # Boxes go from edge to edge, positions in the viewer count from the centre of the first px.
        inside = (
            (cells["bbox_y0"] <= y + 0.5)
            & (y + 0.5 < cells["bbox_y1"])
            & (cells["bbox_x0"] <= x + 0.5)
            & (x + 0.5 < cells["bbox_x1"])
        ).to_numpy() & self._shown(cells)
        rows = np.flatnonzero(inside)
        if not len(rows):
            return None
        distance = np.hypot(cells["y_px"].to_numpy()[rows] - y, cells["x_px"].to_numpy()[rows] - x)
        return int(rows[distance.argmin()])

    def world_position(self, row: int) -> tuple[float, ...]:
        """Give where a cell lies in the viewer."""
        cell = self.cells.iloc[row]
        return tuple(self.image.data_to_world((cell["y_px"], cell["x_px"])))

    def world_size(self, row: int) -> float:
        """Give how large a cell is in the viewer's units."""
        cell = self.cells.iloc[row]
        side = max(cell["bbox_y1"] - cell["bbox_y0"], cell["bbox_x1"] - cell["bbox_x0"])
        return float(side * np.mean(np.abs(self.image.scale[-2:])))

    # ---- end -----------------------------------------------------------------------------------------------

    def remove(self) -> None:
        """Take the layers out of the viewer."""
        self.disconnect()
        for layer in (self.classes, self.points):
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self.classes = self.points = None

    def disconnect(self) -> None:
        """Stop listening to the viewer; the layers stay as they are. Once is enough, twice does no harm."""
        if not self._connected:
            return
        self._connected = False
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        if self.points is not None:
            self.points.selected_data.events.items_changed.disconnect(self._on_selection)

    # ---- inside --------------------------------------------------------------------------------------------

    def _make_layers(self) -> None:
        from napari.layers import Labels, Points

        place = placement(self.image)
        if self.has_overlay:
            self.classes = Labels(
                np.zeros(self._shape, np.uint8),
                name=f"{self.image.name} classes",
                opacity=self._opacity,
                visible=self._style is not Style.CIRCLES,
                **place,
            )
            # Classes are changed through the cell table; a stroke of the brush would contradict it.
            self.classes.editable = False
            self._viewer.add_layer(self.classes)
        self.points = Points(
            np.zeros((0, 2)),
            name=f"{self.image.name} cells",
            opacity=self._opacity,
            face_color="transparent",
            border_width=CIRCLE_LINE,
            canvas_size_limits=(SMALLEST_CIRCLE, 10_000),
            metadata={METADATA_KEY: {}},
            **place,
        )
        self.points.editable = False
        self._viewer.add_layer(self.points)
        self.points.selected_data.events.items_changed.connect(self._on_selection)

    def _fill_points(self, cells: pd.DataFrame) -> None:
        points = self.points
        assert points is not None
        select = sorted(points.selected_data)
        self._setting_selection = True
        try:
            points.selected_data = set()
            with points.events.highlight.blocker():
                points.data = cells[["y_px", "x_px"]].to_numpy(float)
                # Changed in place, features would tell nobody.
                points.features = (
                    cells[_FEATURES].round({"confidence": 3, "novelty": 3}).reset_index(drop=True)
                )
            if len(cells):
                points.size = circle_sizes(cells)
                points.border_color = colours(cells["label"].tolist(), 1.0 if self._circles else 0.0)
                points.face_color = np.zeros((len(cells), 4))
                points.shown = self._shown(cells)
            points.metadata[METADATA_KEY]["cells"] = cells
            points.selected_data = {row for row in select if row < len(cells)}
        finally:
            self._setting_selection = False

    @property
    def _circles(self) -> bool:
        return self.classes is None or self._style is Style.CIRCLES or max(self._shape) > CIRCLES_SIDE

    def _rim_px(self) -> int | None:
        """Width of the outlines, or None where cells are filled."""
        if self._style is not Style.OUTLINES:
            return None
        narrow, wide = (width / self._um_per_px for width in _OUTLINE_UM)
        return max(1, round(min(max(_OUTLINE_SHARE * max(self._shape), narrow), wide)))

    def _shown(self, cells: pd.DataFrame) -> NDArray[np.bool_]:
        return ~cells["label"].isin(self._hidden).to_numpy()

    def _value(self, label: str) -> int:
        return class_value(label, self._own_values)

    def _set_colours(self) -> None:
        from napari.utils.colormaps import DirectLabelColormap

        assert self.classes is not None
        labels = list(dict.fromkeys(self.cells["label"]))
        clear = np.zeros(4, np.float32)
        palette: dict[int | None, NDArray[np.float32]] = {None: clear, 0: clear}
        alpha = _FILL_ALPHA if self._style is Style.FILLED else 1.0
        palette |= {self._value(c): clear if c in self._hidden else rgba(c, alpha) for c in labels}
        self.classes.colormap = DirectLabelColormap(color_dict=palette)
        self.classes.features = pd.DataFrame(
            {
                "index": [0, *(self._value(c) for c in labels)],
                "class": ["", *(class_of(c).title for c in labels)],
            }
        )

    def _on_selection(self) -> None:
        if self._setting_selection or self.points is None:
            return
        rows = sorted(self.points.selected_data)
        if len(rows) == 1:
            self._selected(int(rows[0]))

    def _on_removed(self, event: Any) -> None:
        if event.value is self.classes:
            self.classes = None
            self._removed.add("classes")
            # Without the overlay the circles are all that is left to see.
            if self.points is not None:
                self._fill_points(self.cells)
        elif event.value is self.points:
            self.points = None
            self._removed.add("points")
