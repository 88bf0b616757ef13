"""Which keys the lists of cells keep for classes and edits, before the shortcuts of the window take them."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence

SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
PLAIN = Qt.KeyboardModifier.NoModifier
_KEYPAD = Qt.KeyboardModifier.KeypadModifier
# Keys without a letter that edits may have.
_EDITING = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_Escape)


def wants_edit(event: QEvent) -> bool:
    """Tell whether a shortcut of the window must leave a key alone: a letter, digit or blank, or undo and redo."""
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    if any(event.matches(key) for key in (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)):
        return True
    plain = event.modifiers() & ~(SHIFT | _KEYPAD) == PLAIN
    writes = bool(event.text()) and event.text().isprintable()
    return plain and (writes or event.key() in _EDITING)
