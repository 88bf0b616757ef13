"""Clicks in the viewer, and going to a place in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer

# A press that moves less is a click, px of the screen.
_CLICK_PX = 4
# What is gone to is shown at least this large, px of the screen.
_ON_SCREEN_PX = 48


class ClickWatcher:
    """Calls back when the user clicks into the image while moving about, not while drawing.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where.
    clicked : callable
        Called with the position, as in ``viewer.cursor.position``.
    """

    def __init__(self, viewer: Viewer, clicked: Callable[[Sequence[float]], None]) -> None:
        self._viewer = viewer
        self._clicked = clicked

    def connect(self) -> None:
        """Begin to listen."""
        self._viewer.mouse_drag_callbacks.append(self._on_mouse)

    def disconnect(self) -> None:
        """Stop listening."""
        if self._on_mouse in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_mouse)

    def _on_mouse(self, viewer: Viewer, event: Any) -> Iterator[None]:
        """See napari: what comes before the first yield happens on the press, what comes last on the release."""
        start, moved = tuple(event.pos), False
        yield
        while event.type == "mouse_move":
            moved = moved or max(abs(a - b) for a, b in zip(start, event.pos, strict=True)) > _CLICK_PX
            yield
        active = viewer.layers.selection.active
        drawing = active is not None and str(getattr(active, "mode", "pan_zoom")) not in (
            "pan_zoom",
            "transform",
        )
        if not moved and not drawing:
            self._clicked(event.position)


def go_to(viewer: Viewer, position: Sequence[float], size: float) -> None:
    """Centre the viewer, and zoom in if what is there would be too small to see.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        What to move.
    position : sequence of float
        In the units of the viewer.
    size : float
        Of what lies there, in the units of the viewer.
    """
    camera = viewer.camera
    camera.center = (*camera.center[:-2], *position[-2:])
    camera.zoom = max(camera.zoom, _ON_SCREEN_PX / size)
