"""The list of cells beside the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QItemSelection, QItemSelectionModel, QPoint, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from napari_wbc.gui import tooltips
from napari_wbc.gui.cell_rows import CellFilter
from napari_wbc.gui.cell_table_model import COLUMNS, CellTableModel
from napari_wbc.gui.key_events import wants_edit

_WIDTHS = {
    "cell_id": 38,
    "label": 164,
    "confidence": 50,
    "second": 150,
    "novelty": 56,
    "status": 64,
    "nucleus_area_um2": 62,
    "cell_area_um2": 66,
}
# Columns that are there at need: in the menu of the heading.
_HIDDEN_AT_FIRST = ("second",)
_KEYS = {
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_Shift,
    Qt.Key.Key_Control,
}
_REPLACE = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows


class CellTableView(QTableView):
    """Rows of cells, sortable by a click on a heading; which columns there are is chosen by a right click there.

    Signals
    -------
    rows_picked(tuple of int)
        The user chose other rows; counted in the cell table, however it is sorted, and in its order.
    key_pressed(QKeyEvent)
        A key that the list has no use for; whoever uses it accepts the event.
    listed_changed()
        Other rows than before are listed, or the table has become another one.
    """

    rows_picked = Signal(object)
    key_pressed = Signal(object)
    listed_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._quiet = False
        self._selected: tuple[int, ...] = ()
        self.cells = CellTableModel(self)
        self.setModel(self.cells)
        self.cells.modelReset.connect(self._on_reset)
        self.setToolTip(tooltips.CELLS)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setIconSize(QSize(12, 12))
        self.setAlternatingRowColors(False)
        self.setWordWrap(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(22)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._choose_columns)
        for column, (name, _) in enumerate(COLUMNS):
            if name in _WIDTHS:
                self.setColumnWidth(column, _WIDTHS[name])
            self.setColumnHidden(column, name in _HIDDEN_AT_FIRST)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)

    def set_cells(self, cells: pd.DataFrame) -> None:
        """Show a cell table; nothing is selected."""
        self._selected = ()
        self.cells.set_cells(cells)

    def update_rows(self, cells: pd.DataFrame, rows: Sequence[int]) -> None:
        """Show a later state of the same table; order, selection and place stay. See the model."""
        n_before = self.cells.n_cells
        self._quiet = True
        try:
            self.cells.update_rows(cells, rows)
        finally:
            self._quiet = False
        if self.cells.n_cells != n_before:
            self._selected = tuple(row for row in self._selected if row < self.cells.n_cells)
        self.listed_changed.emit()

    def set_filter(self, chosen: CellFilter) -> None:
        """List only some cells; what is selected stays so, listed or not."""
        self.cells.set_filter(chosen)

    def select(self, rows: Sequence[int], *, scroll: bool = True) -> None:
        """Select the rows of cells, without telling anybody.

        Parameters
        ----------
        rows : sequence of int
            Of the cell table.
        scroll : bool, optional
            Whether the first of them is brought into sight.
        """
        self._selected = tuple(sorted(row for row in rows if 0 <= row < self.cells.n_cells))
        self._show_selected(scroll=scroll)

    @property
    def selected(self) -> tuple[int, ...]:
        """The rows of the cell table that are selected, in its order."""
        return self._selected

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        super().selectionChanged(selected, deselected)
        if self._quiet:
            return
        ranges = [
            self.cells.table_rows(part.top(), part.bottom()) for part in self.selectionModel().selection()
        ]
        rows = tuple(np.unique(np.concatenate(ranges)).tolist()) if ranges else ()
        if rows != self._selected:
            self._selected = rows
            self.rows_picked.emit(rows)

    @property
    def listed(self) -> NDArray[np.intp]:
        """The rows of the cell table that are listed, in the order of the list."""
        n = self.cells.rowCount()
        return self.cells.table_rows(0, n - 1).copy() if n else np.zeros(0, np.intp)

    def event(self, event: QEvent) -> bool:
        """Keep keys of classes and edits from the shortcuts of the window."""
        if wants_edit(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Move and select with the keys for that; pass all others on."""
        ours = event.key() in _KEYS or any(
            event.matches(key) for key in (QKeySequence.StandardKey.SelectAll, QKeySequence.StandardKey.Copy)
        )
        if ours:
            super().keyPressEvent(event)
        else:
            # Not to Qt, which would look for a row that begins with the letter.
            event.ignore()
            self.key_pressed.emit(event)

    # ---- inside --------------------------------------------------------------------------------------------

    def _on_reset(self) -> None:
        self._show_selected(scroll=True)
        self.listed_changed.emit()

    def _show_selected(self, *, scroll: bool) -> None:
        places = self.cells.view_rows(self._selected)
        selection = QItemSelection()
        for first, last in _stretches(places):
            selection.select(self.cells.index(first, 0), self.cells.index(last, len(COLUMNS) - 1))
        before, self._quiet = self._quiet, True
        try:
            if len(places):
                first = self.cells.index(int(places[0]), 0)
                self.selectionModel().setCurrentIndex(first, QItemSelectionModel.SelectionFlag.NoUpdate)
                if scroll:
                    self.scrollTo(first)
            self.selectionModel().select(selection, _REPLACE)
        finally:
            self._quiet = before

    def _choose_columns(self, place: QPoint) -> None:
        menu = QMenu(self)
        for column, (name, heading) in enumerate(COLUMNS):
            if name == "label":
                continue
            action = menu.addAction(heading)
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(column))
            action.toggled.connect(lambda shown, column=column: self.setColumnHidden(column, not shown))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.horizontalHeader().mapToGlobal(place))


def _stretches(places: np.ndarray) -> list[tuple[int, int]]:
    """Join neighbouring places."""
    if not len(places):
        return []
    gaps = np.flatnonzero(np.diff(places) > 1)
    firsts, lasts = places[np.r_[0, gaps + 1]], places[np.r_[gaps, len(places) - 1]]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
