"""Texts of other hands in Qt: shown as they are, also where Qt would take them for HTML and load what they name."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QMessageBox, QWidget

from napari_wbc.gui.tooltip_text import plain_tooltip


def plain_label(text: str = "") -> QLabel:
    """Give a label that shows its text as it is."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def asked(parent: QWidget, title: str, question: str) -> bool:
    """Ask a question that is answered with yes or no."""
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    return bool(QMessageBox.question(parent, title, plain_tooltip(question), yes | no) == yes)
