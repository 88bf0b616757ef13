"""Smooth outlines, dots and labels, painted straight into an RGB image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

RGB = tuple[int, int, int]
Picture = NDArray[np.uint8]

# Pillow draws without smoothing: shapes are drawn this much larger and shrunk.
_OVERSAMPLING = 3
_DARK: RGB = (20, 22, 26)
_LIGHT: RGB = (255, 255, 255)


def rgb(colour: str) -> RGB:
    """Give the values of ``#rrggbb``.

    Examples
    --------
    >>> rgb("#0072b2")
    (0, 114, 178)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def contrasting(colour: RGB) -> RGB:
    """Give near-black or white, whichever can be read on a colour."""
    red, green, blue = ((v / 255) ** 2.2 for v in colour)
    return _DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.3 else _LIGHT


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Give the typeface that comes with Pillow; there is no other that every computer has."""
    return ImageFont.load_default(size)


def paint_outline(
    picture: Picture, rings: Sequence[NDArray[np.float64]], colour: RGB, width: float, *, dashed: bool = False
) -> None:
    """Paint closed outlines with a contrasting edge, in place.

    Parameters
    ----------
    picture : numpy.ndarray of uint8, shape (height, width, 3)
        Changed in place.
    rings : sequence of numpy.ndarray, shape (n, 2)
        At least one; ``x, y`` in px of the picture.
    colour : tuple of int
        Of the line.
    width : float
        Of the line, px.
    dashed : bool, optional
        Whether the line has gaps (its edge goes on).
    """
    points = np.concatenate(list(rings))
    edge = [[ring] for ring in rings]
    line = [dashes(ring, 3.2 * width) if dashed else [ring] for ring in rings]
    with_edge = width + max(1.2, 0.8 * width)
    low, high = points.min(axis=0) - with_edge, points.max(axis=0) + with_edge
    _blend(picture, low, high, edge, with_edge, contrasting(colour), 0.75)
    _blend(picture, low, high, line, width, colour, 1.0)


def paint_dot(
    picture: Picture, x: float, y: float, radius: float, colour: RGB, *, hollow: bool = False
) -> None:
    """Paint a dot with a contrasting edge, in place; a hollow one is a ring."""
    low, high = np.array([x, y]) - radius - 2, np.array([x, y]) + radius + 2
    _blend(picture, low, high, (x, y, radius + 1.2), 0, contrasting(colour), 0.8)
    _blend(picture, low, high, (x, y, radius), 0, colour, 1.0)
    if hollow:
        _blend(picture, low, high, (x, y, radius * 0.55), 0, contrasting(colour), 1.0)


def dashes(ring: NDArray[np.float64], length: float) -> list[NDArray[np.float64]]:
    """Cut a closed ring into dashes of about a length, with gaps of two thirds of it.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.array([[0, 0], [30, 0], [30, 30], [0, 30], [0, 0]], float)
    >>> len(dashes(square, 6))
    12
    """
    steps = np.hypot(*np.diff(ring, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    number = max(4, round(along[-1] / (length * 5 / 3)))
    period = along[-1] / number
    parts = []
    for start in np.arange(number) * period:
        end = start + 0.6 * period
        inner = along[(along > start) & (along < end)]
        at = np.concatenate([[start], inner, [end]])
        parts.append(np.column_stack([np.interp(at, along, ring[:, i]) for i in (0, 1)]))
    return parts


def _blend(
    picture: Picture,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    shape: Sequence[Sequence[NDArray[np.float64]]] | tuple[float, float, float],
    width: float,
    colour: RGB,
    opacity: float,
) -> None:
    """Blend lines, or a disc given as ``x, y, radius``, into the part of the picture between two corners."""
    height, breadth = picture.shape[:2]
    left, top = max(0, int(np.floor(low[0]))), max(0, int(np.floor(low[1])))
    right, bottom = min(breadth, int(np.ceil(high[0])) + 1), min(height, int(np.ceil(high[1])) + 1)
    if left >= right or top >= bottom:
        return
    stencil = Image.new("L", ((right - left) * _OVERSAMPLING, (bottom - top) * _OVERSAMPLING))
    draw = ImageDraw.Draw(stencil)
    if isinstance(shape, tuple):
        x, y, radius = ((v - o) * _OVERSAMPLING for v, o in zip(shape, (left, top, 0), strict=True))
        # Pillow takes in the last pixel.
        draw.ellipse((x - radius, y - radius, x + radius - 1, y + radius - 1), fill=255)
    else:
        for line in (line for ring in shape for line in ring):
            at = [(float(x), float(y)) for x, y in (line - (left, top)) * _OVERSAMPLING]
            draw.line(at, fill=255, width=max(1, round(width * _OVERSAMPLING)), joint="curve")
    alpha = np.asarray(stencil.reduce(_OVERSAMPLING), np.float32)[..., None] * (opacity / 255)
    part = picture[top:bottom, left:right]
    part[:] = np.round(part * (1 - alpha) + np.asarray(colour, np.float32) * alpha)
