"""One bar from 0 to 100 %, a piece per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QEvent, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QHelpEvent, QPainter, QPainterPath
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_wbc.gui.tooltip_text import plain_tooltip
from napari_wbc.leukocytes import class_of


@dataclass(frozen=True)
class Piece:
    """One class of the bar: its name and its share, percent."""

    label: str
    percent: float


def readable_on(colour: QColor) -> QColor:
    """Give black or white, whichever is easier to read on a colour (relative luminance as WCAG has it)."""
    channels = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    luminance = float(np.dot((0.2126, 0.7152, 0.0722), channels))
    return QColor(Qt.GlobalColor.black if luminance > 0.18 else Qt.GlobalColor.white)


class StackedBar(QWidget):
    """A stacked bar; pieces that are wide enough carry the class's abbreviation."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pieces: tuple[Piece, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """See Qt."""
        return QSize(200, 24)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """See Qt."""
        return QSize(80, 24)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What is shown."""
        return self._pieces

    def set_pieces(self, pieces: Sequence[Piece]) -> None:
        """Show these pieces, from the left; their percentages add up to 100."""
        self._pieces = tuple(piece for piece in pieces if piece.percent > 0)
        self.setAccessibleDescription(
            ", ".join(f"{class_of(p.label).title} {p.percent:.1f} %" for p in self._pieces)
        )
        self.update()

    def _rectangles(self) -> list[tuple[Piece, QRectF]]:
        left, whole = 0.0, sum(piece.percent for piece in self._pieces)
        rectangles = []
        for piece in self._pieces:
            width = self.width() * piece.percent / whole
            rectangles.append((piece, QRectF(left, 0, width, self.height())))
            left += width
        return rectangles

    def paintEvent(self, event: object) -> None:  # noqa: N802, ARG002 - Qt's name and signature
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QPainterPath()
        frame.addRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setClipPath(frame)
        if not self._pieces:
            painter.fillRect(self.rect(), QColor(128, 128, 128, 60))
        font = painter.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() - 1.5))
        font.setBold(True)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        for piece, rectangle in self._rectangles():
            colour = QColor(class_of(piece.label).colour)
            painter.fillRect(rectangle.adjusted(0, 0, -1 if rectangle.width() > 3 else 0, 0), colour)
            text = class_of(piece.label).abbreviation
            if metrics.horizontalAdvance(text) + 6 < rectangle.width():
                painter.setPen(readable_on(colour))
                painter.drawText(rectangle, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()

    def event(self, event: QEvent) -> bool:
        """Tell class and share under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            for piece, rectangle in self._rectangles():
                if rectangle.contains(event.pos().toPointF()):
                    text = f"{class_of(piece.label).title}: {piece.percent:.1f} %"
                    QToolTip.showText(event.globalPos(), plain_tooltip(text), self)
                    return True
        return bool(super().event(event))
