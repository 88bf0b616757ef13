"""Opening images in a viewer, and finding those again that are open."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_wbc.gui.image_layers import METADATA_KEY, read_layer
from napari_wbc.gui.workspace import Workspace
from napari_wbc.review.folder import is_review

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


def open_layers(viewer: Viewer, path: str | Path, review: Path | None = None) -> list[Image]:
    """Open a file, an OME-Zarr folder or the folder of a review.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where.
    path : str or Path
        What.
    review : Path, optional
        The review that brings the cells of an image.

    Returns
    -------
    list of napari.layers.Image

    Raises
    ------
    InputError
        It cannot be read.
    """
    from napari.layers import Layer

    from napari_wbc.gui.readers import read_review, read_slide

    layers = [Layer.create(*data) for data in (read_review if is_review(path) else read_slide)(path)]
    for layer in layers:
        if review is not None:
            layer.metadata[METADATA_KEY]["review"] = str(review)
        viewer.add_layer(layer)
    return layers


def layer_of(path: str | Path, images: Iterable[Image]) -> Image | None:
    """Find the layer of a file among those that are open."""
    wanted = Path(path).resolve()
    for image in images:
        place = read_layer(image).path
        if place is not None and place.resolve() == wanted:
            return image
    return None


def show_alone(workspace: Workspace, image: Image, images: Iterable[Image]) -> None:
    """Show one image with its cells and hide the others, which lie in the same place."""
    for other in images:
        other.visible = other is image
        shown = workspace.shown.get(other)
        if shown is not None:
            shown.layers.set_visible(other is image)
            shown.regions.set_visible(other is image)
    current = workspace.shown.get(image)
    points = current.layers.points if current is not None else None
    workspace.viewer.layers.selection.active = points if points is not None else image
    workspace.viewer.reset_view()
