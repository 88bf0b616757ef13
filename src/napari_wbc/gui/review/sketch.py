"""Drawing on the image for a moment: an outline around a missed cell, or a line across one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_wbc.gui.image_layers import SKETCH_COLOUR, placement

if TYPE_CHECKING:
    from napari.layers import Image, Shapes
    from napari.viewer import Viewer


class SketchKind(NamedTuple):
    """The mode of napari's layer, the layer's name, and what the user is told."""

    mode: str
    name: str
    hint: str


#: How each kind of sketch is drawn.
KINDS = {
    "outline": SketchKind(
        "add_polygon_lasso",
        "missed cell",
        "Draw around a missed cell with the mouse button held down. Esc ends.",
    ),
    "line": SketchKind("add_line", "cut", "Draw a line right across the cell. Esc ends."),
}


class Sketch:
    """A layer to draw one shape after the other; it goes when the user has done.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where to draw.
    image : napari.layers.Image
        What to draw on.
    kind : {"outline", "line"}
        What is drawn.
    drawn : callable
        Called with the corners of each shape, shape (n, 2), px of the image.
    ended : callable
        Called once, when there is nothing to draw any more.
    """

    def __init__(
        self,
        viewer: Viewer,
        image: Image,
        kind: str,
        drawn: Callable[[NDArray[np.float64]], None],
        ended: Callable[[], None],
    ) -> None:
        from napari.layers import Shapes

        self.kind = kind
        self._viewer = viewer
        self._image = image
        self._drawn = drawn
        self._ended = ended
        self._active = viewer.layers.selection.active
        place = placement(image)
        self.layer: Shapes | None = Shapes(
            name=KINDS[kind].name,
            ndim=2,
            edge_color=SKETCH_COLOUR,
            edge_width=1.5,
            face_color="transparent",
            **place,
        )
        viewer.add_layer(self.layer)
        self.layer.mode = KINDS[kind].mode
        self.layer.events.data.connect(self._on_data)
        viewer.layers.events.removed.connect(self._on_removed)
        self.layer.bind_key("Escape", lambda _: self.close(), overwrite=True)

    def close(self) -> None:
        """Take the layer away, and make active what was so before."""
        layer, self.layer = self.layer, None
        if layer is None:
            return
        layer.events.data.disconnect(self._on_data)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        if self._active in self._viewer.layers:
            self._viewer.layers.selection.active = self._active
        self._ended()

    def _on_data(self, event: Any) -> None:
        layer = self.layer
        if layer is None or str(getattr(event, "action", "")).rsplit(".", 1)[-1].lower() != "added":
            return
        if not len(layer.data):
            return
        corners = np.asarray(layer.data[-1], float)
        place = np.array([self._image.world_to_data(layer.data_to_world(corner))[-2:] for corner in corners])
        # Napari is in the middle of its own adding; the shape is taken away when that is over.
        from qtpy.QtCore import QTimer

        QTimer.singleShot(0, self._clear)
        self._drawn(place)

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.close()

    def _clear(self) -> None:
        if self.layer is not None:
            with self.layer.events.data.blocker():
                self.layer.data = []
