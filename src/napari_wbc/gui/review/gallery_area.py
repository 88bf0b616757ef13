"""The part of the gallery that shows cells: it lays them out, scrolls, and paints what is visible and nothing else."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QRect, QSize, Qt, Signal
from qtpy.QtGui import QHelpEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent
from qtpy.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from napari_wbc.gui.review.crop_source import CropSource
from napari_wbc.gui.review.gallery_grid import Grid, grid_for
from napari_wbc.gui.review.gallery_item import Item, ItemStyle
from napari_wbc.gui.review.gallery_rows import GalleryRows
from napari_wbc.gui.review.gallery_selection import GallerySelection
from napari_wbc.gui.tooltip_text import plain_tooltip

SMALLEST_SIDE, LARGEST_SIDE, USUAL_SIDE = 48, 160, 96
_MARGIN = 4
# Crops scaled to the size of the items: what is visible is not scaled again while it scrolls.
_SCALED_BYTES = 32 << 20


class GalleryArea(QAbstractScrollArea):
    """Cells in a scrolled grid, without an object per cell; see :class:`~napari_wbc.gui.review.gallery.CellGallery`.

    Signals
    -------
    visible_rows_changed(tuple of int)
        Other rows came into sight.
    side_changed(int)
        The items have another size.
    """

    visible_rows_changed = Signal(object)
    side_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(180, 150)
        #: Text for the tooltip of a row.
        self.tooltip_of: Callable[[int], str] | None = None
        #: What stands there when there is no cell to show.
        self.empty_text = ""
        self.selection = GallerySelection()
        self._rows = GalleryRows([], None, {})
        self._groups: tuple[tuple[str, int], ...] = ()
        self._source: CropSource | None = None
        self._scaled: OrderedDict[int, QPixmap] = OrderedDict()
        self._visible: tuple[int, ...] = ()
        self._held: tuple[int, int] | None = None
        self._side = USUAL_SIDE
        self._style = ItemStyle(self._side, self.font(), self.palette())
        self._grid = Grid((), 1, self._style.width, self._style.height)
        self._lay_out()

    # ---- what is shown -------------------------------------------------------------------------------------

    @property
    def order(self) -> NDArray[np.intp]:
        """The rows shown, in their order."""
        return self.selection.order

    @property
    def visible_rows(self) -> tuple[int, ...]:
        """The rows in sight."""
        top = self.verticalScrollBar().value()
        places = self._grid.lines_between(top, top + self.viewport().height())
        return tuple(self.order[places.start : places.stop].tolist())

    @property
    def side(self) -> int:
        """Side of the crops, points."""
        return self._side

    @property
    def cell_size(self) -> QSize:
        """Size of an item with the gap to the next one, points."""
        return QSize(self._style.width, self._style.height)

    def set_source(self, source: CropSource | None) -> None:
        """Take the crops from here; the source belongs to whoever made it."""
        if self._source is not None:
            self._source.arrived.disconnect(self._on_arrived)
        self._source = source
        if source is not None:
            source.arrived.connect(self._on_arrived)
        self._forget_crops()
        self._look(anew=True)

    def set_cells(
        self,
        labels: Sequence[str],
        order: NDArray[np.intp],
        *,
        notes: Sequence[str] | None = None,
        reviewed: NDArray[np.bool_] | None = None,
        excluded: NDArray[np.bool_] | None = None,
        uncertain: NDArray[np.bool_] | None = None,
        groups: Sequence[tuple[str, int]] = (),
    ) -> None:
        """Show cells.

        The place of the scroll bar stays, and of the selection what is still shown; nobody is told.

        Parameters
        ----------
        labels : sequence of str
            Name of the class per row of the cell table.
        order : array of int
            The rows to show, in this order, each at most once.
        notes : sequence of str, optional
            A short text per row.
        reviewed, excluded, uncertain : array of bool, optional
            Marks per row: a tick; dimmed and crossed out; a question mark.
        groups : sequence of (str, int), optional
            Headings, and how many of ``order`` stand under each.

        Raises
        ------
        ValueError
            The groups do not add up to the rows that are shown.
        """
        order = np.array(order, np.intp)
        if groups and sum(n for _, n in groups) != len(order):
            raise ValueError(f"the groups hold {sum(n for _, n in groups)} items, but {len(order)} are shown")
        marks = {"reviewed": reviewed, "excluded": excluded, "uncertain": uncertain}
        self._rows = GalleryRows(labels, notes, marks)
        self._groups = tuple((heading, n) for heading, n in groups if n > 0)
        self.selection.show(order, len(self._rows))
        self._held = None
        self._forget_crops()
        self._lay_out()
        self._on_cells()
        self._look(anew=True)

    def update_rows(
        self,
        rows: Sequence[int],
        labels: Sequence[str],
        *,
        notes: Sequence[str] | None = None,
        reviewed: Sequence[bool] | None = None,
        excluded: Sequence[bool] | None = None,
        uncertain: Sequence[bool] | None = None,
    ) -> None:
        """Show other labels, notes or marks of some rows where they are; what is not given stays.

        Parameters
        ----------
        rows : sequence of int
            Of the cell table.
        labels, notes, reviewed, excluded, uncertain : sequence
            As in :meth:`set_cells`, one per row of ``rows``.
        """
        marks = {"reviewed": reviewed, "excluded": excluded, "uncertain": uncertain}
        self._rows.update(rows, labels, notes, marks)
        self._repaint_rows(rows)
        self._describe()

    def set_side(self, px: int) -> None:
        """Set the side of the crops, 48 to 160 points; what is at the top stays there."""
        px = min(max(int(px), SMALLEST_SIDE), LARGEST_SIDE)
        if px == self._side:
            return
        self._side = px
        self._restyle()
        self.side_changed.emit(px)

    def text_of(self, row: int) -> str:
        """Describe a row in words: class, note and marks."""
        return self._rows.text(row)

    def ensure_visible(self, place: int) -> None:
        """Scroll no further than it takes to see an item."""
        bar = self.verticalScrollBar()
        top = self._grid.corner(place)[1]
        bottom = top + self._grid.height
        if place < self._grid.columns:
            top = 0
        if top < bar.value():
            bar.setValue(top)
        elif bottom > bar.value() + self.viewport().height():
            bar.setValue(bottom - self.viewport().height())

    # ---- layout --------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        style = self._style
        self._grid = grid_for(
            len(self.order),
            self._groups,
            available=self.viewport().width(),
            width=style.width,
            height=style.height,
            heading=style.heading,
            margin=_MARGIN,
        )
        bar, page = self.verticalScrollBar(), self.viewport().height()
        bar.setPageStep(page)
        # A notch of the wheel is three steps, which makes one line.
        bar.setSingleStep(max(1, style.height // 3))
        bar.setRange(0, max(0, self._grid.total_height - page))
        self.viewport().update()

    def _lay_out_again(self) -> None:
        """Lay out in another width or size, with the same item at the top and the current one still in sight."""
        bar, current = self.verticalScrollBar(), self.selection.current
        top, held = bar.value(), self._held
        if held is None and top > _MARGIN:
            places = self._grid.lines_between(top, top + 1)
            if len(places):
                held = places.start, top - self._grid.corner(places.start)[1]
        seen = current in self._grid.lines_between(top, top + self.viewport().height())
        self._lay_out()
        if held is not None:
            place, below = held
            bar.setValue(self._grid.corner(place)[1] + min(below, self._grid.height - 1))
        if current is not None and seen:
            self.ensure_visible(current)
        # Until the user scrolls, however often the size changes: lines begin with other items each time.
        self._held = held
        self._look()

    def _restyle(self) -> None:
        self._style = ItemStyle(self._side, self.font(), self.palette())
        self._forget_crops()
        self._lay_out_again()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        super().resizeEvent(event)
        self._lay_out_again()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        super().showEvent(event)
        self._look(anew=True)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the theme and the font."""
        super().changeEvent(event)
        kinds = (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange)
        if event.type() in kinds:
            self._restyle()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802, ARG002 - Qt's name and signature
        """Move what is painted already; only the strip that comes into sight is painted."""
        self._held = None
        self.viewport().scroll(0, dy)
        self._look()

    # ---- crops ---------------------------------------------------------------------------------------------

    def _look(self, *, anew: bool = False) -> None:
        """Tell what is in sight and wish for its crops, then for those a page below and above."""
        if not self.isVisible():
            return
        visible = self.visible_rows
        if visible == self._visible and not anew:
            return
        self._visible = visible
        if self._source is not None:
            top, page = self.verticalScrollBar().value(), self.viewport().height()
            below = self._grid.lines_between(top + page, top + 2 * page)
            above = self._grid.lines_between(max(0, top - page), top)
            near = [int(self.order[place]) for places in (below, above) for place in places]
            self._source.want([*visible, *near])
        self.visible_rows_changed.emit(visible)

    def _forget_crops(self) -> None:
        self._scaled.clear()
        self.viewport().update()

    def _on_arrived(self, rows: tuple[int, ...]) -> None:
        for row in rows:
            self._scaled.pop(row, None)
        self._repaint_rows(rows)

    def _crop(self, row: int) -> QPixmap | None:
        pixmap = self._scaled.get(row)
        if pixmap is not None:
            self._scaled.move_to_end(row)
            return pixmap
        image = self._source.crop(row) if self._source is not None else None
        if image is None:
            return None
        ratio = self.viewport().devicePixelRatioF()
        px = round(self._side * ratio)
        image = image.scaled(
            px, px, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(ratio)
        self._scaled[row] = pixmap
        if len(self._scaled) > max(64, _SCALED_BYTES // (4 * px * px)):
            self._scaled.popitem(last=False)
        return pixmap

    # ---- painting ------------------------------------------------------------------------------------------

    def _rectangle(self, place: int) -> QRect:
        """Give where an item is in the viewport."""
        x, y = self._grid.corner(place)
        return QRect(x, y - self.verticalScrollBar().value(), self._grid.width, self._grid.height)

    def _repaint_rows(self, rows: Iterable[int]) -> None:
        top = self.verticalScrollBar().value()
        visible = self._grid.lines_between(top, top + self.viewport().height())
        for row in rows:
            if 0 <= row < len(self.selection.place_of) and self.selection.place_of[row] in visible:
                self.viewport().update(self._rectangle(int(self.selection.place_of[row])))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        painter = QPainter(self.viewport())
        dirty, region = event.rect(), event.region()
        painter.fillRect(dirty, self._style.background)
        offset = self.verticalScrollBar().value()
        top, bottom = dirty.top() + offset, dirty.bottom() + 1 + offset
        for place in self._grid.lines_between(top, bottom):
            rectangle = self._rectangle(place)
            if region.intersects(rectangle):
                self._paint_item(painter, place, rectangle)
        if self._groups:
            self._paint_headings(painter, top, bottom, offset)
        if not len(self.order) and self.empty_text:
            self._style.paint_text(painter, self.viewport().rect(), self.empty_text)
        self._paint_over(painter)
        painter.end()

    def _paint_item(self, painter: QPainter, place: int, rectangle: QRect) -> None:
        row = int(self.order[place])
        crop = self._crop(row)
        item = Item(
            label=self._rows.label(row),
            note=self._rows.note(row),
            crop=crop,
            unreadable=crop is None and self._source is not None and bool(self._source.problem(row)),
            reviewed=self._rows.has("reviewed", row),
            excluded=self._rows.has("excluded", row),
            uncertain=self._rows.has("uncertain", row),
            selected=place in self.selection,
            focused=place == self.selection.current and self.hasFocus(),
        )
        self._style.paint(painter, rectangle.x(), rectangle.y(), item)

    def _paint_headings(self, painter: QPainter, top: int, bottom: int, offset: int) -> None:
        width = self.viewport().width() - 2 * _MARGIN
        for section in self._grid.sections_between(top, bottom):
            y = self._grid.section_top(section) - offset
            heading, n = self._groups[section]
            area = QRect(_MARGIN + 4, y, width - 4, self._style.heading)
            self._style.paint_heading(painter, area, f"{heading}  ({n:,})")

    # ---- for those who pick --------------------------------------------------------------------------------

    def _on_cells(self) -> None:
        """Answer to other cells."""
        self._describe()

    def _describe(self) -> None:
        """Say in words what is shown."""

    def _paint_over(self, painter: QPainter) -> None:
        """Paint what lies over the items."""

    # ---- tooltips ------------------------------------------------------------------------------------------

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Tell about the cell under the mouse."""
        if event.type() != QEvent.Type.ToolTip or not isinstance(event, QHelpEvent):
            return bool(super().viewportEvent(event))
        place = self._grid.at(event.pos().x(), event.pos().y() + self.verticalScrollBar().value())
        if place is None:
            QToolTip.hideText()
            return True
        row = int(self.order[place])
        text = self.tooltip_of(row) if self.tooltip_of is not None else self.text_of(row)
        problem = self._source.problem(row) if self._source is not None else ""
        QToolTip.showText(
            event.globalPos(),
            plain_tooltip(f"{text}\n{problem}".strip()),
            self.viewport(),
            self._rectangle(place),
        )
        return True
