"""Going to a place in the viewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer

# What is gone to is shown at least this large, px of the screen.
_ON_SCREEN_PX = 48


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
