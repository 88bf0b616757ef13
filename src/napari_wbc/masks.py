"""Masks of single cells: kept per cell, painted into a label image only on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class CellMask:
    """The pixels of one cell and of its nucleus, in level-0 pixels of the slide.

    Attributes
    ----------
    y0, x0 : int
        Upper left corner of the box.
    cell : numpy.ndarray of bool, shape (height, width)
        The whole cell, nucleus included.
    nucleus : numpy.ndarray of bool, shape (height, width)
        The nucleus.
    """

    y0: int
    x0: int
    cell: NDArray[np.bool_]
    nucleus: NDArray[np.bool_]

    @property
    def bbox(self) -> tuple[int, int, int, int]:
        """Box as ``(y0, x0, y1, x1)``, ends excluded."""
        return self.y0, self.x0, self.y0 + self.cell.shape[0], self.x0 + self.cell.shape[1]


def paint_labels(
    masks: Sequence[CellMask],
    values: Iterable[int],
    shape: tuple[int, int],
    *,
    origin: tuple[int, int] = (0, 0),
    part: str = "cell",
    dtype: type[np.generic] = np.int32,
) -> NDArray[np.generic]:
    """Paint masks into a label image.

    Parameters
    ----------
    masks : sequence of CellMask
        The cells; where two overlap, the first one keeps the pixel.
    values : iterable of int
        One label per mask.
    shape : tuple of int
        Height and width of the image to paint, px.
    origin : tuple of int, optional
        ``(y, x)`` of the image's corner on the slide, px.
    part : {"cell", "nucleus"}
        What to paint.
    dtype : numpy dtype, optional
        Of the result.

    Returns
    -------
    numpy.ndarray
        Shape ``shape``; 0 is background.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.ones((2, 2), bool)
    >>> paint_labels([CellMask(1, 1, square, square)], [7], (3, 4))[1]
    array([0, 7, 7, 0], dtype=int32)
    """
    if part not in ("cell", "nucleus"):
        raise ValueError(f"part is {part!r}; it must be 'cell' or 'nucleus'")
    labels = np.zeros(shape, dtype)
    height, width = shape
    for mask, value in zip(masks, values, strict=True):
        pixels = mask.cell if part == "cell" else mask.nucleus
        y0, x0 = mask.y0 - origin[0], mask.x0 - origin[1]
        top, left = max(0, -y0), max(0, -x0)
        bottom, right = min(pixels.shape[0], height - y0), min(pixels.shape[1], width - x0)
        if top >= bottom or left >= right:
            continue
        target = labels[y0 + top : y0 + bottom, x0 + left : x0 + right]
        target[pixels[top:bottom, left:right] & (target == 0)] = value
    return labels
