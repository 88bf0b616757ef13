"""A table of a few rows in a panel: names first, as wide as they may be, and figures beside them."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget


def small_table(headings: Sequence[str], tooltip: str) -> QTableWidget:
    """Make an empty table that is read, not edited; nothing in it can be selected."""
    table = QTableWidget(0, len(headings))
    table.setHorizontalHeaderLabels(list(headings))
    table.setToolTip(tooltip)
    # The names in the first column want the width.
    table.setStyleSheet("font-size: 8pt;")
    table.verticalHeader().setVisible(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    return table
