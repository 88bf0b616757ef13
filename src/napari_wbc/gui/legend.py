"""The legend of the overlay: one chip per class with its live count; a click shows or hides the class."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QSizePolicy, QToolButton, QWidget

from napari_wbc.gui import tooltips
from napari_wbc.gui.swatches import icon
from napari_wbc.gui.tooltip_text import plain_tooltip
from napari_wbc.leukocytes import class_of, in_order

_COLUMNS = 2


class _Chip(QToolButton):
    double_clicked = Signal()

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label
        self.setObjectName("wbc-chip")
        self.setCheckable(True)
        self.setChecked(True)
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(12, 12))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(plain_tooltip(f"{class_of(label).title}\n{tooltips.LEGEND}"))
        self.toggled.connect(self._draw)
        self.count = 0

    def set_count(self, count: int) -> None:
        self.count = count
        self._draw()

    def _draw(self, *_: object) -> None:
        self.setText(f"{class_of(self.label).title}  {self.count:,}")
        self.setIcon(icon(self.label, filled=self.isChecked()))

    def mouseDoubleClickEvent(self, event: object) -> None:  # noqa: N802, ARG002 - Qt's name and signature
        self.double_clicked.emit()


class Legend(QWidget):
    """Chips in two columns.

    Signals
    -------
    hidden_changed(frozenset of str)
        The classes that are hidden now.
    """

    hidden_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips: dict[str, _Chip] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(4)
        self._grid.setVerticalSpacing(0)

    @property
    def hidden(self) -> frozenset[str]:
        """The classes that are hidden."""
        return frozenset(label for label, chip in self._chips.items() if not chip.isChecked())

    @property
    def counts(self) -> dict[str, int]:
        """The counts that are shown."""
        return {label: chip.count for label, chip in self._chips.items()}

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Show classes with their counts.

        Parameters
        ----------
        counts : mapping of str to int
            Cells per class; classes that were hidden stay so.
        """
        hidden = self.hidden
        for label in [name for name in self._chips if name not in counts]:
            chip = self._chips.pop(label)
            self._grid.removeWidget(chip)
            chip.deleteLater()
        for label in counts:
            if label not in self._chips:
                chip = self._chips[label] = _Chip(label)
                chip.toggled.connect(lambda *_: self.hidden_changed.emit(self.hidden))
                chip.double_clicked.connect(lambda name=label: self.show_only(name))
        rows = -(-len(counts) // _COLUMNS)
        for place, label in enumerate(in_order(counts)):
            # Read down the columns, as a differential is.
            self._grid.addWidget(self._chips[label], place % rows, place // rows)
            self._chips[label].set_count(int(counts[label]))
        if self.hidden != hidden:
            self.hidden_changed.emit(self.hidden)

    def set_hidden(self, labels: frozenset[str]) -> None:
        """Show all classes but these."""
        before = self.hidden
        for label, chip in self._chips.items():
            chip.blockSignals(True)
            chip.setChecked(label not in labels)
            chip.blockSignals(False)
            chip.set_count(chip.count)
        if self.hidden != before:
            self.hidden_changed.emit(self.hidden)

    def show_only(self, label: str) -> None:
        """Hide all classes but one; all come back where that was so already."""
        others = frozenset(self._chips) - {label}
        # The first click of the two has already turned this one over.
        self.set_hidden(frozenset() if others <= self.hidden else others)
