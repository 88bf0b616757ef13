"""The images of a folder, a row each: how far it is, and what its count states."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_wbc.batch_table import CountSummary, largest_text
from napari_wbc.differential.wording import whole_text
from napari_wbc.gui import tooltips
from napari_wbc.gui.count.folder_counts import ImageRow
from napari_wbc.gui.stacked_bar import Piece, StackedBar
from napari_wbc.gui.theme_colours import Ink, ink
from napari_wbc.gui.tooltip_text import plain_tooltip

_IMAGE, _STATE, _COUNT, _BAR, _CLASSES = range(5)
_HEADINGS = ("Image", "State", "Leukocytes", "Shares", "Largest classes")
_ROW_PX = 26


class FolderTable(QTableWidget):
    """The list of the images.

    Signals
    -------
    opened(int)
        A row was double clicked, or Enter pressed on it; Qt's own signal for that comes with one click on some systems.
    """

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_HEADINGS), parent)
        self.setHorizontalHeaderLabels(_HEADINGS)
        self.setToolTip(tooltips.FOLDER_TABLE)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in ((_IMAGE, 190), (_STATE, 120), (_COUNT, 85), (_BAR, 190)):
            self.setColumnWidth(column, width)
        header.setSectionResizeMode(_CLASSES, QHeaderView.ResizeMode.Stretch)
        self.cellDoubleClicked.connect(lambda row, _: self.opened.emit(row))

    @property
    def selected(self) -> list[int]:
        """The selected rows, from the top."""
        return sorted(index.row() for index in self.selectionModel().selectedRows())

    def set_rows(self, rows: list[ImageRow]) -> None:
        """List these images."""
        self.clearContents()
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column in range(len(_HEADINGS)):
                item = QTableWidgetItem()
                if column == _COUNT:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(number, column, item)
            self.show_row(number, row)

    def show_row(self, number: int, row: ImageRow) -> None:
        """Show how far an image is."""
        summary = row.summary
        texts = {_IMAGE: row.path.name, _STATE: row.state_text, _COUNT: "", _BAR: "", _CLASSES: row.problem}
        kind: Ink | None = Ink.PROBLEM
        if summary is not None:
            texts[_COUNT] = whole_text(summary.leukocytes)
            texts[_CLASSES] = f"{'⚠  ' if summary.alarms else ''}{largest_text(summary)}"
            kind = Ink.WARNING if summary.alarms else None
            if self.cellWidget(number, _BAR) is None:
                self.setCellWidget(number, _BAR, _bar(summary))
        tooltip = plain_tooltip(row.details)
        for column, text in texts.items():
            item = self.item(number, column)
            item.setToolTip(tooltip)
            if item.text() != text:
                item.setText(text)
                if column == _CLASSES and kind is not None:
                    item.setForeground(ink(kind, self))

    def bring_to_sight(self, number: int) -> None:
        """Scroll to a row."""
        self.scrollToItem(self.item(number, _IMAGE))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(self.currentRow())
        else:
            super().keyPressEvent(event)


def _bar(summary: CountSummary) -> QWidget:
    bar = StackedBar()
    bar.set_pieces([Piece(name, summary.percents[name]) for name, n in summary.counts.items() if n])
    holder = QWidget()
    # The row behind it shows whether it is chosen.
    holder.setStyleSheet("background: transparent")
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(4, 3, 4, 3)
    bar.setFixedHeight(_ROW_PX - 8)
    layout.addWidget(bar)
    return holder
