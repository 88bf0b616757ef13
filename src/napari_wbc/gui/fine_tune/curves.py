"""Loss and macro-F1 while a model learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from napari_wbc.adaptation.refine import LearningPoint

_LOSS, _F1 = QColor("#e69f00"), QColor("#56b4e9")
_MARGIN = 6
#: Of a line of the heading: the run, and below it what is drawn.
_LINE_PX = 16
_HEIGHT_PX = 136
#: Of the line before the name of a curve, with the gap behind it.
_KEY_PX = 24


class LearningCurves(QWidget):
    """A pair of curves for each run; those of earlier runs are pale."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: dict[str, list[LearningPoint]] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setVisible(False)

    @property
    def runs(self) -> dict[str, list[LearningPoint]]:
        """The points of each run, in their order."""
        return self._runs

    def clear(self) -> None:
        """Forget every run, and disappear."""
        self._runs.clear()
        self.setVisible(False)

    def add(self, point: LearningPoint) -> None:
        """Draw a point more."""
        self._runs.setdefault(point.run, []).append(point)
        self.setVisible(True)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """See Qt."""
        return QSize(300, _HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """See Qt."""
        return QSize(200, _HEIGHT_PX)

    def paintEvent(self, event: object) -> None:  # noqa: N802, ARG002 - Qt's name and signature
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        field = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN + 2 * _LINE_PX, -_MARGIN, -_MARGIN)
        painter.fillRect(field, QColor(128, 128, 128, 30))
        font = painter.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() - 1.5))
        painter.setFont(font)
        points = [point for run in self._runs.values() for point in run]
        largest = max((point.loss for point in points), default=1.0) or 1.0
        last = [run[-1] for run in self._runs.values()][-1] if self._runs else None
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        heading = QRectF(field.left(), _MARGIN - 2, field.width(), _LINE_PX)
        if last is not None:
            painter.setPen(self.palette().text().color())
            painter.drawText(heading, left, f"Learning {last.run}".strip())
            heading.translate(0, _LINE_PX)
            # The run with all cells has none set aside: the last that was measured stands.
            scored = [point.macro_f1 for point in points if point.macro_f1 is not None]
            f1 = f" {scored[-1]:.2f}" if scored else ""
            measured = f"macro-F1 of cells set aside{f1}"
            # Only the line has the colour of its curve: as words it could not be read on every theme.
            painter.drawText(heading.adjusted(_KEY_PX, 0, 0, 0), left, f"loss {last.loss:.2f}")
            painter.drawText(heading, right, measured)
            middle, words = heading.center().y(), painter.fontMetrics().horizontalAdvance(measured)
            for start, colour, style in (
                (heading.left(), _LOSS, Qt.PenStyle.SolidLine),
                (heading.right() - words - _KEY_PX, _F1, Qt.PenStyle.DashLine),
            ):
                painter.setPen(QPen(colour, 2.0, style))
                painter.drawLine(QPointF(start, middle), QPointF(start + _KEY_PX - 6, middle))
        for number, run in enumerate(self._runs.values(), 1):
            pale = number < len(self._runs)
            losses = [(p.step / p.steps, p.loss / largest) for p in run]
            scores = [(p.step / p.steps, p.macro_f1) for p in run if p.macro_f1 is not None]
            # Told apart without colour as well.
            for colour, style, values in (
                (_LOSS, Qt.PenStyle.SolidLine, losses),
                (_F1, Qt.PenStyle.DashLine, scores),
            ):
                shade = QColor(colour)
                shade.setAlpha(70 if pale else 255)
                painter.setPen(QPen(shade, 1.0 if pale else 2.0, style))
                places = [
                    QPointF(field.left() + x * field.width(), field.bottom() - y * field.height())
                    for x, y in values
                ]
                painter.drawPolyline(QPolygonF(places))
                # A single point makes no line, and is seen all the same.
                painter.setPen(shade)
                painter.setBrush(shade)
                for point in places:
                    painter.drawEllipse(point, 1.5, 1.5)
                painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.end()
