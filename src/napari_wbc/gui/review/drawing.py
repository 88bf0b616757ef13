"""Drawing cells that were missed, and lines that cut one in two."""

from __future__ import annotations

from collections.abc import Callable

from napari_wbc.gui.review.controller import ReviewController
from napari_wbc.gui.review.sketch import KINDS, Sketch


class Drawing:
    """What the user draws for the review, one kind at a time.

    Parameters
    ----------
    controller : ReviewController
        Takes what was drawn.
    is_adding : callable
        Told whether missed cells are being drawn.

    Attributes
    ----------
    sketch : Sketch or None
        While there is something to draw.
    """

    def __init__(self, controller: ReviewController, is_adding: Callable[[bool], None]) -> None:
        self.sketch: Sketch | None = None
        self._controller = controller
        self._is_adding = is_adding

    def add(self) -> None:
        """Begin to draw missed cells, or end it."""
        self._turn("outline")

    def split(self) -> None:
        """Split the selected cell at its neck; where it has none, begin to draw the line, or end it."""
        if self.sketch is not None or self._controller.maker.is_without_neck():
            self._turn("line")
        else:
            self._controller.maker.split()

    def go_on(self) -> None:
        """Take note that what was drawn is made: the next cell can be drawn at once, a line was the last one."""
        if self.sketch is None:
            return
        if self.sketch.kind == "line":
            self.end()
        else:
            self._tell(KINDS[self.sketch.kind].hint)

    def end(self) -> None:
        """Stop drawing."""
        if self.sketch is not None:
            self.sketch.close()

    def _turn(self, kind: str) -> None:
        control = self._controller
        drawing = self.sketch is not None
        self.end()
        image = control.workspace.image
        if image is None or control.reason or drawing:
            return
        answer = control.maker.add if kind == "outline" else control.maker.split
        self.sketch = Sketch(control.workspace.viewer, image, kind, answer, self._on_ended)
        self._is_adding(kind == "outline")
        self._tell(KINDS[kind].hint)

    def _on_ended(self) -> None:
        self.sketch = None
        self._is_adding(False)
        self._tell("")

    def _tell(self, line: str) -> None:
        self._controller.workspace.message.emit(line, False)
