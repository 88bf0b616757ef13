"""Shapes of small masks: opening with round elements (through distance maps), connected parts, hulls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

Mask = NDArray[np.bool_]


def dilate(mask: Mask, radius: float) -> Mask:
    """All pixels within ``radius`` px of the mask."""
    if not mask.any():
        return mask.copy()
    near: Mask = ndimage.distance_transform_edt(~mask) <= radius
    return near


def erode(mask: Mask, radius: float) -> Mask:
    """Pixels further than ``radius`` px from what is outside; the frame does not count as outside."""
    if mask.all():
        return mask.copy()
    deep: Mask = ndimage.distance_transform_edt(mask) > radius
    return deep


def opened(mask: Mask, radius: float) -> Mask:
    """Remove what is narrower than a disc."""
    return dilate(erode(mask, radius), radius)


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
