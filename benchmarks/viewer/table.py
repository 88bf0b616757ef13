"""The list of cells: shown, sorted and filtered; ours with 100,000 rows against a QTableWidget and napari's own.

A QTableWidget holds an item per value and hides rows one by one. napari's Features Table (a pandas table behind a
sorting proxy) shows the features of the layer and has no filter. Both are measured with 10,000 rows, ours with both
numbers. All are seen while they are measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
import pandas as pd
from benchmarks.viewer._cells import milliseconds, random_cells
from napari_builtins._qt.features_table import FeaturesTable
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QTableWidget, QTableWidgetItem

from napari_wbc.gui.cell_table_model import COLUMNS
from napari_wbc.gui.cell_table_panel import CellTablePanel

FEW, MANY = 10_000, 100_000
_NAMES = [name for name, _ in COLUMNS if name != "second"]
_UP, _DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


def run() -> dict[str, Any]:
    """Measure all three; ratios are the other to ours at 10,000 rows."""
    application = QApplication.instance() or QApplication([])
    cells, _ = random_cells(MANY, 100_000)
    few = cells.iloc[:FEW].reset_index(drop=True)
    ours = {f"{n}_rows": _ours(table) for n, table in ((FEW, few), (MANY, cells))}
    plain = _plain(few)
    core = _core(few)
    application.processEvents()
    ratios = {
        f"{name}_{step}": other[step] / ours[f"{FEW}_rows"][step]
        for name, other in (("qtablewidget", plain), ("features_table", core))
        for step in other
    }
    return {
        "ours": ours,
        "qtablewidget_10000_rows": plain,
        "features_table_10000_rows": core,
        "ratios": ratios,
    }


def _ours(cells: pd.DataFrame) -> dict[str, float]:
    panel = CellTablePanel()
    panel.resize(500, 700)
    panel.show()
    view, words = panel.view, panel.filter.text
    result = {"set_ms": _shown(lambda: panel.set_cells(cells), 3)}
    column = [name for name, _ in COLUMNS].index("confidence")
    orders = iter([_UP, _DOWN] * 9)
    result["sort_number_ms"] = _shown(lambda: view.sortByColumn(column, next(orders)))
    result["sort_class_ms"] = _shown(lambda: view.sortByColumn(1, next(orders)))
    texts = iter(["ly", "lym", "lymph", "lymp", "mono"])
    result["filter_ms"] = _shown(lambda: words.setText(next(texts)))
    words.clear()
    labels = iter(["blast", "monocyte"] * 9)

    def edit() -> None:
        now = cells.assign(label=[next(labels), *cells["label"].iloc[1:]])
        edited.append(now)

    edited: list[pd.DataFrame] = []
    for _ in range(5):
        edit()
    tables = iter(edited)
    result["edit_ms"] = _shown(lambda: view.update_rows(next(tables), (0,)))
    panel.close()
    return result


def _plain(cells: pd.DataFrame) -> dict[str, float]:
    table = QTableWidget()
    table.resize(500, 700)
    table.show()

    def fill() -> None:
        table.setSortingEnabled(False)
        table.setColumnCount(len(_NAMES))
        table.setRowCount(len(cells))
        for column, name in enumerate(_NAMES):
            for row, value in enumerate(cells[name]):
                item = QTableWidgetItem()
                item.setData(Qt.ItemDataRole.DisplayRole, value)
                table.setItem(row, column, item)

    def keep(text: str) -> None:
        for row in range(table.rowCount()):
            table.setRowHidden(row, text not in table.item(row, 1).text())

    result = {"set_ms": _shown(fill, 3)}
    column = _NAMES.index("confidence")
    orders = iter([_UP, _DOWN] * 9)
    result["sort_number_ms"] = _shown(lambda: table.sortItems(column, next(orders)), 3)
    result["sort_class_ms"] = _shown(lambda: table.sortItems(1, next(orders)), 3)
    texts = iter(["ly", "lym", "lymph"])
    result["filter_ms"] = _shown(lambda: keep(next(texts)), 3)
    table.close()
    return result


def _core(cells: pd.DataFrame) -> dict[str, float]:
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    points = viewer.add_points(cells[["y_px", "x_px"]].to_numpy(), features=cells[_NAMES])
    other = viewer.add_points([[0, 0]])
    widget = FeaturesTable(viewer)
    viewer.window.add_dock_widget(widget)

    def show() -> None:
        viewer.layers.selection.active = other
        viewer.layers.selection.active = points

    result = {"set_ms": _shown(show, 3)}
    orders = iter([_UP, _DOWN] * 9)
    column = _NAMES.index("confidence") + 1
    result["sort_number_ms"] = _shown(lambda: widget.table.sortByColumn(column, next(orders)), 3)
    result["sort_class_ms"] = _shown(
        lambda: widget.table.sortByColumn(_NAMES.index("label") + 1, next(orders)), 3
    )
    viewer.close()
    return result


def _shown(action: Callable[[], object], times: int = 5) -> float:
    """Milliseconds until what an action did is painted."""
    return milliseconds(action, times, QApplication.processEvents)
