"""Windows of a fixed size in µm around cells, read from a slide: what the classifier is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_wbc.execution.progress import check_cancelled
from napari_wbc.slides.slide import Slide, read_padded

#: Every crop shows this many µm, in training and in prediction.
WINDOW_UM = 25.0
#: Side of the crops that training keeps and prediction cuts, px. The network's input is made from these by the same
#: code in both. The middle 20 µm are 128 px, which is the input of the bundled model.
CROP_PX = 160


@dataclass(frozen=True, slots=True)
class CropSize:
    """What a crop shows and how large it is.

    Attributes
    ----------
    window_um : float
        Side of the window, µm.
    size_px : int
        Side of the crop, px.
    """

    window_um: float
    size_px: int


@dataclass(frozen=True, slots=True)
class Window:
    """Where a window around a cell is read.

    Attributes
    ----------
    level : int
        Of the slide: the coarsest that still has the resolution wanted.
    downsample : float
        Of that level.
    side : int
        Of the window, px of that level.
    """

    level: int
    downsample: float
    side: int

    def corner(self, y: float, x: float) -> tuple[int, int]:
        """Give the upper left pixel, of the level, of the window around a level-0 point."""
        return round(y / self.downsample - self.side / 2), round(x / self.downsample - self.side / 2)


def window_at(slide: Slide, um_per_px: float, window_um: float, size_px: int) -> Window:
    """Choose the level for windows of a physical size, and their side there; see :func:`crop_cells`."""
    wanted = window_um / um_per_px / size_px
    level = max((i for i, item in enumerate(slide.levels) if item.downsample <= wanted * 1.01), default=0)
    downsample = slide.levels[level].downsample
    return Window(level, downsample, max(2, round(window_um / um_per_px / downsample)))


def crop_cells(
    slide: Slide,
    centres: NDArray[np.floating],
    *,
    um_per_px: float,
    window_um: float = WINDOW_UM,
    size_px: int = CROP_PX,
) -> NDArray[np.uint8]:
    """Cut windows of a fixed physical size around cells.

    Parameters
    ----------
    slide : Slide
        Where to read.
    centres : numpy.ndarray, shape (n, 2)
        ``(y, x)`` of the cells in level-0 pixels.
    um_per_px : float
        Of level 0.
    window_um : float, optional
        Side of the window, µm.
    size_px : int, optional
        Side of the crops given back, px.

    Returns
    -------
    numpy.ndarray of uint8, shape (n, size_px, size_px, 3)
        Beyond the slide's border the image is mirrored.
    """
    crops = np.empty((len(centres), size_px, size_px, 3), np.uint8)
    window = window_at(slide, um_per_px, window_um, size_px)
    for i, (y, x) in enumerate(np.asarray(centres, float)):
        check_cancelled()
        top, left = window.corner(y, x)
        crops[i] = resize(read_padded(slide, window.level, top, left, window.side, window.side), size_px)
    return crops


def resize(image: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """Resize a square image without aliasing."""
    if image.shape[:2] == (size_px, size_px):
        return image
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((size_px, size_px), Image.Resampling.LANCZOS))
