"""Opening images for the count: a file, or one of a folder with the cells that were counted. No Qt."""

from __future__ import annotations

from pathlib import Path

from psygnal import Signal

from napari_wbc.errors import WbcError
from napari_wbc.gui.count.earlier_reviews import EarlierReviews
from napari_wbc.gui.image_layers import countable_layers
from napari_wbc.gui.opening import layer_of, open_layers, show_alone
from napari_wbc.gui.workspace import Workspace
from napari_wbc.review.folder import review_beside


class ImageOpener:
    """Opens images as layers.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    earlier : EarlierReviews
        Told of the review that an image is opened with.

    Signals
    -------
    wanted(napari.layers.Image)
        An image that is to be the chosen one.
    message(str)
        A line for the user; empty takes the last one away.
    failed(str)
        Why an image could not be opened.
    """

    wanted = Signal(object)
    message = Signal(str)
    failed = Signal(str)

    def __init__(self, workspace: Workspace, earlier: EarlierReviews) -> None:
        self._workspace, self._earlier = workspace, earlier

    def open_path(self, path: str | Path) -> None:
        """Open a file, an OME-Zarr folder or the folder of a review as a layer."""
        self.message.emit("")
        try:
            open_layers(self._workspace.viewer, path)
        except WbcError as error:
            self.failed.emit(str(error))

    def open_counted(self, path: str | Path, results: Path) -> None:
        """Show an image of a folder with the cells that were counted; one that is open is not opened again.

        Parameters
        ----------
        path : str or Path
            The image.
        results : pathlib.Path
            The folder of its results.
        """
        viewer, review = self._workspace.viewer, review_beside(results)
        image = layer_of(path, countable_layers(viewer.layers))
        self.message.emit("")
        try:
            if image is None:
                image = open_layers(viewer, path, review)[0]
        except WbcError as error:
            self.failed.emit(str(error))
            return
        show_alone(self._workspace, image, countable_layers(viewer.layers))
        counted = self._workspace.shown.get(image)
        if review is not None and (counted is None or counted.session is None):
            self._earlier.name(image, review)
        self.wanted.emit(image)
        if review is None:
            self.message.emit(f"{image.name} was counted without keeping its cells: press Run for them.")
