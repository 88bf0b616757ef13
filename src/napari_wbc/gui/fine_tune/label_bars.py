"""How many labels there are of each class, and how many would be good."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_wbc.leukocytes import class_of

_ROW_PX, _NAME_PX, _NUMBER_PX = 18, 150, 52


class LabelBars(QWidget):
    """A bar for each class, full at the goal.

    Parameters
    ----------
    goal : int
        Labels from which on a bar is full.
    """

    def __init__(self, goal: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._goal = goal
        self._counts: dict[str, int] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_counts({})

    @property
    def counts(self) -> dict[str, int]:
        """What is shown."""
        return dict(self._counts)

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Show these labels by class, in this order; without any, disappear."""
        self._counts = dict(counts)
        self.setVisible(bool(counts))
        self.setAccessibleDescription(
            ", ".join(f"{class_of(name).title} {count}" for name, count in counts.items())
        )
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """See Qt."""
        return QSize(300, _ROW_PX * len(self._counts))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """See Qt."""
        return QSize(220, _ROW_PX * len(self._counts))

    def paintEvent(self, event: object) -> None:  # noqa: N802, ARG002 - Qt's name and signature
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() - 1.5))
        painter.setFont(font)
        text = self.palette().text().color()
        middle = Qt.AlignmentFlag.AlignVCenter
        room = max(20, self.width() - _NAME_PX - _NUMBER_PX)
        for place, (name, count) in enumerate(self._counts.items()):
            top = place * _ROW_PX
            painter.setPen(text)
            title = painter.fontMetrics().elidedText(
                class_of(name).title, Qt.TextElideMode.ElideRight, _NAME_PX - 6
            )
            painter.drawText(QRectF(0, top, _NAME_PX, _ROW_PX), middle, title)
            number = f"{count} of {self._goal}" if count < self._goal else f"{count}"
            painter.drawText(QRectF(_NAME_PX + room + 6, top, _NUMBER_PX, _ROW_PX), middle, number)
            frame = QRectF(_NAME_PX, top + 4, room, _ROW_PX - 8)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(128, 128, 128, 60))
            painter.drawRoundedRect(frame, 3, 3)
            frame.setWidth(room * min(1.0, count / self._goal))
            painter.setBrush(QColor(class_of(name).colour))
            painter.drawRoundedRect(frame, 3, 3)
        painter.end()
