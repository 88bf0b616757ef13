"""The cells of one image in the viewer: a class overlay that is painted, and points to navigate by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.cell_table import empty_table
from napari_wbc.gui import tooltips
from napari_wbc.gui.cell_looks import CellLooks
from napari_wbc.gui.cell_points import CellPoints
from napari_wbc.gui.class_overlay import ClassOverlay
from napari_wbc.gui.hover import HoverText
from napari_wbc.gui.image_layers import placement
from napari_wbc.gui.job import Later
from napari_wbc.gui.marks import Style
from napari_wbc.masks import CellMask

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Points
    from napari.viewer import Viewer

# A class overlay beyond this would cost a second per redraw; slides are marked by points alone.
OVERLAY_PX = 64_000_000
OVERLAY_SIDE = 8192
# On larger images outlines are too fine to be seen from afar, so that circles are drawn as well.
CIRCLES_SIDE = 3000


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
    show_excluded : bool
        Whether cells that do not count are marked, in grey.
    later : callable
        Calls a function after so many ms, on the GUI thread: many cells are painted in turns with other events.
    selected : callable
        Called with the rows (a tuple) of the cells that the user picked in the points layer.
    """

    def __init__(
        self,
        viewer: Viewer,
        image: Image,
        shape: tuple[int, int],
        *,
        style: Style = Style.OUTLINES,
        opacity: float = 0.9,
        show_excluded: bool = True,
        later: Later,
        selected: Callable[[tuple[int, ...]], None],
    ) -> None:
        self.image = image
        self._overlay: ClassOverlay | None = None
        self._points: CellPoints | None = None
        self._viewer = viewer
        self._shape = shape
        self._style = style
        self._opacity = opacity
        self._show_excluded = show_excluded
        self._later = later
        self._selected = selected
        self._um_per_px = 0.1
        self._hidden: frozenset[str] = frozenset()
        self._removed: set[str] = set()
        self._setting_selection = False
        self._frames: list[pd.DataFrame] = []
        self._masks: list[CellMask] = []
        self._looks = CellLooks.of(empty_table([]))
        self._connected = True
        viewer.layers.events.removed.connect(self._on_removed)
        # After napari has hidden the frames of what is selected in other layers.
        viewer.layers.selection.events.active.connect(self._on_active, position="last")
        self._hover = HoverText(viewer, self._cell_under)

    # ---- what is shown -------------------------------------------------------------------------------------

    @property
    def classes(self) -> Labels | None:
        """The class overlay, while there is one."""
        return self._overlay.layer if self._overlay is not None else None

    @property
    def points(self) -> Points | None:
        """The points, while there are some."""
        return self._points.layer if self._points is not None else None

    @property
    def cells(self) -> pd.DataFrame:
        """The cells that are shown so far."""
        if len(self._frames) > 1:
            self._frames = [pd.concat(self._frames, ignore_index=True)]
        return self._frames[0] if self._frames else empty_table([])

    @property
    def has_overlay(self) -> bool:
        """Whether the image is small enough for a painted overlay."""
        return self._shape[0] * self._shape[1] <= OVERLAY_PX and max(self._shape) <= OVERLAY_SIDE

    @property
    def complete(self) -> bool:
        """Whether the user has removed none of the layers."""
        return not self._removed

    @property
    def painting(self) -> bool:
        """Whether some cells are still to be painted: many are painted in turns with other events."""
        return self._overlay is not None and self._overlay.painting

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
        self._looks = CellLooks.of(cells)
        if self._overlay is not None:
            self._overlay.show(self._masks, self._looks)
        self.refresh()

    def refresh(self) -> None:
        """Bring the viewer up to the cells that were taken."""
        cells = self.cells
        self._looks = self._looks.updated(cells, ())
        new = not self._removed and self._points is None and len(cells) > 0
        if new:
            self._make_layers()
        if self._overlay is not None:
            self._overlay.set_style(self._style, self._um_per_px)
            self._overlay.update(self._masks, self._looks, ())
            self._colour()
        self._fill_points()
        if new:
            self._add_layers()

    def update_rows(self, cells: pd.DataFrame, masks: Sequence[CellMask], rows: Sequence[int]) -> None:
        """Show a later state of the same cells: only what changed is painted again.

        Parameters
        ----------
        cells : pandas.DataFrame
            The cell table now. It may have more rows at its end than before, or less.
        masks : sequence of CellMask
            One per row.
        rows : sequence of int
            Rows whose class, status or flags are others now; appended ones need not be among them.
        """
        self._looks = self._looks.updated(cells, rows)
        self._frames, self._masks = [cells], list(masks)
        if self._points is None:
            self.refresh()
            return
        if self._overlay is not None:
            self._overlay.update(self._masks, self._looks, rows)
            self._colour()
        with self._quiet_selection():
            self._points.update(cells, self._looks, self._shown(), rows, circles=self._circles)

    def set_hidden(self, labels: frozenset[str]) -> None:
        """Hide the cells of some classes."""
        self._hidden = labels
        self._show_some()

    def set_show_excluded(self, shown: bool) -> None:
        """Mark cells that do not count, or hide them."""
        self._show_excluded = shown
        self._show_some()

    def set_style(self, style: Style) -> None:
        """Mark the cells in another way."""
        if style is not self._style:
            self._style = style
            self.refresh()

    def set_opacity(self, opacity: float) -> None:
        """Make the marks more or less transparent."""
        self._opacity = opacity
        for layer in (self.classes, self.points):
            if layer is not None:
                layer.opacity = opacity

    def set_visible(self, visible: bool) -> None:
        """Show or hide all marks."""
        for layer in (self.classes, self.points):
            if layer is not None:
                layer.visible = visible

    # ---- selecting -----------------------------------------------------------------------------------------

    def select(self, rows: Sequence[int]) -> None:
        """Mark the cells of these rows as selected, and no others; nobody is told."""
        if self._points is not None:
            with self._quiet_selection():
                self._points.select(rows)

    def cell_at(self, world: Sequence[float]) -> int | None:
        """Give the row of the shown cell at a position of the viewer.

        Parameters
        ----------
        world : sequence of float
            As in ``viewer.cursor.position``.

        Returns
        -------
        int or None
            Of several, the one whose nucleus is nearest; one that counts before an excluded one.
        """
        points, looks = self.points, self._looks
        if points is None or not points.visible or not len(looks):
            return None
        y, x = points.world_to_data(world)[-2:]
        # Boxes go from edge to edge, positions in the viewer count from the centre of the first px.
        y0, x0, y1, x1 = looks.boxes.T
        rows = np.flatnonzero((y0 <= y + 0.5) & (y + 0.5 < y1) & (x0 <= x + 0.5) & (x + 0.5 < x1))
        rows = rows[looks.shown(self._hidden, excluded=self._show_excluded, rows=rows)]
        if not len(rows):
            return None
        distance = np.hypot(*(looks.centres[rows] - (y, x)).T)
        return int(rows[np.lexsort((distance, looks.excluded[rows]))[0]])

    def cells_in(self, corner: Sequence[float], opposite: Sequence[float]) -> tuple[int, ...]:
        """Give the rows of the shown cells whose nuclei lie in a box that is upright in the viewer.

        Parameters
        ----------
        corner, opposite : sequence of float
            As in ``viewer.cursor.position``.

        Returns
        -------
        tuple of int
            In the order of the cell table; without any where the points are not visible.
        """
        points = self.points
        if points is None or not points.visible or not len(self._looks):
            return ()
        first, last = np.array(corner, float), np.array(opposite, float)
        down, across = first.copy(), first.copy()
        down[-2], across[-1] = last[-2], last[-1]
        # An image may be rotated or sheared: in its own px the box is a parallelogram.
        start, *ends = (np.array(points.world_to_data(place)[-2:]) for place in (first, down, across))
        sides = np.column_stack([end - start for end in ends])
        if abs(np.linalg.det(sides)) < 1e-9:
            return ()
        shares = np.linalg.solve(sides, (self._looks.centres - start).T)
        inside = ((shares >= 0) & (shares <= 1)).all(axis=0) & self._shown()
        return tuple(np.flatnonzero(inside).tolist())

    def world_position(self, row: int) -> tuple[float, ...]:
        """Give where a cell lies in the viewer."""
        return tuple(self.image.data_to_world(tuple(self._looks.centres[row])))

    def world_size(self, row: int) -> float:
        """Give how large a cell is in the viewer's units."""
        y0, x0, y1, x1 = self._looks.boxes[row]
        return float(max(y1 - y0, x1 - x0) * np.mean(np.abs(self.image.scale[-2:])))

    def pause(self) -> None:
        """Stop painting cells that are not painted yet, for nobody looks any more."""
        if self._overlay is not None:
            self._overlay.pause()

    def resume(self) -> None:
        """Go on after a :meth:`pause`."""
        if self._overlay is not None:
            self._overlay.resume()

    # ---- end -----------------------------------------------------------------------------------------------

    def remove(self) -> None:
        """Take the layers out of the viewer."""
        self.disconnect()
        self.pause()
        for layer in (self.classes, self.points):
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._overlay = self._points = None

    def disconnect(self) -> None:
        """Stop listening to the viewer; the layers stay as they are. Once is enough, twice does no harm."""
        if not self._connected:
            return
        self._connected = False
        self._hover.disconnect()
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        if self.points is not None:
            self.points.selected_data.events.items_changed.disconnect(self._on_selection)

    # ---- inside --------------------------------------------------------------------------------------------

    def _make_layers(self) -> None:
        place = placement(self.image) | {"opacity": self._opacity}
        if self.has_overlay:
            place_there = place | {"name": f"{self.image.name} classes"}
            self._overlay = ClassOverlay(self._viewer, self._shape, place_there, self._style, self._later)
        self._points = CellPoints(place | {"name": f"{self.image.name} cells"})
        self._points.layer.selected_data.events.items_changed.connect(self._on_selection)

    def _add_layers(self) -> None:
        """Put new layers into the viewer, with all that is in them: every later change costs napari a look at them."""
        for layer in (self.classes, self.points):
            if layer is not None:
                self._viewer.add_layer(layer)
                # napari makes a layer editable when it comes.
                layer.editable = False
        self._tell_help()

    def _tell_help(self) -> None:
        """Say in the status bar how to select; napari would tell of tools that a layer without editing lacks."""
        if self.points is not None:
            self.points.help = tooltips.PICKING
            if self._viewer.layers.selection.active is self.points:
                self._viewer.help = tooltips.PICKING

    def _fill_points(self) -> None:
        if self._points is not None:
            with self._quiet_selection():
                self._points.fill(self.cells, self._looks, self._shown(), circles=self._circles)
            self._tell_help()

    def _show_some(self) -> None:
        if self._overlay is not None:
            self._colour()
        if self._points is not None and len(self._points.layer.data) == len(self._looks):
            self._points.show_only(self._looks, self._shown(), circles=self._circles)

    def _colour(self) -> None:
        assert self._overlay is not None
        self._overlay.set_colours(self._hidden, excluded=self._show_excluded)

    @property
    def _circles(self) -> bool:
        return self._overlay is None or self._style is Style.CIRCLES or max(self._shape) > CIRCLES_SIDE

    def _shown(self) -> NDArray[np.bool_]:
        return self._looks.shown(self._hidden, excluded=self._show_excluded)

    def _cell_under(self, world: Sequence[float]) -> pd.Series | None:
        row = self.cell_at(world)
        return None if row is None else self.cells.iloc[row]

    @contextmanager
    def _quiet_selection(self) -> Iterator[None]:
        before, self._setting_selection = self._setting_selection, True
        try:
            yield
        finally:
            self._setting_selection = before

    def _on_selection(self) -> None:
        if not self._setting_selection and self.points is not None:
            self._selected(tuple(sorted(int(row) for row in self.points.selected_data)))

    def _on_active(self, event: Any) -> None:
        """Keep the selected cells framed, whatever layer is active."""
        if self.points is not None and event.value is not self.points:
            self.points.update_highlight_visibility(True)

    def _on_removed(self, event: Any) -> None:
        if event.value is self.classes:
            self.pause()
            self._overlay = None
            self._removed.add("classes")
            # Without the overlay the circles are all that is left to see.
            self._fill_points()
        elif event.value is self.points:
            self._points = None
            self._removed.add("points")
