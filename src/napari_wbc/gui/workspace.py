"""What the dock widgets of one viewer share: counted slides, the chosen one, and which of its cells are selected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakValueDictionary, finalize

import numpy as np
from psygnal import Signal

from napari_wbc.errors import WbcError
from napari_wbc.gui.cell_looks import CellLooks
from napari_wbc.gui.job import Later
from napari_wbc.gui.layers import CellLayers
from napari_wbc.gui.marks import Style
from napari_wbc.gui.navigation import go_to
from napari_wbc.gui.picking import CellPicker
from napari_wbc.gui.region_layer import RegionLayer
from napari_wbc.gui.settings import remember, remembered
from napari_wbc.review.edits import Change
from napari_wbc.review.folder import discard_unchanged
from napari_wbc.review.session import ReviewSession

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from napari_wbc.count_result import CountResult


@dataclass(eq=False)
class Shown:
    """What the viewer shows of one image: its layers, and the review of the last count that ended well."""

    layers: CellLayers
    regions: RegionLayer
    session: ReviewSession | None = None
    preview: pd.DataFrame | None = None

    @property
    def result(self) -> CountResult | None:
        """The count as it is now, reviewed."""
        return self.session.result() if self.session is not None else None

    @property
    def cells(self) -> pd.DataFrame:
        """The cell table as it is drawn: that of the review, with what a preview says of cells that nobody labelled."""
        assert self.session is not None
        cells = self.session.cells
        if self.preview is None:
            return cells
        rows = np.flatnonzero((cells["status"] == "model").to_numpy())
        rows = rows[rows < len(self.preview)]
        changed = {name: cells[name].to_numpy(copy=True) for name in self.preview.columns}
        for name, values in changed.items():
            values[rows] = self.preview[name].to_numpy()[rows]
        return cells.assign(**changed)


class Workspace:
    """The slides of one viewer.

    Signals (called on the GUI thread)
    -------
    chosen()
        Another image is chosen, there is another result or none for the one that is, it is being counted, or another
        model sees its cells.
    edited(Change)
        Cells of the chosen image are others.
    selected(tuple of int)
        Rows of the cells that are selected in the chosen image.
    message(str, bool)
        A line for the user, and whether it is an error; empty takes the last one away.
    key_pressed(QKeyEvent, numpy.ndarray of int)
        A key for the selected cells was pressed elsewhere than in the review, and the rows as they are listed there.
    excluded_shown(bool)
        Whether cells that do not count are shown has changed.
    model_wanted(str)
        Name of a model that is to count from now on.
    removed(layer)
        An image that was counted was removed from the viewer.

    Attributes
    ----------
    shown : dict of napari.layers.Layer to Shown
        By image layer: names are free and may change.
    image : napari.layers.Image or None
        The chosen one.
    selection : tuple of int
        Rows of the cell table of the chosen image.
    later : callable
        Calls a function after so many ms, on the GUI thread.
    busy : napari.layers.Layer or None
        The image that is being counted; its cells cannot be edited.
    """

    chosen = Signal()
    edited = Signal(object)
    selected = Signal(object)
    message = Signal(str, bool)
    key_pressed = Signal(object, object)
    excluded_shown = Signal(bool)
    model_wanted = Signal(str)
    removed = Signal(object)

    _of_viewers: ClassVar[WeakValueDictionary[int, Workspace]] = WeakValueDictionary()

    def __init__(self, viewer: Viewer, later: Later) -> None:
        self.viewer, self.later = viewer, later
        self.shown: dict[Layer, Shown] = {}
        self.image: Image | None = None
        self.selection: tuple[int, ...] = ()
        self.busy: Image | None = None
        self.style, self.opacity = Style.OUTLINES, 0.9
        self.hidden: frozenset[str] = frozenset()
        self.shows_regions = False
        self.shows_excluded: bool = remembered()["show_excluded"]
        self._picker = CellPicker(viewer, self._on_click, self._on_box)
        self._members: set[int] = set()

    @classmethod
    def of(cls, viewer: Viewer, later: Later) -> Workspace:
        """Give the one of a viewer; it lives as long as a widget holds it."""
        # Layers and viewers are told apart by identity; the proxy that napari gives to plugins would break that.
        viewer = getattr(viewer, "__wrapped__", viewer)
        workspace = cls._of_viewers.get(id(viewer))
        if workspace is None or workspace.viewer is not viewer:
            workspace = cls._of_viewers[id(viewer)] = cls(viewer, later)
        return workspace

    # ---- coming and going ----------------------------------------------------------------------------------

    def join(self, member: object) -> None:
        """Begin to listen to the viewer for a widget."""
        if not self._members:
            self.viewer.layers.events.removed.connect(self._on_removed)
            self._picker.connect()
            for layer in [layer for layer in self.shown if layer not in self.viewer.layers]:
                self._forget(layer)
            for shown in self.shown.values():
                shown.layers.resume()
        self._members.add(id(member))

    def leave(self, member: object) -> None:
        """Stop listening when the last widget is gone; what is shown stays, for it may be put back into its dock."""
        if id(member) not in self._members:
            return
        self._members.discard(id(member))
        if self._members:
            return
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self._picker.disconnect()
        for shown in self.shown.values():
            shown.layers.pause()

    # ---- what is shown -------------------------------------------------------------------------------------

    @property
    def current(self) -> Shown | None:
        """What is shown of the chosen image."""
        return self.shown.get(self.image) if self.image is not None else None

    @property
    def session(self) -> ReviewSession | None:
        """The review of the chosen image; None without a result, and while it is counted anew."""
        if self.image is None or self.image is self.busy or self.current is None:
            return None
        return self.current.session

    def choose(self, image: Image | None) -> None:
        """Choose the image that panels and galleries are about."""
        if image is self.image:
            return
        if self.current is not None:
            self.current.layers.select(())
        self.image, self.selection = image, ()
        self.chosen.emit()

    def layers_for(self, image: Image, shape: tuple[int, int]) -> CellLayers:
        """Give the layers for the cells of an image; what the user has removed of them comes back."""
        shown = self.shown.get(image)
        if shown is not None and shown.layers.complete:
            return shown.layers
        if shown is not None:
            shown.layers.remove()
        layers = CellLayers(
            self.viewer,
            image,
            shape,
            style=self.style,
            opacity=self.opacity,
            show_excluded=self.shows_excluded,
            later=self.later,
            selected=self.select,
        )
        layers.set_hidden(self.hidden)
        regions = shown.regions if shown is not None else RegionLayer(self.viewer, image)
        self.shown[image] = Shown(layers, regions, shown.session if shown is not None else None)
        return layers

    def begin(self, image: Image) -> None:
        """Take note that an image is being counted or opened: until that has ended, none of its cells can be edited."""
        self.busy = image
        if image is self.image:
            self.select(())
            self.chosen.emit()

    def show(self, image: Image, session: ReviewSession) -> None:
        """Show the cells of a review over an image, in the place of what was shown of it."""
        shown = self.shown[image]
        if shown.session is not None and shown.session is not session:
            self._close(shown.session)
        shown.session, shown.preview = session, None
        # However the session ends, a folder in which nothing was ever changed does not stay behind.
        finalize(session, discard_unchanged, session.folder)
        session.listeners[:] = [lambda change: self._on_change(image, change)]
        self.draw(image)
        if image is self.image:
            self.selection = ()
            self.chosen.emit()

    def draw(self, image: Layer) -> None:
        """Draw all cells and the regions of an image anew."""
        shown = self.shown[image]
        assert shown.session is not None
        count = shown.session.count
        shown.layers.set_scale(count.scale.um_per_px)
        shown.layers.show(shown.cells, shown.session.masks)
        shown.regions.show(count, wanted=self.shows_regions)

    def abandon(self, image: Layer) -> None:
        """Take the marks of half a count away: back to the last review, or to nothing."""
        shown = self.shown.get(image)
        if shown is None:
            return
        if shown.session is None or image not in self.viewer.layers:
            shown.layers.remove()
            shown.regions.remove()
            self._forget(image)
        else:
            self.draw(image)
        if image is self.image:
            self.chosen.emit()

    def set_preview(self, preview: pd.DataFrame | None) -> None:
        """Draw the cells of the chosen image as another model sees them; the review stays as it is.

        Parameters
        ----------
        preview : pandas.DataFrame or None
            Columns of the cell table for its first rows; only cells that nobody has labelled are drawn so. None: as
            they are.
        """
        for image, shown in self.shown.items():
            wanted = preview if image is self.image else None
            if shown.session is None or (wanted is None and shown.preview is None):
                continue
            before = CellLooks.of(shown.cells)
            shown.preview = wanted
            cells = shown.cells
            after = CellLooks.of(cells)
            rows = np.flatnonzero((before.labels != after.labels) | (before.unsure != after.unsure))
            shown.layers.update_rows(cells, shown.session.masks, [int(row) for row in rows])

    # ---- how it is shown -----------------------------------------------------------------------------------

    def set_hidden(self, labels: frozenset[str]) -> None:
        """Hide classes in the viewer."""
        self.hidden = labels
        for shown in self.shown.values():
            shown.layers.set_hidden(labels)

    def set_marks(self, style: Style, opacity: float) -> None:
        """Change how cells are marked."""
        if style is not self.style:
            self.style = style
            for shown in self.shown.values():
                shown.layers.set_style(style)
        if opacity != self.opacity:
            self.opacity = opacity
            for shown in self.shown.values():
                shown.layers.set_opacity(opacity)

    def set_excluded(self, shown: bool) -> None:
        """Show or hide the cells that do not count, in the image and in the gallery; it is remembered."""
        if shown == self.shows_excluded:
            return
        self.shows_excluded = shown
        remember(show_excluded=shown)
        for counted in self.shown.values():
            counted.layers.set_show_excluded(shown)
        self.excluded_shown.emit(shown)

    def set_regions(self, shown: bool) -> None:
        """Show or hide the quality of the regions."""
        self.shows_regions = shown
        for layer, counted in self.shown.items():
            session = None if layer is self.busy else counted.session
            counted.regions.show(session.count if session is not None else None, wanted=shown)

    # ---- selecting -----------------------------------------------------------------------------------------

    def select(self, rows: Sequence[int]) -> None:
        """Select cells of the chosen image everywhere."""
        session = self.session
        n = len(session.cells) if session is not None else 0
        chosen = tuple(dict.fromkeys(int(row) for row in rows if 0 <= row < n))
        if self.current is not None:
            self.current.layers.select(chosen)
        if chosen != self.selection:
            self.selection = chosen
            self.selected.emit(chosen)

    def go_to(self, row: int) -> None:
        """Centre the viewer on a cell of the chosen image."""
        current = self.current
        if current is not None and 0 <= row < len(current.layers.cells):
            go_to(self.viewer, current.layers.world_position(row), current.layers.world_size(row))

    def pick(self, rows: Sequence[int]) -> None:
        """Select cells, and go to the only one."""
        self.select(rows)
        if len(self.selection) == 1:
            self.go_to(self.selection[0])

    # ---- editing -------------------------------------------------------------------------------------------

    def edit(self, change: Callable[[ReviewSession], Any]) -> Any:
        """Change the review of the chosen image.

        Parameters
        ----------
        change : callable
            Takes the session.

        Returns
        -------
        object
            What ``change`` gave; None where there is nothing to change or it was refused, which the user is told.
        """
        session = self.session
        if session is None:
            self.message.emit("Count the leukocytes of the image first, or wait until it is counted.", True)
            return None
        try:
            answer = change(session)
        except WbcError as error:
            self.message.emit(str(error), True)
            return None
        self.message.emit("", False)
        return answer

    # ---- inside --------------------------------------------------------------------------------------------

    def _on_change(self, image: Layer, change: Change) -> None:
        shown = self.shown.get(image)
        if shown is None or shown.session is None:
            return
        session = shown.session
        if change.by_model:
            # Columns, order and every class may be others: as after a count, everything is shown anew.
            shown.preview = None
            self.draw(image)
            if image is self.image:
                self.select(self.selection)
                self.chosen.emit()
            return
        shown.layers.update_rows(shown.cells, session.masks, change.rows)
        if image is not self.image:
            return
        gone = tuple(row for row in self.selection if row < change.n_cells)
        if gone != self.selection:
            self.select(gone)
        self.edited.emit(change)

    def _on_click(self, position: Sequence[float], add: bool = False) -> None:
        current = self.current
        if current is None:
            return
        row = current.layers.cell_at(position)
        if not add:
            self.select(() if row is None else (row,))
        elif row in self.selection:
            self.select([other for other in self.selection if other != row])
        elif row is not None:
            self.select((*self.selection, row))

    def _on_box(self, corner: Sequence[float], opposite: Sequence[float], add: bool = False) -> None:
        current = self.current
        if current is not None:
            rows = current.layers.cells_in(corner, opposite)
            self.select((*self.selection, *rows) if add else rows)

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        if layer in self.shown:
            # While it is counted, its marks go when the count has stopped: napari is in the middle of its own removing.
            if layer is not self.busy:
                self._forget(layer)
            self.removed.emit(layer)
        if layer is self.image:
            self.image, self.selection = None, ()
            self.chosen.emit()

    def _forget(self, layer: Layer) -> None:
        shown = self.shown.pop(layer)
        shown.layers.disconnect()
        if shown.session is not None:
            self._close(shown.session)

    @staticmethod
    def _close(session: ReviewSession) -> None:
        session.listeners.clear()
        discard_unchanged(session.folder)
