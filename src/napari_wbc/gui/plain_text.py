"""Texts of other hands in Qt: shown as they are, also where Qt would take them for HTML and load what they name."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QMessageBox, QWidget


def plain_label(text: str = "") -> QLabel:
    """Give a label that shows its text as it is."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def plain_tooltip(text: str) -> str:
    """Give a text for a tooltip: names of files, folders and classes of the user's own hold anything.

    Examples
    --------
    >>> plain_tooltip("Kept in /data/monday"), plain_tooltip("<img src=x>")
    ('Kept in /data/monday', '<span style="white-space:pre-wrap">&lt;img src=x&gt;</span>')
    """
    # Qt guesses from the first tag whether a text is HTML; there is no switch as labels have one.
    return f'<span style="white-space:pre-wrap">{escape(text)}</span>' if "<" in text else text


def asked(parent: QWidget, title: str, question: str) -> bool:
    """Ask a question that is answered with yes or no."""
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    return bool(QMessageBox.question(parent, title, plain_tooltip(question), yes | no) == yes)
