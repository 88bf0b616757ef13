"""Lines of text for people, wrapped, that take no place when there is nothing to say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from napari_wbc.gui.theme_colours import Ink, ink

Kind = Literal["plain", "note", "warning", "alarm", "error", "good"]

# A warning has the colour of the theme; the others can be read on any.
_STYLES: dict[Kind, str] = {
    "plain": "",
    "note": "font-size: 8pt;",
    "warning": "color: {warning};",
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
        self._kind = kind
        self._follow_theme()
        self.set_lines(())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._follow_theme()

    def _follow_theme(self) -> None:
        style = _STYLES[self._kind].format(warning=ink(Ink.WARNING, self).name())
        if style != self.styleSheet():
            self.setStyleSheet(style)

    def set_lines(self, lines: Iterable[str]) -> None:
        """Show these lines; without any, disappear."""
        text = "\n".join(line for line in lines if line)
        self.setText(text)
        self.setVisible(bool(text))
