"""The list of the user's own models, and what can be done with them."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QFont
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_wbc.adaptation.own_models import OwnModel
from napari_wbc.gui import tooltips
from napari_wbc.gui.small_table import small_table
from napari_wbc.gui.wrapped_label import WrappedLabel

_HEADINGS = ("Model", "Made", "Labels", "Recognised")
_ROW_PX, _MOST_ROWS = 22, 6


class OwnModelsPanel(QWidget):
    """Own models, the latest first; the one that counts has a dot.

    Signals
    -------
    use_wanted(str), card_wanted(str), export_wanted(str), delete_wanted(str)
        Name of the model that is chosen in the list; of any model for ``use_wanted``.
    import_wanted()
        An adapter is to become a model.
    """

    use_wanted = Signal(str)
    card_wanted = Signal(str)
    export_wanted = Signal(str)
    delete_wanted = Signal(str)
    import_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models: list[OwnModel] = []
        self._parent_name = ""
        self._idle = True
        self.empty = WrappedLabel(kind="note")
        self.table = small_table(_HEADINGS, tooltips.OWN_MODELS)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.verdict = WrappedLabel(kind="note")
        self.use = _button("Use", tooltips.USE_MODEL)
        self.card = _button("Card…", tooltips.MODEL_CARD)
        self.export = _button("Export…", tooltips.EXPORT_MODEL)
        self.delete = _button("Delete…", tooltips.DELETE_MODEL)
        self.import_ = _button("Import adapter…", tooltips.IMPORT_MODEL)
        self.back = _button("", tooltips.REVERT_MODEL)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.empty)
        layout.addWidget(self.table)
        layout.addWidget(self.verdict)
        for buttons in ((self.use, self.card, self.export, self.delete), (self.import_, self.back)):
            row = QHBoxLayout()
            row.setSpacing(3)
            for button in buttons:
                row.addWidget(button)
            layout.addLayout(row)
        self.fold = QCollapsible("Models of my own")
        self.fold.setDuration(0)
        self.fold.layout().setContentsMargins(0, 0, 0, 0)
        self.fold.content().layout().setContentsMargins(0, 4, 0, 0)
        self.fold.addWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.fold)
        self.table.itemSelectionChanged.connect(self._tell)
        self.table.cellDoubleClicked.connect(lambda *_: self.card_wanted.emit(self.chosen))
        self.use.clicked.connect(lambda *_: self.use_wanted.emit(self.chosen))
        self.card.clicked.connect(lambda *_: self.card_wanted.emit(self.chosen))
        self.export.clicked.connect(lambda *_: self.export_wanted.emit(self.chosen))
        self.delete.clicked.connect(lambda *_: self.delete_wanted.emit(self.chosen))
        self.import_.clicked.connect(lambda *_: self.import_wanted.emit())
        self.back.clicked.connect(lambda *_: self.use_wanted.emit(self._parent_name))

    @property
    def chosen(self) -> str:
        """Name of the model that is chosen in the list; empty without one."""
        row = self.table.currentRow()
        return self._models[row].name if 0 <= row < len(self._models) else ""

    def choose(self, name: str) -> None:
        """Choose a model in the list."""
        names = [model.name for model in self._models]
        if name in names:
            self.table.selectRow(names.index(name))

    def show_models(self, models: Sequence[OwnModel], counting: str) -> None:
        """List models.

        Parameters
        ----------
        models : sequence of OwnModel
            The latest first.
        counting : str
            Name of the one that counts, own or not.
        """
        chosen = self.chosen
        self._models = list(models)
        self.table.setRowCount(len(models))
        for place, model in enumerate(models):
            self.table.setRowHeight(place, _ROW_PX)
            shares = (
                "" if model.before is None or model.after is None
                else f"{100 * model.before:.0f} → {100 * model.after:.0f} %"
            )  # fmt: skip
            counts = model.name == counting
            texts = (f"● {model.name}" if counts else model.name, model.date, str(model.labels or ""), shares)
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                font = QFont()
                font.setBold(counts)
                item.setFont(font)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(place, column, item)
        rows = min(len(models), _MOST_ROWS)
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + _ROW_PX * rows + 4)
        self.empty.set_lines([] if models else ["None yet: fine-tune a model, or import an adapter."])
        for part in (self.table, self.use, self.card, self.export, self.delete):
            part.setVisible(bool(models))
        self.fold.setText(f"Models of my own ({len(models)})" if models else "Models of my own")
        self._parent_name = next((m.parent for m in models if m.name == counting and m.parent), "")
        self.back.setText(f"Back to {self._parent_name}")
        self.back.setVisible(bool(self._parent_name))
        self.choose(chosen if chosen in [model.name for model in models] else counting)
        self._tell()

    def set_idle(self, idle: bool) -> None:
        """Let nothing be pressed while something else goes on."""
        self._idle = idle
        self._tell()

    def _tell(self) -> None:
        model = next((m for m in self._models if m.name == self.chosen), None)
        self.card.setEnabled(model is not None)
        for part in (self.use, self.delete):
            part.setEnabled(self._idle and model is not None)
        for part in (self.import_, self.back):
            part.setEnabled(self._idle)
        # Only what was adapted differs from something.
        self.export.setEnabled(self._idle and model is not None and bool(model.parent))
        if model is None:
            self.verdict.set_lines([])
            return
        slides = f" of {model.slides} slides" if model.slides > 1 else ""
        made = f"{model.labels} labels{slides}, from {model.parent}. " if model.parent else ""
        self.verdict.set_lines([f"{model.name}: {made}{model.verdict}"])


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
