"""Colours of texts that can be read on the theme that a widget has, dark or light."""

from __future__ import annotations

from enum import Enum

from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QWidget


class Ink(Enum):
    """What a text says by its colour: the colour on a dark theme, and on a light one."""

    WARNING = "#e8a33d", "#8a5200"
    PROBLEM = "#f0806e", "#a33a2c"
    LINK = "#4a9fdc", "#0b5c9e"


def is_dark(widget: QWidget) -> bool:
    """Tell whether a widget lies on a dark ground."""
    return widget.palette().color(QPalette.ColorRole.Window).lightness() < 128


def ink(kind: Ink, widget: QWidget) -> QColor:
    """Give the colour of a text in a widget."""
    dark, light = kind.value
    return QColor(dark if is_dark(widget) else light)
