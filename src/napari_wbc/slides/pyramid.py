"""A slide as lazy arrays, one per level, for viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.slides.pixels import block_means
from napari_wbc.slides.slide import Slide

if TYPE_CHECKING:
    import dask.array as da

_CHUNK = 1024
# A viewer shows the coarsest level first, as a whole; no level made here is finer than need be for that.
_COARSEST_PX = 2048
_STEP = 4
# A coarse chunk stands for a large piece of the slide, which is read in parts of at most this many px a side.
_READ_PX = 2048


def as_dask_pyramid(slide: Slide) -> list[da.Array]:
    """Levels of a slide as dask arrays.

    Parameters
    ----------
    slide : Slide
        Stays in use by the arrays: close it after them.

    Returns
    -------
    list of dask.array.Array of uint8, shape (height, width, 3)
        From the finest to the coarsest, in chunks of 1024 x 1024 px, read when they are computed. Where the
        coarsest level of the file is over 2048 px, coarser ones are added, each a quarter of the one before;
        their px are means over the file's coarsest level, computed on the fly.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_wbc.slides import open_slide
    >>> from napari_wbc.slides.pyramid import as_dask_pyramid
    >>> [level.shape for level in as_dask_pyramid(open_slide(np.zeros((3000, 5000, 3), np.uint8)))]
    [(3000, 5000, 3), (750, 1250, 3)]
    """
    import dask.array as da

    windows = [_LevelWindows(slide, level, 1) for level in range(len(slide.levels))]
    factor = 1
    while max(windows[-1].shape[:2]) > _COARSEST_PX:
        factor *= _STEP
        windows.append(_LevelWindows(slide, len(slide.levels) - 1, factor))
    return [
        da.from_array(
            w, chunks=(_CHUNK, _CHUNK, 3), name=False, asarray=False, meta=np.empty((0, 0, 0), np.uint8)
        )
        for w in windows
    ]


class _LevelWindows:
    """A level of a slide, reduced by a whole factor, that can be cut like an array."""

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, slide: Slide, level: int, factor: int) -> None:
        self._slide, self._level, self._factor = slide, level, factor
        rows, columns = slide.levels[level].shape
        self.shape = (-(-rows // factor), -(-columns // factor), 3)

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[np.uint8]:
        (y0, y1, dy), (x0, x1, dx) = (
            part.indices(n) for part, n in zip(key[:2], self.shape[:2], strict=True)
        )
        if y0 >= y1 or x0 >= x1:
            return np.empty((max(0, y1 - y0), max(0, x1 - x0), 3), np.uint8)[..., key[2]]
        out = np.empty((y1 - y0, x1 - x0, 3), np.uint8)
        part = max(1, _READ_PX // self._factor)
        for y in range(y0, y1, part):
            for x in range(x0, x1, part):
                height, width = min(part, y1 - y), min(part, x1 - x)
                out[y - y0 : y - y0 + height, x - x0 : x - x0 + width] = self._mean(y, x, height, width)
        return out[::dy, ::dx, key[2]]

    def _mean(self, y: int, x: int, height: int, width: int) -> NDArray[np.uint8]:
        factor = self._factor
        rows, columns = self._slide.levels[self._level].shape
        top, left = y * factor, x * factor
        inside = min(height * factor, rows - top), min(width * factor, columns - left)
        pixels = self._slide.read(self._level, top, left, *inside)
        if factor == 1:
            return pixels
        missing = [(0, height * factor - inside[0]), (0, width * factor - inside[1]), (0, 0)]
        return block_means(np.pad(pixels, missing, mode="edge"), factor)
