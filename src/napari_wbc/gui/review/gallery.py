"""The gallery of cell crops: thousands of cells to look at, to pick with mouse or keys, and to scroll at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, QRect, Qt, QTimer, Signal
from qtpy.QtGui import QKeyEvent, QMouseEvent, QPainter, QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_wbc.gui.key_events import CTRL, PLAIN, SHIFT, wants_edit
from napari_wbc.gui.review.gallery_area import GalleryArea

_SIDE_STEP = 16
# While a rubber band is held beyond the edge, the cells scroll.
_AUTOSCROLL_MS = 30
_AUTOSCROLL_PX = 24

_MODIFIERS = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_AltGr, Qt.Key.Key_Meta)
_MOVES = (
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
)


class CellGallery(GalleryArea):
    """Crops of cells in a grid, each framed in the colour of its class.

    Mouse: click, Ctrl-click, Shift-click, a rubber band from anywhere, double click; Ctrl and the wheel change the
    size. Keys: arrows, Page Up, Page Down, Home and End move, with Shift they extend the selection, with Ctrl they
    leave it; Ctrl+Space turns the current cell over, Ctrl+A selects all, Enter activates.

    Signals
    -------
    selection_changed(tuple of int)
        The rows of the cell table that the user selected, as they are shown.
    activated(int)
        A row was double clicked, or Enter pressed on it.
    key_pressed(QKeyEvent)
        A key that the gallery has no use for; whoever uses it accepts the event, else it goes to the parent.
    """

    selection_changed = Signal(object)
    activated = Signal(int)
    key_pressed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Gallery of cells")
        # In coordinates of the whole grid, so that a band stays where it was begun while the cells scroll.
        self._pressed: QPoint | None = None
        self._band: QRect | None = None
        self._mouse = QPoint()  # in the viewport
        self._base: NDArray[np.bool_] = np.zeros(0, bool)
        self._before: tuple[int, ...] = ()
        self._autoscroll = QTimer(self)
        self._autoscroll.setInterval(_AUTOSCROLL_MS)
        self._autoscroll.timeout.connect(self._scroll_with_band)
        self._describe()

    @property
    def selected(self) -> tuple[int, ...]:
        """The selected rows of the cell table, as they are shown."""
        return self.selection.rows

    @property
    def current(self) -> int | None:
        """The row that the keyboard moves from."""
        place = self.selection.current
        return None if place is None else int(self.order[place])

    def set_selected(self, rows: Iterable[int], scroll: bool = True) -> None:
        """Select rows without telling anybody.

        Parameters
        ----------
        rows : iterable of int
            Of the cell table; those that are not shown are passed over.
        scroll : bool, optional
            Whether to bring the first of them into sight.
        """
        before, current = self.selected, self.selection.current
        self.selection.set_rows(rows)
        self._show_selection(before, current)
        if scroll and self.selected and self.selection.current is not None:
            self.ensure_visible(self.selection.current)

    # ---- picking -------------------------------------------------------------------------------------------

    def _pick(self, how: Callable[[], None]) -> None:
        """Change the selection as the user said, and tell so if it is another one now."""
        before, current = self.selected, self.selection.current
        how()
        self._show_selection(before, current)
        if self.selected != before:
            self.selection_changed.emit(self.selected)

    def _show_selection(self, before: tuple[int, ...], current: int | None) -> None:
        self._repaint_rows(set(before) ^ set(self.selected))
        for place in (current, self.selection.current):
            if place is not None and place < len(self.order):
                self.viewport().update(self._rectangle(place))
        self._describe()

    def _on_cells(self) -> None:
        # The places that a rubber band was drawn over are others now.
        self._end_band()
        self._describe()

    def _describe(self) -> None:
        """Say in words what is shown and selected."""
        n, selected, place = len(self.order), len(self.selected), self.selection.current
        text = f"{n:,} cell{'' if n == 1 else 's'}, {selected:,} selected"
        if place is not None:
            text += f"; number {place + 1:,}: {self.text_of(int(self.order[place]))}"
        self.setAccessibleDescription(text)

    # ---- mouse ---------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        point = self._in_grid(event)
        place = self._grid.at(point.x(), point.y())
        shift, ctrl = bool(event.modifiers() & SHIFT), bool(event.modifiers() & CTRL)
        if event.button() == Qt.MouseButton.LeftButton:
            self._base = self.selection.chosen & (shift or ctrl)
            self._pressed = point
            if place is not None and shift:
                self._pick(lambda: self.selection.reach(place, add=ctrl))
            elif place is not None and ctrl:
                self._pick(lambda: self.selection.toggle(place))
            elif place is not None:
                self._pick(lambda: self.selection.only(place))
        elif event.button() != Qt.MouseButton.RightButton or place is None:
            return
        elif place not in self.selection:
            # What a menu offers goes for the cell under it.
            self._pick(lambda: self.selection.only(place))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Draw a rubber band."""
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        point = self._in_grid(event)
        if self._band is None:
            if (point - self._pressed).manhattanLength() < QApplication.startDragDistance():
                return
            self._before = self.selected
        self._stretch_band(point)
        self._mouse = event.position().toPoint()
        if 0 <= self._mouse.y() < self.viewport().height():
            self._autoscroll.stop()
        elif not self._autoscroll.isActive():
            self._autoscroll.start()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        if event.button() != Qt.MouseButton.LeftButton or self._pressed is None:
            return
        pressed, band = self._pressed, self._band
        self._end_band()
        if band is not None:
            self._describe()
            if self.selected != self._before:
                self.selection_changed.emit(self.selected)
        elif self._grid.at(pressed.x(), pressed.y()) is None and event.modifiers() == PLAIN:
            self._pick(self.selection.none)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        point = self._in_grid(event)
        place = self._grid.at(point.x(), point.y())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self.activated.emit(int(self.order[place]))

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Scroll; with Ctrl, change the size."""
        if event.modifiers() & CTRL:
            turn = event.angleDelta().y()
            if turn:
                self.set_side(self.side + (_SIDE_STEP if turn > 0 else -_SIDE_STEP))
            event.accept()
        else:
            super().wheelEvent(event)

    def _in_grid(self, event: QMouseEvent) -> QPoint:
        return event.position().toPoint() + QPoint(0, self.verticalScrollBar().value())

    def _stretch_band(self, point: QPoint) -> None:
        if self._pressed is None:
            return
        band = QRect(self._pressed, point).normalized()
        self._band = band
        places = self._grid.inside(band.left(), band.top(), band.right() + 1, band.bottom() + 1)
        self.selection.set_places(places, self._base)
        self.viewport().update()

    def _scroll_with_band(self) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + (_AUTOSCROLL_PX if self._mouse.y() > 0 else -_AUTOSCROLL_PX))
        self._stretch_band(self._mouse + QPoint(0, bar.value()))

    def _end_band(self) -> None:
        self._autoscroll.stop()
        self._pressed = self._band = None
        self.viewport().update()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        super().scrollContentsBy(dx, dy)
        if self._band is not None:
            self.viewport().update()

    def _paint_over(self, painter: QPainter) -> None:
        if self._band is not None:
            self._style.paint_band(painter, self._band.translated(0, -self.verticalScrollBar().value()))

    # ---- keys ----------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keep keys from the shortcuts of the window: the gallery's own, and those that classes and edits may have."""
        own = event.type() == QEvent.Type.ShortcutOverride and self._is_own(event)
        if own or wants_edit(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        if not self._is_own(event):
            event.ignore()
            if event.key() not in _MODIFIERS:
                self.key_pressed.emit(event)
            return
        event.accept()
        key, current = event.key(), self.selection.current
        shift, ctrl = bool(event.modifiers() & SHIFT), bool(event.modifiers() & CTRL)
        if key == Qt.Key.Key_A:
            self._pick(self.selection.all)
        elif key in _MOVES:
            self._move(self._target(Qt.Key(key)), shift=shift, ctrl=ctrl)
        elif current is not None and key == Qt.Key.Key_Space:
            self._pick(lambda: self.selection.toggle(current))
        elif current is not None:
            self.activated.emit(int(self.order[current]))

    def _is_own(self, event: Any) -> bool:
        if not len(self.order):
            return False
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() in _MOVES:
            return not modifiers & ~(SHIFT | CTRL)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return modifiers == PLAIN
        return event.key() in (Qt.Key.Key_A, Qt.Key.Key_Space) and modifiers == CTRL

    def _move(self, place: int, *, shift: bool, ctrl: bool) -> None:
        if shift:
            self._pick(lambda: self.selection.reach(place, add=ctrl))
        elif ctrl:
            self._pick(lambda: setattr(self.selection, "current", place))
        else:
            self._pick(lambda: self.selection.only(place))
        self.ensure_visible(place)

    def _target(self, key: Qt.Key) -> int:
        """Give the place that a key leads to; the first key leads to the first cell in sight."""
        place, last = self.selection.current, len(self.order) - 1
        page = max(1, self.viewport().height() // self._grid.height)
        if key == Qt.Key.Key_Home:
            return 0
        if key == Qt.Key.Key_End:
            return last
        if place is None:
            visible = self.visible_rows
            return int(self.selection.place_of[visible[0]]) if visible else 0
        if key == Qt.Key.Key_Left:
            return max(place - 1, 0)
        if key == Qt.Key.Key_Right:
            return min(place + 1, last)
        lines = {
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_PageDown: page,
        }
        return self._grid.beside(place, lines[key])

    def focusInEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        super().focusInEvent(event)
        self._repaint_focus()

    def focusOutEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        super().focusOutEvent(event)
        self._repaint_focus()

    def _repaint_focus(self) -> None:
        if self.selection.current is not None:
            self.viewport().update(self._rectangle(self.selection.current))
