"""A small picture of a whole slide, read block by block."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from napari_wbc.execution.progress import CancelToken
from napari_wbc.slides.slide import RGB, Slide

# Blocks of about this side are shrunk one by one: a large slide without coarse levels needs little memory.
_BLOCK_PX = 2048


def read_overview(
    slide: Slide, longest_px: int = 4000, *, cancel: CancelToken | None = None
) -> tuple[RGB, float]:
    """Read a slide shrunk by a whole number of pixels.

    Parameters
    ----------
    slide : Slide
        Where to read.
    longest_px : int, optional
        The longer side of the picture is at most this long; a smaller slide is given as it is.
    cancel : CancelToken, optional
        Looked at before every block.

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width, 3)
        RGB; every pixel is the mean of a square of pixels of the level that was read.
    float
        Level-0 px per px of the picture.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_wbc.slides import open_slide
    >>> picture, scale = read_overview(open_slide(np.full((30, 100, 3), 200, np.uint8)), 50)
    >>> picture.shape, scale
    ((15, 50, 3), 2.0)
    """
    level = max((i for i, item in enumerate(slide.levels) if max(item.shape) >= longest_px), default=0)
    height, width = slide.levels[level].shape
    factor = max(1, math.ceil(max(height, width) / longest_px))
    picture = np.empty((math.ceil(height / factor), math.ceil(width / factor), 3), np.uint8)
    block = factor * max(1, _BLOCK_PX // factor)
    for y in range(0, height, block):
        for x in range(0, width, block):
            if cancel is not None:
                cancel.check()
            pixels = slide.read(level, y, x, min(block, height - y), min(block, width - x))
            shrunk = np.asarray(Image.fromarray(pixels).reduce(factor))
            top, left = y // factor, x // factor
            picture[top : top + shrunk.shape[0], left : left + shrunk.shape[1]] = shrunk
    return picture, slide.levels[level].downsample * factor
