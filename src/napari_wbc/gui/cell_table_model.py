"""The cell table as Qt sees it: sorted by index arrays, so that 100,000 rows sort and scroll at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from napari_wbc.gui import tooltips
from napari_wbc.gui.swatches import icon
from napari_wbc.leukocytes import class_of

#: Column of the cell table, and its heading.
COLUMNS: tuple[tuple[str, str], ...] = (
    ("cell_id", "#"),
    ("label", "Class"),
    ("confidence", "Conf."),
    ("novelty", "Novelty"),
    ("nucleus_area_um2", "Nucleus"),
    ("cell_area_um2", "Cell µm²"),
    ("flags", "Flags"),
)
_DECIMALS = {"confidence": 2, "novelty": 2, "nucleus_area_um2": 0, "cell_area_um2": 0}
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_NOWHERE = QModelIndex()


class CellTableModel(QAbstractTableModel):
    """A view of a cell table; it never changes it.

    Rows of the view are sorted; ``table_row`` and ``view_row`` translate to and from rows of the table.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cells = pd.DataFrame({name: [] for name, _ in COLUMNS})
        self._columns: list[NDArray[Any]] = []
        self._order: NDArray[np.intp] = np.zeros(0, np.intp)
        self._place: NDArray[np.intp] = np.zeros(0, np.intp)
        self._sorted_by: tuple[int, Qt.SortOrder] = (0, Qt.SortOrder.AscendingOrder)

    def set_cells(self, cells: pd.DataFrame) -> None:
        """Show this table, sorted as the last one was.

        Parameters
        ----------
        cells : pandas.DataFrame
            The cell table.
        """
        self.beginResetModel()
        self._cells = cells
        self._columns = [cells[name].to_numpy() for name, _ in COLUMNS]
        self._arrange()
        self.endResetModel()

    def table_row(self, view_row: int) -> int:
        """Give the row of the cell table that a row of the view shows."""
        return int(self._order[view_row])

    def view_row(self, table_row: int) -> int:
        """Give the row of the view that shows a row of the cell table."""
        return int(self._place[table_row])

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        """See Qt."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        """See Qt."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """See Qt."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        name, heading = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return heading
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltips.COLUMNS[name]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """See Qt."""
        if not index.isValid():
            return None
        name, _ = COLUMNS[index.column()]
        value = self._columns[index.column()][self._order[index.row()]]
        if role == Qt.ItemDataRole.DisplayRole:
            return text_of(name, value)
        if role == Qt.ItemDataRole.DecorationRole and name == "label":
            return icon(str(value))
        if role == Qt.ItemDataRole.TextAlignmentRole and name not in ("label", "flags"):
            return _RIGHT
        if role == Qt.ItemDataRole.ToolTipRole:
            return text_of(name, value) if name == "flags" else tooltips.COLUMNS[name]
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """See Qt; equal values keep the order of the table."""
        if not 0 <= column < len(COLUMNS):
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        rows = [(self.table_row(index.row()), index.column()) for index in before]
        self._sorted_by = column, order
        self._arrange()
        self.changePersistentIndexList(before, [self.index(self.view_row(r), c) for r, c in rows])
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, order = self._sorted_by
        values = self._columns[column] if self._columns else np.zeros(0)
        if values.dtype == object:
            values = (
                np.unique([str(v) for v in values], return_inverse=True)[1] if len(values) else np.zeros(0)
            )
        if order == Qt.SortOrder.DescendingOrder:
            # Reversed twice, so that the sort stays stable.
            self._order = len(values) - 1 - np.argsort(values[::-1], kind="stable")[::-1]
        else:
            self._order = np.argsort(values, kind="stable")
        self._place = np.empty_like(self._order)
        self._place[self._order] = np.arange(len(self._order))


def text_of(name: str, value: Any) -> str:
    """Write a value of a column for people.

    Examples
    --------
    >>> text_of("confidence", 0.9876), text_of("label", "lymphocyte"), text_of("flags", "smudge;blurred")
    ('0.99', 'Lymphocyte', 'smudge, blurred')
    """
    if name == "label":
        return class_of(str(value)).title
    if name in _DECIMALS:
        return f"{value:.{_DECIMALS[name]}f}"
    return str(value).replace(";", ", ").replace("_", " ")
