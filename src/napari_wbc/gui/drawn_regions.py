"""A layer to draw regions in: it hides no cell, and its lines stay thin however far the viewer is zoomed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_wbc.gui.image_layers import SKETCH_COLOUR, placement

if TYPE_CHECKING:
    from napari.layers import Image, Shapes
    from napari.viewer import Viewer

# Width of the lines, px of the screen.
_LINE_PX = 2.0


def draw_rectangles(viewer: Viewer, image: Image, layer: Shapes | None) -> Shapes:
    """Let the user draw rectangles on an image, in a layer or a new one; gives that layer."""
    if layer is None:
        layer = add_region_layer(viewer, image)
    viewer.layers.selection.active = layer
    layer.mode = "add_rectangle"
    return layer


def add_region_layer(viewer: Viewer, image: Image) -> Shapes:
    """Put an empty layer over an image, to draw rectangles in.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where.
    image : napari.layers.Image
        The smear.

    Returns
    -------
    napari.layers.Shapes
        The layer.
    """
    from napari.layers import Shapes

    layer = Shapes(
        name=f"{image.name} regions",
        ndim=2,
        face_color="transparent",
        edge_color=SKETCH_COLOUR,
        opacity=1.0,
        **placement(image),
    )
    zoom = viewer.camera.events.zoom

    def keep_thin(event: Any = None) -> None:  # noqa: ARG001 - napari's signature
        # napari has widths in px of the image only; at a tenth of the zoom a line is ten times as thin.
        width = _LINE_PX / (viewer.camera.zoom * float(abs(layer.scale[-1])))
        if layer.nshapes:
            layer.edge_width = [width] * layer.nshapes
        layer.current_edge_width = width

    def forget(event: Any) -> None:
        if event.value is layer:
            zoom.disconnect(keep_thin)
            viewer.layers.events.removed.disconnect(forget)

    keep_thin()
    zoom.connect(keep_thin)
    viewer.layers.events.removed.connect(forget)
    viewer.add_layer(layer)
    return layer
