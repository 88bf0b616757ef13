"""Arrays as slides: NumPy, dask, or anything that has a shape, a dtype and can be cut like them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.slides.base import StoredSlide
from napari_wbc.slides.pixels import check_layout


class ArraySlide(StoredSlide):
    """A slide over an array, which is not copied; a lazy (dask) array is computed window by window.

    Parameters
    ----------
    levels : list of arrays, shape (height, width, 3 or 4)
        From the finest to the coarsest; one is enough.
    name : str
        What to call it.

    Raises
    ------
    InputError
        When it is no RGB image, or a NumPy array holds NaN or values outside 0..1.
    """

    def __init__(self, levels: list[Any], name: str) -> None:
        self.arrays = levels
        first = levels[0]
        check_layout(tuple(int(n) for n in first.shape), np.dtype(first.dtype), name)
        if any(level.ndim != first.ndim or level.shape[2:] != first.shape[2:] for level in levels):
            raise InputError(f"{name}: the levels differ in their channels")
        super().__init__(
            name=name,
            path=None,
            shapes=[(int(level.shape[0]), int(level.shape[1])) for level in levels],
            channels=int(first.shape[2]),
            dtype=np.dtype(first.dtype),
        )
        if isinstance(first, np.ndarray) and np.issubdtype(first.dtype, np.floating):
            # Looked at as a whole, and by rows, so that a bad pixel shows when opening and not half way.
            for y in range(0, first.shape[0], 1024):
                rows = min(1024, first.shape[0] - y)
                self.read(0, y, 0, rows, first.shape[1])

    def _cut(self, level: int, y: int, x: int, height: int, width: int) -> NDArray[np.generic]:
        return np.asarray(self.arrays[level][y : y + height, x : x + width])

    def __reduce__(self) -> tuple[Callable[..., StoredSlide], tuple[object, ...]]:
        return type(self), (self.arrays, self.name)
