"""Reviews of an image that were kept: the latest is offered, one that its layer names is opened at once. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from napari_wbc.gui.image_layers import METADATA_KEY, read_layer
from napari_wbc.gui.workspace import Workspace
from napari_wbc.review.folder import LOG, reviews_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer


class EarlierReviews:
    """Looks for the reviews of the chosen image.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    may_open : callable
        Tells whether a review of an image can be opened now; else its turn comes later.
    open_folder : callable
        Opens the review in a folder.

    Attributes
    ----------
    latest : Path or None
        Folder of the latest review of the image that was looked at.
    """

    def __init__(
        self,
        workspace: Workspace,
        may_open: Callable[[Image], bool],
        open_folder: Callable[[str], None],
    ) -> None:
        self.latest: Path | None = None
        self._workspace, self._may_open, self._open_folder = workspace, may_open, open_folder
        self._opened: WeakSet[Layer] = WeakSet()

    def name(self, image: Image, review: Path) -> None:
        """Have a layer name a review, to be opened when it is looked at next."""
        image.metadata.setdefault(METADATA_KEY, {})["review"] = str(review)
        self._opened.discard(image)

    def look_at(self, image: Image | None) -> str:
        """Look for reviews of an image without an open one; tell what is to be said of the latest."""
        self.latest = None
        if image is None or self._workspace.session is not None or image is self._workspace.busy:
            return ""
        named = image.metadata.get(METADATA_KEY, {}).get("review")
        if named is not None and image not in self._opened:
            self._workspace.later(0, lambda: self._open_named(image, named))
        path = read_layer(image).path
        self.latest = next(iter(reviews_of(path) if path is not None else []), None)
        if self.latest is None:
            return ""
        day = datetime.fromtimestamp((self.latest / LOG).stat().st_mtime, UTC).astimezone()
        return f"Go on with the review of {day:%Y-%m-%d %H:%M}"

    def _open_named(self, image: Image, review: str) -> None:
        """Open the review that a layer names, once."""
        if image not in self._opened and self._may_open(image):
            self._opened.add(image)
            self._open_folder(review)
