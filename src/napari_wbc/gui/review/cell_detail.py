"""The selected cell, large, beside examples of its class from the same slide."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QMouseEvent, QPixmap
from qtpy.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_wbc.gui import tooltips
from napari_wbc.gui.plain_text import plain_label
from napari_wbc.gui.swatches import swatch
from napari_wbc.leukocytes import class_of

_LARGE, _SMALL = 128, 56
# Width of the column that holds picture, text and four examples, and Qt's word for any width, px.
_COLUMN, _ANY = 236, (1 << 24) - 1


class _Picture(QLabel):
    clicked = Signal()

    def __init__(self, side: int) -> None:
        super().__init__()
        self.setFixedSize(side, side)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setStyleSheet("background: rgba(128, 128, 128, 40);")

    def show_image(self, image: QImage | None) -> None:
        if image is None:
            self.clear()
            return
        smooth = Qt.TransformationMode.SmoothTransformation
        self.setPixmap(
            QPixmap.fromImage(image).scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio, smooth)
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self.clicked.emit()
        super().mousePressEvent(event)


class CellDetail(QWidget):
    """What is known about a cell.

    Signals
    -------
    example_clicked(int)
        The row of an example.
    """

    example_clicked = Signal(int)

    def __init__(self, examples: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = _Picture(_LARGE)
        self.text = plain_label()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.heading = plain_label()
        self.heading.setWordWrap(True)
        self.heading.setToolTip(tooltips.EXAMPLES)
        self._chip = QLabel()
        self._examples = [_Picture(_SMALL) for _ in range(examples)]
        self._rows: tuple[int, ...] = ()
        for place, picture in enumerate(self._examples):
            picture.setToolTip(tooltips.EXAMPLES)
            picture.clicked.connect(lambda place=place: self._on_example(place))
        beside = QVBoxLayout()
        beside.setSpacing(2)
        beside.addWidget(self.text)
        heading = QHBoxLayout()
        heading.addWidget(self._chip)
        heading.addWidget(self.heading, 1)
        beside.addLayout(heading)
        examples_row = QHBoxLayout()
        examples_row.setSpacing(2)
        for picture in self._examples:
            examples_row.addWidget(picture)
        examples_row.addStretch(1)
        beside.addLayout(examples_row)
        beside.addStretch(1)
        self._parts = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._parts.setContentsMargins(0, 0, 0, 0)
        self._parts.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        self._parts.addLayout(beside, 1)
        self.show_nothing("")

    def set_upright(self, upright: bool) -> None:
        """Lay the picture above the text, for a narrow column, or beside it."""
        down, across = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        self._parts.setDirection(down if upright else across)
        self.setMaximumWidth(_COLUMN if upright else _ANY)
        self.setMinimumWidth(_COLUMN if upright else 0)

    def show_cell(
        self,
        image: QImage | None,
        text: str,
        label: str,
        examples: Sequence[tuple[int, QImage | None]],
    ) -> None:
        """Show a cell.

        Parameters
        ----------
        image : QImage or None
            Its crop, if it has come.
        text : str
            What is to be said.
        label : str
            The class of the examples.
        examples : sequence of (int, QImage or None)
            Rows and crops.
        """
        self.picture.show_image(image)
        self.text.setText(text)
        self._rows = tuple(row for row, _ in examples)
        title = class_of(label).title
        self.heading.setText(f"{title} here" if examples else f"No other {title.lower()} here")
        self._chip.setPixmap(swatch(label))
        for picture, (_, crop) in zip(self._examples, examples, strict=False):
            picture.show_image(crop)
            picture.setVisible(True)
        for picture in self._examples[len(examples) :]:
            picture.setVisible(False)

    def show_nothing(self, text: str) -> None:
        """Show a text in the place of a cell."""
        self.picture.clear()
        self.text.setText(text)
        self.heading.setText("")
        self._chip.clear()
        self._rows = ()
        for picture in self._examples:
            picture.setVisible(False)

    def _on_example(self, place: int) -> None:
        if place < len(self._rows):
            self.example_clicked.emit(self._rows[place])
