"""Rows and columns of small widgets, and buttons that leave the keys to the gallery."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget


def button(text: str, tooltip: str) -> QPushButton:
    """Give a button; keys go to the gallery, and one that took the focus would take the space bar as well."""
    result = QPushButton(text)
    result.setToolTip(tooltip)
    result.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return result


def line(*widgets: QWidget, stretch: bool = False) -> QHBoxLayout:
    """Put widgets beside each other; labels take the room that is left, with ``stretch`` all share it."""
    result = QHBoxLayout()
    result.setSpacing(3)
    for widget in widgets:
        result.addWidget(widget, 1 if stretch or isinstance(widget, QLabel) else 0)
    return result


def column(*widgets: QWidget) -> QVBoxLayout:
    """Put widgets one above the other."""
    result = QVBoxLayout()
    result.setContentsMargins(0, 0, 0, 0)
    result.setSpacing(4)
    for widget in widgets:
        result.addWidget(widget)
    return result
