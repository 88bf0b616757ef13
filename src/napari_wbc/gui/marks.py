"""How cells are marked: colours, outlines, circles, and the values of the class overlay."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from napari_wbc.leukocytes import BY_NAME, CLASSES, class_of
from napari_wbc.masks import CellMask

# A little wider than the cell's box, so that a circle runs around the cell.
_CIRCLE = 1.25
#: Width of a circle's line, as a share of its diameter, and the least diameter on the screen, px.
CIRCLE_LINE = 0.06
SMALLEST_CIRCLE = 9


class Style(Enum):
    """How cells are marked."""

    OUTLINES = "outlines"
    FILLED = "filled"
    CIRCLES = "circles"


def class_value(label: str, own: dict[str, int]) -> int:
    """Give the value of a class in the ``classes`` layer: always the same for the classes that we know.

    Parameters
    ----------
    label : str
        Name of the class.
    own : dict of str to int
        Values given to classes of the user's own so far; a new one is added.

    Examples
    --------
    >>> class_value("lymphocyte", {}), class_value("blast", {})
    (4, 16)
    """
    if label in BY_NAME:
        return CLASSES.index(BY_NAME[label]) + 1
    return own.setdefault(label, len(CLASSES) + 1 + len(own))


def rgba(label: str, alpha: float = 1.0) -> NDArray[np.float32]:
    """Give the colour of a class as napari takes it."""
    colour = class_of(label).colour
    return np.array([*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)), alpha], np.float32)


def outline(mask: NDArray[np.bool_], thickness: int) -> NDArray[np.bool_]:
    """Give a line around a mask, so that nothing of the cell is covered.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (height, width)
        The cell.
    thickness : int
        Of the line, px.

    Returns
    -------
    numpy.ndarray of bool, shape (height + 2 * thickness, width + 2 * thickness)
        The mask's corner lies at ``(thickness, thickness)``.
    """
    inside = np.pad(mask, thickness)
    # Steps of a cross and of a square in turn make an octagon, which is round enough and quick.
    square = round(0.4 * thickness)
    around = binary_dilation(inside, iterations=thickness - square)
    if square:
        around = binary_dilation(around, np.ones((3, 3), bool), iterations=square)
    result: NDArray[np.bool_] = around & ~inside
    return result


def circle_sizes(cells: pd.DataFrame) -> NDArray[np.float64]:
    """Give the diameters of circles around cells, px.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.
    """
    box = cells[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy(float)
    sizes: NDArray[np.float64] = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]) * _CIRCLE
    return sizes


def colours(labels: Sequence[str], alpha: float = 1.0) -> NDArray[np.float32]:
    """Give the colours of many labels, shape (n, 4)."""
    known = {label: rgba(label, alpha) for label in set(labels)}
    return np.array([known[label] for label in labels], np.float32).reshape(-1, 4)


def paint(
    labels: NDArray[np.uint8], masks: Sequence[CellMask], values: Sequence[int], rim_px: int | None
) -> None:
    """Paint cells into a class image, in place; where two overlap, the first one keeps the pixel.

    Parameters
    ----------
    labels : numpy.ndarray of uint8, shape (height, width)
        Changed.
    masks : sequence of CellMask
        In px of ``labels``.
    values : sequence of int
        One per mask.
    rim_px : int or None
        Paint only a line of this width around the cells; None fills them.
    """
    height, width = labels.shape
    for mask, value in zip(masks, values, strict=True):
        pixels = mask.cell if rim_px is None else outline(mask.cell, rim_px)
        y0, x0 = mask.y0 - (rim_px or 0), mask.x0 - (rim_px or 0)
        y1, x1 = y0 + pixels.shape[0], x0 + pixels.shape[1]
        top, left, bottom, right = max(0, y0), max(0, x0), min(height, y1), min(width, x1)
        if top >= bottom or left >= right:
            continue
        target = labels[top:bottom, left:right]
        target[pixels[top - y0 : bottom - y0, left - x0 : right - x0] & (target == 0)] = value
