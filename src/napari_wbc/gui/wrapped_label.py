"""Lines of text for people, wrapped, that take no place when there is nothing to say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

Kind = Literal["plain", "note", "warning", "alarm", "error", "good"]

# Colours that keep their contrast on the dark and on the light theme.
_STYLES: dict[Kind, str] = {
    "plain": "",
    "note": "font-size: 8pt;",
    "warning": "color: #e8a33d;",
    "alarm": "background: #8a5a00; color: white; border-radius: 4px; padding: 5px 7px;",
    "good": "background: #1f6f4a; color: white; border-radius: 4px; padding: 5px 7px;",
    "error": "background: #a33a2c; color: white; border-radius: 4px; padding: 5px 7px;",
}


class WrappedLabel(QLabel):
    """A label for whole sentences.

    Parameters
    ----------
    kind : {"plain", "note", "warning", "alarm", "error", "good"}
        How it looks.
    """

    def __init__(self, *, kind: Kind = "plain", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        # What a program writes is shown as it is, also where it looks like HTML.
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setStyleSheet(_STYLES[kind])
        self.set_lines(())

    def set_lines(self, lines: Iterable[str]) -> None:
        """Show these lines; without any, disappear."""
        text = "\n".join(line for line in lines if line)
        self.setText(text)
        self.setVisible(bool(text))
