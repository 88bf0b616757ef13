"""The cell table as Qt sees it: sorted and filtered by index arrays, so that 100,000 rows answer at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QBrush, QColor, QFont

from napari_wbc.cell_table import empty_table
from napari_wbc.gui import tooltips
from napari_wbc.gui.cell_rows import CellFilter, CellRows
from napari_wbc.gui.swatches import icon
from napari_wbc.gui.tooltip_text import plain_tooltip
from napari_wbc.leukocytes import UNIDENTIFIED, class_of

#: Column of the cell table (``second`` is reckoned from the probabilities), and its heading.
COLUMNS: tuple[tuple[str, str], ...] = (
    ("cell_id", "#"),
    ("label", "Class"),
    ("confidence", "Conf."),
    ("second", "Second guess"),
    ("novelty", "Novelty"),
    ("status", "Status"),
    ("nucleus_area_um2", "Nucleus"),
    ("cell_area_um2", "Cell µm²"),
    ("flags", "Flags"),
)
_DECIMALS = {"confidence": 2, "novelty": 2, "nucleus_area_um2": 0, "cell_area_um2": 0}
_LEFT = ("label", "second", "status", "flags")
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_NOWHERE = QModelIndex()
# As far from the dark ground of a theme as from the light one.
_EXCLUDED_GREY = QColor(124, 124, 124)
# More rows than these are repainted as one stretch; only what is seen is painted anyway.
_MOST_STRETCHES = 32


class CellTableModel(QAbstractTableModel):
    """A view of a cell table; it never changes it.

    Rows of the view are sorted and filtered; ``table_row`` and ``view_row`` translate to and from rows of the table.
    An edit leaves every row where it is, even if the order or the filter would have it elsewhere now: a list that
    moves under the hands of somebody who labels it is of no use. Choosing an order or a filter arranges it anew.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows = CellRows(empty_table([]))
        self._order: NDArray[np.intp] = np.zeros(0, np.intp)
        self._place: NDArray[np.intp] = np.zeros(0, np.intp)
        self._sorted_by: tuple[str, bool] = (COLUMNS[0][0], False)
        self._filter = CellFilter()
        self._fonts = {(slanted, struck): _font(slanted, struck) for slanted in (0, 1) for struck in (0, 1)}
        self._grey = QBrush(_EXCLUDED_GREY)

    # ---- what is shown -------------------------------------------------------------------------------------

    def set_cells(self, cells: pd.DataFrame) -> None:
        """Show this table, sorted and filtered as the last one was.

        Parameters
        ----------
        cells : pandas.DataFrame
            The cell table.
        """
        self.beginResetModel()
        self._rows = CellRows(cells)
        self._arrange()
        self.endResetModel()

    def update_rows(self, cells: pd.DataFrame, rows: Sequence[int]) -> None:
        """Show a later state of the same table; every row stays where it is.

        Parameters
        ----------
        cells : pandas.DataFrame
            The cell table now. Further rows come to the end of the list, whatever its order and filter; rows that are
            no longer there leave it.
        rows : sequence of int
            Rows of the table whose class, status or flags changed.
        """
        n, n_before = len(cells), self.n_cells
        for row in range(n, n_before):
            self._take_out(int(self._place[row]))
        self._rows.update(cells, rows)
        if n > n_before:
            end = len(self._order)
            self.beginInsertRows(_NOWHERE, end, end + n - n_before - 1)
            self._set_order(np.concatenate([self._order, np.arange(n_before, n)]))
            self.endInsertRows()
        else:
            self._set_order(self._order)
        places = sorted(int(self._place[row]) for row in rows if row < n and self._place[row] >= 0)
        if len(places) > _MOST_STRETCHES:
            self._tell(places[0], places[-1])
        else:
            for place in places:
                self._tell(place, place)

    def set_filter(self, chosen: CellFilter) -> None:
        """List only some cells, arranged anew."""
        self.beginResetModel()
        self._filter = chosen
        self._arrange()
        self.endResetModel()

    @property
    def n_cells(self) -> int:
        """Rows of the cell table, listed or not."""
        return len(self._rows)

    @property
    def labels(self) -> list[str]:
        """The classes in the table, listed or not."""
        return self._rows.labels

    def table_row(self, view_row: int) -> int:
        """Give the row of the cell table that a row of the view shows."""
        return int(self._order[view_row])

    def table_rows(self, first: int, last: int) -> NDArray[np.intp]:
        """Give the rows of the cell table that the view shows from one of its rows to another, both included."""
        return self._order[first : last + 1]

    def view_row(self, table_row: int) -> int | None:
        """Give the row of the view that shows a row of the cell table, if any does."""
        place = int(self._place[table_row]) if 0 <= table_row < len(self._place) else -1
        return place if place >= 0 else None

    def view_rows(self, table_rows: Sequence[int]) -> NDArray[np.intp]:
        """Give the rows of the view that show rows of the cell table, in order; hidden ones are left out."""
        rows = np.asarray(table_rows, np.intp)
        places = self._place[rows[(rows >= 0) & (rows < len(self._place))]]
        return np.sort(places[places >= 0])

    # ---- what Qt asks --------------------------------------------------------------------------------------

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
        name, row = COLUMNS[index.column()][0], self._order[index.row()]
        looks = self._rows.looks
        if role == Qt.ItemDataRole.DisplayRole:
            text = text_of(name, self._rows.value(name, row))
            # Read without colour or slant, the mark is there as well.
            unsure = name == "label" and looks.unsure[row] and looks.labels[row] != UNIDENTIFIED
            return f"{text} ?" if unsure else text
        if role == Qt.ItemDataRole.DecorationRole and name == "label":
            return icon(self._rows.value(name, row), filled=not looks.excluded[row])
        if role == Qt.ItemDataRole.FontRole and (looks.unsure[row] or looks.excluded[row]):
            return self._fonts[int(looks.unsure[row]), int(looks.excluded[row])]
        if role == Qt.ItemDataRole.ForegroundRole and looks.excluded[row]:
            return self._grey
        if role == Qt.ItemDataRole.TextAlignmentRole and name not in _LEFT:
            return _RIGHT
        if role == Qt.ItemDataRole.ToolTipRole:
            if name == "flags":
                return plain_tooltip(text_of(name, self._rows.value(name, row)))
            if name == "label" and looks.unsure[row]:
                return tooltips.UNSURE
            return tooltips.COLUMNS[name]
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """See Qt; equal values keep the order of the table."""
        if not 0 <= column < len(COLUMNS):
            return
        # A selection of 100,000 rows is moved by Qt one cell at a time; the view selects them again by itself.
        self.beginResetModel()
        self._sorted_by = COLUMNS[column][0], order == Qt.SortOrder.DescendingOrder
        self._arrange()
        self.endResetModel()

    # ---- inside --------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        column, descending = self._sorted_by
        listed = np.flatnonzero(self._rows.matching(self._filter))
        self._set_order(self._rows.ordered(column, listed, descending=descending))

    def _set_order(self, order: NDArray[np.intp]) -> None:
        self._order = order
        self._place = np.full(len(self._rows), -1, np.intp)
        self._place[order] = np.arange(len(order))

    def _take_out(self, place: int) -> None:
        if place < 0:
            return
        self.beginRemoveRows(_NOWHERE, place, place)
        self._set_order(np.delete(self._order, place))
        self.endRemoveRows()

    def _tell(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))


def _font(slanted: int, struck: int) -> QFont:
    font = QFont()
    # Only what is set here takes the place of what the view has.
    if slanted:
        font.setItalic(True)
    if struck:
        font.setStrikeOut(True)
    return font


def text_of(name: str, value: Any) -> str:
    """Write a value of a column for people.

    Examples
    --------
    >>> text_of("confidence", 0.9876), text_of("label", "lymphocyte"), text_of("flags", "smudge;blurred")
    ('0.99', 'Lymphocyte', 'smudge, blurred')
    >>> text_of("second", ("monocyte", 0.31))
    'Monocyte 0.31'
    """
    if name == "label":
        return class_of(str(value)).title
    if name == "second":
        return f"{class_of(value[0]).title} {value[1]:.2f}" if value[0] else ""
    if name in _DECIMALS:
        return "" if np.isnan(value) else f"{value:.{_DECIMALS[name]}f}"
    return str(value).replace(";", ", ").replace("_", " ")
