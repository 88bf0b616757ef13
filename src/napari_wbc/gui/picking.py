"""Picking cells with the mouse in the image: a click takes one, a box drawn with Shift takes all that lie in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer

Position = Sequence[float]

# A press that moves less is a click, px of the screen.
_CLICK_PX = 4
_LEFT_BUTTON = 1
_BOX_NAME = "napari_wbc_selection"


class CellPicker:
    """Tells what the user picks in the image while moving about in it, not while drawing.

    A click takes the cell under the mouse; with Shift or Ctrl the others stay selected. A drag with Shift draws a box,
    as napari's own tools do, and takes the cells in it; with Ctrl as well the others stay selected. A drag alone moves
    the image, as ever.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where.
    clicked : callable
        Called with the position, as in ``viewer.cursor.position``, and whether the others stay selected.
    boxed : callable
        Called with two opposite corners of a box and whether the others stay selected.
    """

    def __init__(
        self,
        viewer: Viewer,
        clicked: Callable[[Position, bool], None],
        boxed: Callable[[Position, Position, bool], None],
    ) -> None:
        self._viewer = viewer
        self._clicked = clicked
        self._boxed = boxed
        self._box: Any = None

    def connect(self) -> None:
        """Begin to listen."""
        self._viewer.mouse_drag_callbacks.append(self._on_mouse)

    def disconnect(self) -> None:
        """Stop listening."""
        if self._on_mouse in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_mouse)

    def _on_mouse(self, viewer: Viewer, event: Any) -> Iterator[None]:
        """See napari: what comes before the first yield happens on the press, what comes last on the release."""
        if (
            event.button != _LEFT_BUTTON
            or viewer.dims.ndisplay != 2
            or _draws(viewer.layers.selection.active)
        ):
            return
        start, corner = tuple(event.pos), tuple(event.position)
        moved = False
        shift, ctrl = "Shift" in event.modifiers, "Control" in event.modifiers
        yield
        while event.type == "mouse_move":
            moved = moved or _far(start, event.pos)
            if moved and shift:
                self._show_box(start, tuple(event.pos))
                event.handled = True
            yield
        # Of a quick drag, no move may have come here.
        moved = moved or _far(start, event.pos)
        self._hide_box()
        if moved and shift:
            self._boxed(corner, tuple(event.position), ctrl)
        elif not moved:
            self._clicked(event.position, shift or ctrl)

    def _show_box(self, start: Position, end: Position) -> None:
        """Draw the box in napari's own way, on the canvas and in the colour of its highlights."""
        if self._box is None:
            self._box = _box_of(self._viewer)
        if self._box is not None:
            # napari counts rows first here.
            self._box.position = (start[::-1], end[::-1])
            self._box.visible = True

    def _hide_box(self) -> None:
        if self._box is not None:
            self._box.visible = False


def _far(start: Position, end: Position) -> bool:
    return max(abs(a - b) for a, b in zip(start, end, strict=True)) > _CLICK_PX


def _draws(layer: Any) -> bool:
    """Tell whether the mouse draws in a layer."""
    return layer is not None and str(getattr(layer, "mode", "pan_zoom")) not in ("pan_zoom", "transform")


def _box_of(viewer: Viewer) -> Any:
    """Give the box of a viewer; None before napari 0.9, where plugins cannot draw on the canvas: no box is seen."""
    if not hasattr(viewer, "canvas"):
        return None
    from napari.components.overlays import ZoomOverlay

    overlays = viewer.canvas.overlays
    if _BOX_NAME not in overlays:
        overlays[_BOX_NAME] = ZoomOverlay()
    return overlays[_BOX_NAME]
