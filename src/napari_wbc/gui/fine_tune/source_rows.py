"""Where the labels come from, a line for each place, with a button that takes it away."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_wbc.adaptation.label_places import LabelPlace
from napari_wbc.differential.wording import cells_text
from napari_wbc.gui import tooltips
from napari_wbc.gui.fine_tune.label_sources import SourceCount
from napari_wbc.gui.tooltip_text import plain_tooltip
from napari_wbc.gui.wrapped_label import WrappedLabel


class SourceRows(QWidget):
    """The further places of labels.

    Signals
    -------
    remove_wanted(LabelPlace)
        A place is not to be learned from.
    """

    remove_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)
        self._shown: list[tuple[LabelPlace, SourceCount | None]] = []

    @property
    def texts(self) -> list[str]:
        """What is shown, line by line."""
        return [text_of_source(place, count) for place, count in self._shown]

    def show_sources(self, sources: Sequence[tuple[LabelPlace, SourceCount | None]]) -> None:
        """Show these places; without any, disappear."""
        if list(sources) == self._shown:
            return
        self._shown = list(sources)
        while (item := self._layout.takeAt(0)) is not None:
            item.widget().deleteLater()
        for place, count in sources:
            self._layout.addWidget(self._row(place, count))
        self.setVisible(bool(sources))

    def _row(self, place: LabelPlace, count: SourceCount | None) -> QWidget:
        row = QWidget()
        label = WrappedLabel(kind="warning" if count and count.problem else "note")
        label.setWordWrap(False)
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        label.set_lines([text_of_source(place, count)])
        label.setToolTip(plain_tooltip(count.problem if count and count.problem else str(place.path)))
        away = QToolButton()
        away.setText("×")
        away.setAutoRaise(True)
        away.setToolTip(tooltips.REMOVE_SOURCE)
        away.setAccessibleName(f"Do not learn from {place.path.name}")
        away.clicked.connect(lambda *_: self.remove_wanted.emit(place))
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(label, 1)
        layout.addWidget(away)
        return row


def text_of_source(place: LabelPlace, count: SourceCount | None) -> str:
    """Say what a place holds, with the number first: names of files may be cut off.

    Examples
    --------
    >>> from pathlib import Path
    >>> place = LabelPlace(Path("monday.wbcreview"))
    >>> text_of_source(place, SourceCount(place, {"monocyte": 3, "basophil": 1}))
    '4 labels in monday'
    >>> text_of_source(place, None)
    'counting the labels in monday …'
    """
    name = place.path.name.removesuffix(".wbcreview")
    if count is None:
        return f"counting the labels in {name} …"
    if count.problem:
        return f"not used: {count.problem}"
    return f"{cells_text(count.number, 'label')} in {name}"
