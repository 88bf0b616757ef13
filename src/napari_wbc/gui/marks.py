"""How cells are marked: colours, outlines, circles, and the values of the class overlay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.leukocytes import BY_NAME, CLASSES, class_of
from napari_wbc.masks import CellMask

# A little wider than the cell's box, so that a circle runs around the cell.
_CIRCLE = 1.25
#: Width of a circle's line, as a share of its diameter, and the least diameter on the screen, px.
CIRCLE_LINE = 0.06
SMALLEST_CIRCLE = 9
#: Value and colour of cells that do not count.
EXCLUDED_VALUE, EXCLUDED_COLOUR = 255, "#9a9a9a"
# A dash and its gap, in widths of the line; least and most of them around a cell, and how much of each is dash.
_DASH_WIDTHS, _DASHES, _DASH_SHARE = 6, (6, 20), 0.6
# Stripes across a hatched cell, bright and clear ones together.
_STRIPES = 11


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
    return rgba_of(class_of(label).colour, alpha)


def rgba_of(colour: str, alpha: float = 1.0) -> NDArray[np.float32]:
    """Give a ``#rrggbb`` colour as napari takes it."""
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
    height, width = (side + 2 * thickness for side in mask.shape)
    inside = np.zeros((height, width), bool)
    inside[thickness:-thickness, thickness:-thickness] = mask
    # All px are the bits of one number: to grow by a px is to shift it, in all of a cell at once. The rim of empty px
    # keeps the bits of a row out of the next one.
    bits = np.packbits(inside)
    number, size = int.from_bytes(bits.tobytes(), "big"), inside.size
    # A diamond and then a square make an octagon, which is round enough.
    square = round(0.4 * thickness)
    for step in _steps(thickness - square, lambda radius: radius):
        number |= number << step | number >> step | number << step * width | number >> step * width
    for along in (1, width):
        for step in _steps(square, lambda radius: 2 * radius + 1):
            number |= number << step * along | number >> step * along
    number &= (1 << 8 * len(bits)) - 1
    grown = np.frombuffer(number.to_bytes(len(bits), "big"), np.uint8)
    around = np.unpackbits(grown, count=size).reshape(inside.shape).astype(bool)
    result: NDArray[np.bool_] = around & ~inside
    return result


def _steps(radius: int, longest: Callable[[int], int]) -> Iterator[int]:
    """Give the shifts that grow a shape to a radius; none is longer than what is grown so far leaves no gaps for."""
    grown = 0
    while grown < radius:
        step = min(max(1, longest(grown)), radius - grown)
        yield step
        grown += step


def circle_sizes(cells: pd.DataFrame) -> NDArray[np.float64]:
    """Give the diameters of circles around cells, px.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.
    """
    return box_sizes(cells[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy())


def box_sizes(boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the diameters of circles around cells, px; ``boxes`` are ``(y0, x0, y1, x1)``, shape (n, 4)."""
    sizes: NDArray[np.float64] = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) * _CIRCLE
    return sizes


def colours(labels: Sequence[str], alpha: float = 1.0) -> NDArray[np.float32]:
    """Give the colours of many labels, shape (n, 4)."""
    known = {label: rgba(label, alpha) for label in set(labels)}
    return np.array([known[label] for label in labels], np.float32).reshape(-1, 4)


@dataclass(frozen=True, slots=True)
class Mark:
    """How a cell is painted into a class image.

    Attributes
    ----------
    value : int
        Of its px.
    rim_px : int or None
        Width of a line around the cell; None fills the cell.
    broken : bool
        The line is dashed, the filling hatched: the class is uncertain.
    """

    value: int
    rim_px: int | None = None
    broken: bool = False

    @property
    def margin(self) -> int:
        """How far the mark reaches beyond the cell's box, px."""
        return self.rim_px or 0


def mark_pixels(mask: CellMask, mark: Mark) -> NDArray[np.bool_]:
    """Give the px of a mark; its corner lies ``mark.margin`` px above and left of that of the mask."""
    if mark.rim_px is None:
        return _hatched(mask) if mark.broken else mask.cell
    line = outline(mask.cell, mark.rim_px)
    return _dashed(line, mark.rim_px) if mark.broken else line


def _dashed(line: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Cut gaps into a closed line, as a sweep around its middle meets it."""
    height, length = line.shape
    y, x = np.nonzero(line)
    turn = np.arctan2(y - (height - 1) / 2, x - (length - 1) / 2) / (2 * np.pi) + 0.5
    dashes = np.clip(round(np.pi * (height + length) / 2 / (_DASH_WIDTHS * width)), *_DASHES)
    gap = turn * dashes % 1 >= _DASH_SHARE
    result = line.copy()
    result[y[gap], x[gap]] = False
    return result


def _hatched(mask: CellMask) -> NDArray[np.bool_]:
    """Cut diagonal gaps into a filled cell."""
    y, x = np.ogrid[: mask.height, : mask.width]
    step = max(2, round(min(mask.height, mask.width) / _STRIPES))
    result: NDArray[np.bool_] = mask.cell & ((y + x) // step % 2 == 0)
    return result


def paint(
    labels: NDArray[np.uint8],
    masks: Sequence[CellMask],
    marks: Sequence[Mark],
    *,
    origin: tuple[int, int] = (0, 0),
) -> None:
    """Paint cells into a class image, in place; where two overlap, the first one keeps the pixel.

    Parameters
    ----------
    labels : numpy.ndarray of uint8, shape (height, width)
        Changed.
    masks : sequence of CellMask
        In px of the whole image.
    marks : sequence of Mark
        One per mask.
    origin : tuple of int, optional
        ``(y, x)`` of the corner of ``labels`` in the whole image.
    """
    height, width = labels.shape
    for mask, mark in zip(masks, marks, strict=True):
        y0, x0 = mask.y0 - mark.margin - origin[0], mask.x0 - mark.margin - origin[1]
        y1, x1 = y0 + mask.height + 2 * mark.margin, x0 + mask.width + 2 * mark.margin
        top, left, bottom, right = max(0, y0), max(0, x0), min(height, y1), min(width, x1)
        if top >= bottom or left >= right:
            continue
        pixels = mark_pixels(mask, mark)[top - y0 : bottom - y0, left - x0 : right - x0]
        target = labels[top:bottom, left:right]
        target[pixels & (target == 0)] = mark.value
