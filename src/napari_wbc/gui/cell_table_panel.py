"""The list of cells with what is above it: a filter, and how many cells it leaves."""

from __future__ import annotations

import pandas as pd
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_wbc.gui import tooltips
from napari_wbc.gui.cell_rows import CellFilter
from napari_wbc.gui.cell_table_view import CellTableView
from napari_wbc.gui.plain_text import plain_label
from napari_wbc.gui.swatches import icon
from napari_wbc.leukocytes import class_of, in_order


class CellFilterBar(QWidget):
    """Which cells are listed, in two lines.

    Signals
    -------
    changed(CellFilter)
        The user chose something else.
    """

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLineEdit()
        self.text.setPlaceholderText("Find: class, flag, status, number")
        self.text.setClearButtonEnabled(True)
        self.text.setToolTip(tooltips.FILTER_TEXT)
        self.label = QComboBox()
        self.label.setToolTip(tooltips.FILTER_CLASS)
        self.label.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.label.setMinimumContentsLength(12)
        self.label.addItem("All classes", None)
        self.unsure = QCheckBox("Unsure only")
        self.unsure.setToolTip(tooltips.FILTER_UNSURE)
        self.below = QDoubleSpinBox()
        self.below.setRange(0.0, 1.0)
        self.below.setSingleStep(0.05)
        self.below.setSpecialValueText("any")
        self.below.setToolTip(tooltips.FILTER_BELOW)
        self.count = plain_label()
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.count.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        for widgets in (
            ((self.text, 3), (self.label, 2)),
            ((self.unsure, 0), (QLabel("Conf. below"), 0), (self.below, 0), (self.count, 1)),
        ):
            line = QHBoxLayout()
            for widget, stretch in widgets:
                line.addWidget(widget, stretch)
            layout.addLayout(line)
        self.text.textChanged.connect(lambda *_: self.changed.emit(self.chosen))
        self.label.currentIndexChanged.connect(lambda *_: self.changed.emit(self.chosen))
        self.unsure.toggled.connect(lambda *_: self.changed.emit(self.chosen))
        self.below.valueChanged.connect(lambda *_: self.changed.emit(self.chosen))

    @property
    def chosen(self) -> CellFilter:
        """The filter."""
        return CellFilter(
            self.text.text(), self.label.currentData(), self.unsure.isChecked(), self.below.value() or None
        )

    def set_labels(self, labels: list[str]) -> None:
        """Offer these classes; the chosen one stays, also where there is none of it."""
        chosen = self.label.currentData()
        wanted = in_order(list({*labels, *([chosen] if chosen else [])}))
        if wanted == [self.label.itemData(i) for i in range(1, self.label.count())]:
            return
        self.label.blockSignals(True)
        self.label.clear()
        self.label.addItem("All classes", None)
        for name in wanted:
            self.label.addItem(icon(name), class_of(name).title, name)
        self.label.setCurrentIndex(max(0, self.label.findData(chosen)) if chosen else 0)
        self.label.blockSignals(False)


class CellTablePanel(QWidget):
    """The cell table with its filter.

    Attributes
    ----------
    view : CellTableView
        The list.
    filter : CellFilterBar
        Above it.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.filter = CellFilterBar()
        self.view = CellTableView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.filter)
        layout.addWidget(self.view, 1)
        self.filter.changed.connect(self.view.set_filter)
        self.view.listed_changed.connect(self._on_listed)
        self._on_listed()

    def set_cells(self, cells: pd.DataFrame) -> None:
        """Show a cell table."""
        self.view.set_cells(cells)

    def _on_listed(self) -> None:
        cells = self.view.cells
        listed, n = cells.rowCount(), cells.n_cells
        unit = "cell" if n == 1 else "cells"
        self.filter.count.setText(f"{n:,} {unit}" if listed == n else f"{listed:,} of {n:,} {unit}")
        self.filter.set_labels(cells.labels)
