"""The list of cells beside the image."""

from __future__ import annotations

import pandas as pd
from qtpy.QtCore import QModelIndex, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_wbc.gui import tooltips
from napari_wbc.gui.cell_table_model import COLUMNS, CellTableModel

_WIDTHS = {
    "cell_id": 44,
    "label": 150,
    "confidence": 52,
    "novelty": 58,
    "nucleus_area_um2": 62,
    "cell_area_um2": 66,
}


class CellTableView(QTableView):
    """Rows of cells, sortable by a click on a heading.

    Signals
    -------
    row_picked(int)
        The user chose a row; counted in the cell table, however it is sorted.
    """

    row_picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cells = CellTableModel(self)
        self.setModel(self.cells)
        self.setToolTip(tooltips.CELLS)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setIconSize(QSize(12, 12))
        self.setAlternatingRowColors(False)
        self.setWordWrap(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(22)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        for column, (name, _) in enumerate(COLUMNS):
            if name in _WIDTHS:
                self.setColumnWidth(column, _WIDTHS[name])
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self._selecting = False

    def set_cells(self, cells: pd.DataFrame) -> None:
        """Show a cell table."""
        self.cells.set_cells(cells)

    def select(self, table_row: int) -> None:
        """Select the row of a cell and scroll to it, without telling anybody."""
        if not 0 <= table_row < self.cells.rowCount():
            return
        self._selecting = True
        try:
            index = self.cells.index(self.cells.view_row(table_row), 0)
            self.setCurrentIndex(index)
            self.scrollTo(index)
        finally:
            self._selecting = False

    @property
    def selected(self) -> int | None:
        """The row of the cell table that is selected."""
        index = self.currentIndex()
        return self.cells.table_row(index.row()) if index.isValid() else None

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        super().currentChanged(current, previous)
        if current.isValid() and not self._selecting:
            self.row_picked.emit(self.cells.table_row(current.row()))
