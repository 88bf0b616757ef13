"""Shapes of small masks: opening with round elements (through distance maps), connected parts, hulls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

Mask = NDArray[np.bool_]


#: Larger discs are laid on by distance maps, smaller ones row by row.
_LARGE = 12.0


def dilate(mask: Mask, radius: float) -> Mask:
    """All pixels within ``radius`` px of the mask.

    Examples
    --------
    >>> import numpy as np
    >>> dilate(np.eye(1, 7, 3, dtype=bool), 2.0).astype(int)
    array([[0, 1, 1, 1, 1, 1, 0]])
    """
    if not mask.any():
        return mask.copy()
    if radius >= _LARGE:
        near: Mask = ndimage.distance_transform_edt(~mask) <= radius
        return near
    height, width = mask.shape
    reach = int(radius)
    # A disc is a stack of rows: the mask is widened step by step to the half-widths of the rows, from top to middle.
    wide = np.zeros((height + 2 * reach, width + 2 * reach), bool)
    wide[reach : reach + height, reach : reach + width] = mask
    dilated, half = mask.copy(), 0
    for dy in range(reach, -1, -1):
        target = int(np.sqrt(radius * radius - dy * dy))
        while half < target:
            wider = wide.copy()
            wider[:, 1:] |= wide[:, :-1]
            wider[:, :-1] |= wide[:, 1:]
            wide, half = wider, half + 1
        dilated |= wide[reach + dy : reach + dy + height, reach : reach + width]
        dilated |= wide[reach - dy : reach - dy + height, reach : reach + width]
    return dilated


def erode(mask: Mask, radius: float) -> Mask:
    """Pixels further than ``radius`` px from what is outside; the frame does not count as outside."""
    return ~dilate(~mask, radius)


def opened(mask: Mask, radius: float) -> Mask:
    """Remove what is narrower than a disc."""
    return dilate(erode(mask, radius), radius)


def middle(mask: Mask) -> tuple[int, int]:
    """Centroid of a mask, rounded down.

    Examples
    --------
    >>> import numpy as np
    >>> middle(np.ones((3, 4), bool))
    (1, 1)
    """
    rows, columns = mask.sum(axis=1), mask.sum(axis=0)
    area = int(rows.sum())
    return int(rows @ np.arange(len(rows))) // area, int(columns @ np.arange(len(columns))) // area


def extent(mask: Mask) -> tuple[int, int, int, int]:
    """Box of a mask as ``y0, x0, y1, x1``, ends excluded.

    Examples
    --------
    >>> import numpy as np
    >>> extent(np.eye(5, 7, 2, dtype=bool))
    (0, 2, 5, 7)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def touching_part(mask: Mask, seed: Mask) -> Mask:
    """Keep the connected parts of the mask that share a pixel with the seed."""
    labels, count = ndimage.label(mask)
    keep = np.zeros(count + 1, bool)
    keep[np.unique(labels[seed & mask])] = True
    keep[0] = False
    part: Mask = keep[labels]
    return part


def hull_area(y: NDArray[np.int64], x: NDArray[np.int64]) -> float:
    """Area of the convex hull of pixels, px (corners included, so that one pixel has area 1)."""
    corners = np.concatenate([np.stack([y + dy, x + dx], axis=1) for dy in (0, 1) for dx in (0, 1)])
    return float(ConvexHull(corners).volume)


def hull_mask(mask: Mask) -> Mask:
    """Pixels whose centre lies in the convex hull of a mask."""
    y, x = np.nonzero(mask)
    corners = np.concatenate([np.stack([y + dy, x + dx], axis=1) for dy in (-0.5, 0.5) for dx in (-0.5, 0.5)])
    equations = ConvexHull(corners).equations
    yy, xx = np.mgrid[: mask.shape[0], : mask.shape[1]]
    inside: Mask = np.ones(mask.shape, bool)
    for a, b, c in equations:
        inside &= a * yy + b * xx + c <= 1e-9
    return inside
