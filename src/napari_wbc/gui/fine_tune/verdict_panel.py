"""What an adapted model is worth: before and after, by class, with the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_wbc.gui import tooltips
from napari_wbc.gui.small_table import small_table
from napari_wbc.gui.swatches import icon
from napari_wbc.gui.tooltip_text import plain_tooltip
from napari_wbc.gui.wrapped_label import WrappedLabel
from napari_wbc.leukocytes import BY_NAME, class_of

if TYPE_CHECKING:
    from napari_wbc.adaptation.verdict import Verdict

_HEADINGS = ("Cells set aside", "n", "Before", "After")
_MEASURES = {
    "accuracy": "Right in all",
    "balanced_accuracy": "Mean of classes",
    "macro_f1": "Macro-F1",
}
_ROW_PX = 22
#: Classes that are offered to be labelled, in so many columns.
_MOST_LACKING, _COLUMNS = 6, 2


class VerdictPanel(QWidget):
    """Shows a :class:`~napari_wbc.adaptation.verdict.Verdict`.

    Signals
    -------
    cell_wanted(str)
        Name of a cell whose label should be looked at again.
    class_wanted(str)
        A class with too few labels, of which likely cells are to be shown.
    """

    cell_wanted = Signal(str)
    class_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.good = WrappedLabel(kind="good")
        self.bad = WrappedLabel(kind="error")
        self.table = small_table(_HEADINGS, tooltips.VERDICT)
        self.table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.notes = WrappedLabel(kind="note")
        self.suspects = QPushButton()
        self.suspects.setToolTip(tooltips.SUSPECTS)
        self.suspects.clicked.connect(self._next_suspect)
        self.lacking_line = WrappedLabel()
        self.lacking = QWidget()
        grid = QGridLayout(self.lacking)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        self._names: tuple[str, ...] = ()
        self._place = 0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for widget in (
            self.good,
            self.bad,
            self.table,
            self.suspects,
            self.lacking_line,
            self.lacking,
            self.notes,
        ):
            layout.addWidget(widget)
        self.show_verdict(None)

    def show_verdict(self, verdict: Verdict | None) -> None:
        """Show a verdict; None: nothing."""
        self.setVisible(verdict is not None)
        self._names = verdict.suspects if verdict is not None else ()
        self._place = 0
        if verdict is None:
            return
        balanced = verdict.measures["balanced_accuracy"]
        figures = (
            f"{100 * balanced.before.value:.0f} → {100 * balanced.after.value:.0f} %, mean over the classes"
        )
        self.good.set_lines(
            [f"Better on cells that it did not learn from: {figures}."] if verdict.accepted else []
        )
        self.bad.set_lines(
            [] if verdict.accepted else ["Not to be used:", *(f"•  {r}" for r in verdict.reasons)]
        )
        self._fill(verdict)
        self.suspects.setVisible(bool(self._names))
        self.suspects.setText(f"Look again at doubtful labels ({len(self._names)})")
        lines = [f"{verdict.labels} labels.", *verdict.warnings, *verdict.advice]
        self.notes.set_lines(f"•  {_with_titles(line)}" for line in lines)

    def show_lacking(self, lacking: Sequence[tuple[str, int]]) -> None:
        """Offer classes with too few labels, and say how many they have."""
        grid = self.lacking.layout()
        while (item := grid.takeAt(0)) is not None:
            item.widget().deleteLater()
        some = lacking[:_MOST_LACKING]
        for place, (name, number) in enumerate(some):
            button = QPushButton(icon(name), f"{class_of(name).title} ({number})")
            button.setToolTip(plain_tooltip(tooltips.LACKING.format(title=class_of(name).title)))
            button.setStyleSheet("text-align: left; padding: 3px 6px;")
            button.clicked.connect(lambda *_, name=name: self.class_wanted.emit(name))
            grid.addWidget(button, place // _COLUMNS, place % _COLUMNS)
        more = f", and of {len(lacking) - len(some)} other classes" if len(lacking) > len(some) else ""
        self.lacking_line.set_lines(
            [f"Labels are lacking of these{more}; show likely cells:"] if some else []
        )
        self.lacking.setVisible(bool(some))

    def _fill(self, verdict: Verdict) -> None:
        rows: list[tuple[str, str, str, str, str]] = [
            (title, "", _share(verdict.measures[name].before), _share(verdict.measures[name].after), "")
            for name, title in _MEASURES.items()
        ]
        rows += [
            (class_of(row.label).title, str(row.cells), _share(row.before), _share(row.after), row.label)
            for row in verdict.classes
        ]
        if verdict.guard is not None:
            before, after = (f"{100 * v:.1f} %" for v in (verdict.guard.before, verdict.guard.after))
            rows.append(("Laboratories it knew", str(verdict.guard.cells), before, after, ""))
        self.table.setRowCount(len(rows))
        for place, (*texts, label) in enumerate(rows):
            self.table.setRowHeight(place, _ROW_PX)
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                elif label:
                    item.setIcon(icon(label))
                self.table.setItem(place, column, item)
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + _ROW_PX * len(rows) + 4)

    def _next_suspect(self) -> None:
        self.cell_wanted.emit(self._names[self._place % len(self._names)])
        self._place += 1


def _share(estimate: Any) -> str:
    return f"{100 * estimate.value:.0f} % ({100 * estimate.low:.0f}–{100 * estimate.high:.0f})"


def _with_titles(line: str) -> str:
    """Write the names of classes as people read them."""
    for name in sorted(BY_NAME, key=len, reverse=True):
        if "_" in name:
            line = line.replace(name, BY_NAME[name].title.lower())
    return line
