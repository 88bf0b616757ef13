"""What keys do to the selected cells, whether gallery, table or image has the focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from app_model.types import KeyCode, KeyMod
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent, QKeySequence

from napari_wbc.gui.review.controller import CLASS_KEYS, ReviewController
from napari_wbc.gui.review.drawing import Drawing
from napari_wbc.gui.workspace import Workspace

_SHIFT_OR_KEYPAD = Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.ShiftModifier
_LEAVE = "Escape"
_UNDO, _REDO = "undo", "redo"


class ReviewKeys:
    """Keys of classes, edits, and of going back and forth; without a review they do nothing.

    Parameters
    ----------
    controller : ReviewController
        Of the review.
    drawing : Drawing
        Of missed cells, and of lines that cut one in two.
    """

    def __init__(self, controller: ReviewController, drawing: Drawing) -> None:
        self._controller, self._drawing = controller, drawing
        self._answers: dict[str, Callable[[], Any]] = {
            "X": controller.exclude,
            "N": controller.next,
            "S": controller.show_alike,
            "M": controller.maker.merge,
            "A": drawing.add,
            "T": drawing.split,
            _UNDO: controller.undo,
            _REDO: controller.redo,
        }
        self.names = (*CLASS_KEYS, " ", *self._answers, _LEAVE)

    def use(self, event: QKeyEvent, listed: NDArray[np.intp] | None = None) -> bool:
        """Do what a key is for, and accept its event; tell whether it was for anything.

        Parameters
        ----------
        event : QKeyEvent
            From Qt.
        listed : numpy.ndarray of int, optional
            Rows in the order of the list that has the focus: the cell behind the labelled one is the next; by default
            as in the gallery.
        """
        if event.matches(QKeySequence.StandardKey.Undo):
            name = _UNDO
        elif event.matches(QKeySequence.StandardKey.Redo):
            name = _REDO
        elif event.modifiers() & ~_SHIFT_OR_KEYPAD:
            name = ""
        else:
            name = _LEAVE if event.key() == Qt.Key.Key_Escape else event.text().upper()
        used = self.press(name, listed)
        event.setAccepted(used)
        return used

    def press(self, name: str, listed: NDArray[np.intp] | None = None) -> bool:
        """Do what the key of a name is for; see :meth:`use`."""
        control = self._controller
        if control.session is None:
            return False
        if name == _LEAVE:
            return self._leave()
        if name in control.keys:
            control.relabel(control.keys[name], listed)
        elif name == " ":
            control.accept(listed)
        elif name in self._answers:
            self._answers[name]()
        else:
            return False
        return True

    def _leave(self) -> bool:
        """Stop drawing, or show the other cells again."""
        control = self._controller
        if self._drawing.sketch is not None:
            self._drawing.end()
        elif control.alike is not None or control.likely is not None:
            control.refresh()
        else:
            return False
        return True


class ImageKeys:
    """The same keys while the image has the focus and one of the layers of the reviewed slide is active.

    They are bound to these layers only, and what was bound there comes back: on any other layer a key is napari's own.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    keys : ReviewKeys
        What they do.
    """

    def __init__(self, workspace: Workspace, keys: ReviewKeys) -> None:
        self._workspace = workspace
        self._keys = keys
        self._before: list[tuple[Any, Any, Any]] = []

    def connect(self) -> None:
        """Bind the keys, and those of the next slide when another is chosen."""
        self._workspace.chosen.connect(self._bind)
        self._bind()

    def disconnect(self) -> None:
        """Leave the keys to napari."""
        self._workspace.chosen.disconnect(self._bind)
        self._release()

    def _bind(self) -> None:
        self._release()
        workspace, current = self._workspace, self._workspace.current
        if current is None or workspace.session is None:
            return
        for layer in (workspace.image, current.layers.classes, current.layers.points):
            if layer is None:
                continue
            for name in self._keys.names:
                key = _napari_key(name)
                before = layer.bind_key(key, None)
                layer.bind_key(key, self._answer(name))
                self._before.append((layer, key, before))

    def _release(self) -> None:
        for layer, key, before in self._before:
            layer.bind_key(key, before, overwrite=True)
        self._before = []

    def _answer(self, name: str) -> Callable[[Any], None]:
        def press(layer: Any) -> None:  # noqa: ARG001 - napari's signature
            self._keys.press(name)

        return press


def _napari_key(name: str) -> Any:
    """Give a key as napari names it."""
    special = {
        " ": "Space",
        _UNDO: KeyMod.CtrlCmd | KeyCode.KeyZ,
        _REDO: KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ,
    }
    return special.get(name, name)
