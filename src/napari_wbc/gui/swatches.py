"""Colour chips of the classes, drawn once per class and size."""

from __future__ import annotations

from functools import lru_cache

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

from napari_wbc.leukocytes import class_of


@lru_cache(maxsize=256)
def swatch(label: str, side: int = 12, *, filled: bool = True, ratio: float = 2.0) -> QPixmap:
    """Draw the chip of a class: filled where the class is shown, a frame where it is hidden.

    Parameters
    ----------
    label : str
        Name of the class.
    side : int, optional
        Of the chip, in points.
    filled : bool, optional
        Whether the class is shown.
    ratio : float, optional
        Device px per point; drawn finer than most screens need, Qt scales it down.
    """
    pixmap = QPixmap(round(side * ratio), round(side * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = QColor(class_of(label).colour)
    # Black and dark grey chips need a rim to be seen on a dark theme.
    painter.setPen(QPen(colour.lighter(150) if colour.lightness() > 90 else QColor(150, 150, 150), 1.2))
    painter.setBrush(colour if filled else Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(QRectF(1, 1, side - 2, side - 2), 2.5, 2.5)
    painter.end()
    return pixmap


def icon(label: str, *, filled: bool = True) -> QIcon:
    """Give the chip of a class as an icon."""
    return QIcon(swatch(label, filled=filled))
