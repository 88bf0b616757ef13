"""The differential beside the image: alarms, count against target, stacked bar, table, save, export and copy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_wbc.differential.advice import flagged_limits, is_settled
from napari_wbc.differential.wording import (
    flag_text,
    interval_text,
    per_litre_text,
    percent_text,
    propagated_text,
    range_text,
    unit_tied,
    whole_text,
)
from napari_wbc.exchange.formats import FORMATS
from napari_wbc.gui import tooltips
from napari_wbc.gui.plain_text import plain_label
from napari_wbc.gui.stacked_bar import Piece, StackedBar
from napari_wbc.gui.swatches import icon
from napari_wbc.gui.theme_colours import Ink, ink
from napari_wbc.gui.tooltip_text import plain_tooltip
from napari_wbc.gui.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential

_CLASS, _COUNT, _PERCENT, _INTERVAL, _REFERENCE, _FLAG, _ABSOLUTE = range(7)
_HEADINGS = ("Class", "n", "%", "95 % CI", "Ref. %", "Flag", "10⁹/L")
_ROW_PX = 22


class DifferentialPanel(QWidget):
    """Shows a :class:`~napari_wbc.differential.count.Differential`.

    Signals
    -------
    save_clicked()
        The user wants the results as files.
    export_wanted(str)
        The user wants one file, in the format of this name.
    """

    save_clicked = Signal()
    export_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._differential: Differential | None = None
        self.alarms = WrappedLabel(kind="alarm")
        self.summary = plain_label()
        self.target = QProgressBar()
        self.target.setTextVisible(False)
        self.target.setFixedHeight(6)
        self.target.setToolTip(tooltips.TARGET)
        self.bar = StackedBar()
        self.bar.setToolTip(tooltips.BAR)
        self.table = _new_table()
        self.notes = WrappedLabel(kind="note")
        self.save = QPushButton("Save results…")
        self.save.setToolTip(tooltips.SAVE)
        self.save.clicked.connect(self.save_clicked)
        self.export = QPushButton("Export")
        self.export.setToolTip(tooltips.EXPORT)
        self.export.setMenu(self._export_menu())
        self.copy = QPushButton("Copy as text")
        self.copy.setToolTip(tooltips.COPY)
        self.copy.clicked.connect(self._copy)

        buttons = QHBoxLayout()
        buttons.addWidget(self.save)
        buttons.addWidget(self.export)
        buttons.addWidget(self.copy)
        contents = QWidget()
        lines = QVBoxLayout(contents)
        lines.setContentsMargins(0, 4, 0, 0)
        lines.setSpacing(6)
        for widget in (self.alarms, self.summary, self.target, self.bar, self.table, self.notes):
            lines.addWidget(widget)
        lines.addStretch(1)
        # Where the place is short, all but the buttons scrolls.
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(contents)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(scroll, 1)
        layout.addLayout(buttons)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self._differential = None
        self.alarms.set_lines(())
        self.notes.set_lines(())
        self.summary.setText("")
        self.table.setRowCount(0)
        self.bar.set_pieces(())
        for widget in (self.summary, self.target, self.bar, self.table, self.save, self.export, self.copy):
            widget.setVisible(False)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._differential is not None:
            self._fill_table(self._differential)

    def show_differential(self, differential: Differential) -> None:
        """Show a differential.

        Parameters
        ----------
        differential : Differential
            Of the cells that are on the screen.
        """
        self._differential = differential
        for widget in (self.summary, self.target, self.bar, self.table, self.save, self.export, self.copy):
            widget.setVisible(True)
        goal = differential.profile.target_count
        self.alarms.set_lines(unit_tied(line) for line in differential.alarms)
        self.summary.setText(differential.summary)
        self.target.setRange(0, goal)
        self.target.setValue(min(differential.denominator, goal))
        inside = differential.table[differential.table["in_denominator"] == 1]
        self.bar.set_pieces(
            [
                Piece(str(name), float(percent))
                for name, percent in zip(inside["class"], inside["percent"], strict=True)
                if not math.isnan(percent)
            ]
        )
        self._fill_table(differential)
        notes = (
            *differential.flags,
            *differential.advice,
            differential.smear_quality,
            *_missing(differential),
        )
        self.notes.set_lines(f"•  {unit_tied(line)}" for line in notes if line)

    def _fill_table(self, differential: Differential) -> None:
        table = self.table
        records = [
            row for row in differential.table.to_dict("records") if row["in_denominator"] or row["count"]
        ]
        table.setRowCount(len(records))
        for i, row in enumerate(records):
            name, inside = str(row["class"]), bool(row["in_denominator"])
            count = int(row["count"])
            settled = all(is_settled(row, limit) for limit in flagged_limits(row))
            interval = interval_text(row["ci_low"], row["ci_high"], count, differential.denominator)
            cells = {
                _CLASS: differential.titles.get(name, name),
                _COUNT: whole_text(count),
                _PERCENT: percent_text(row["percent"]) if inside else _beside(differential, name),
                _INTERVAL: interval if inside else "",
                _REFERENCE: range_text(row["reference_low"], row["reference_high"]),
                _FLAG: flag_text(str(row["flag"])) + ("" if settled else " ?"),
                _ABSOLUTE: per_litre_text(row["absolute_per_l"]),
            }
            for column, text in cells.items():
                lazy = column == _INTERVAL and inside
                item = _IntervalItem(text, name, differential) if lazy else QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                if column != _CLASS:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if not inside:
                    font = item.font()
                    font.setItalic(True)
                    item.setFont(font)
                    item.setToolTip("Not among the leukocytes that the percentages are of")
                table.setItem(i, column, item)
            table.item(i, _CLASS).setIcon(icon(name))
            if name in differential.parts:
                parts = differential.parts[name]
                table.item(i, _CLASS).setToolTip(
                    plain_tooltip(
                        "Counted as one: " + ", ".join(f"{count} {part}" for part, count in parts.items())
                    )
                )
            if row["flag"]:
                for column in (_PERCENT, _FLAG):
                    table.item(i, column).setForeground(ink(Ink.WARNING, self))
                table.item(i, _FLAG).setToolTip("" if settled else tooltips.UNSETTLED)
        table.setColumnHidden(_FLAG, not any(row["flag"] for row in records))
        table.setColumnHidden(_ABSOLUTE, differential.wbc_per_l is None)
        method = differential.interval_method.replace("_", "-").title()
        table.horizontalHeaderItem(_INTERVAL).setToolTip(tooltips.INTERVAL.format(method=method))
        # The table is as high as its rows: the panel around it scrolls, not the table within the panel.
        table.setFixedHeight(table.horizontalHeader().sizeHint().height() + _ROW_PX * len(records) + 4)

    def _export_menu(self) -> QMenu:
        menu = QMenu(self)
        for fmt in FORMATS.values():
            action = menu.addAction(f"{fmt.title}…")
            action.triggered.connect(lambda *_, name=fmt.name: self.export_wanted.emit(name))
        return menu

    def _copy(self) -> None:
        if self._differential is not None:
            QApplication.clipboard().setText(self._differential.to_text())


class _IntervalItem(QTableWidgetItem):
    """An interval of sampling; the one with the errors of the model, a bootstrap, is made where a pointer rests."""

    def __init__(self, text: str, name: str, differential: Differential) -> None:
        super().__init__(text)
        self._name, self._differential = name, differential

    def data(self, role: int) -> Any:
        """Give what Qt asks for."""
        if role != Qt.ItemDataRole.ToolTipRole:
            return super().data(role)
        propagated = self._differential.propagated
        if not propagated.sources or self._name not in propagated.intervals:
            return None
        low, high = propagated.intervals[self._name]
        return tooltips.PROPAGATED.format(interval=propagated_text(low, high))


def _beside(differential: Differential, name: str) -> str:
    """Give what stands in the percent column of a class that is no leukocyte."""
    value = differential.per_100.get(name, math.nan)
    return "" if math.isnan(value) else f"{value:.1f}/100"


def _missing(differential: Differential) -> tuple[str, ...]:
    if not differential.not_recognised:
        return ()
    names = ", ".join(
        differential.profile.class_named(name).title.lower() for name in differential.not_recognised
    )
    return (f"The model cannot recognise: {names}.",)


def _new_table() -> QTableWidget:
    table = QTableWidget(0, len(_HEADINGS))
    table.setHorizontalHeaderLabels(_HEADINGS)
    table.horizontalHeaderItem(_REFERENCE).setToolTip(tooltips.REFERENCE)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(_ROW_PX)
    table.verticalHeader().setMinimumSectionSize(_ROW_PX)
    table.setIconSize(QSize(12, 12))
    table.setShowGrid(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    table.horizontalHeaderItem(_CLASS).setTextAlignment(
        Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    )
    header.setSectionsClickable(False)
    header.setHighlightSections(False)
    header.setMinimumSectionSize(20)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(_CLASS, QHeaderView.ResizeMode.Stretch)
    return table
