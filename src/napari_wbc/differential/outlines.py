"""Outlines of masks as polygons in level-0 pixels, for exports and drawings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Points that lie closer than this to the line without them are left out, px.
TOLERANCE_PX = 0.4


Ring = NDArray[np.float64]


def outlines(
    mask: NDArray[np.bool_], *, y0: int = 0, x0: int = 0, tolerance: float = TOLERANCE_PX
) -> list[Ring]:
    """Trace the outer outlines of a mask, its holes filled.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (height, width)
        One cell or nucleus; a lobed nucleus may have several parts.
    y0, x0 : int, optional
        Where the mask lies on the slide, px.
    tolerance : float, optional
        How far a simplified outline may leave the traced one, px.

    Returns
    -------
    list of numpy.ndarray, shape (n, 2)
        Closed rings (the first point is the last one) of ``x, y``, the largest first. The corner of a pixel has
        whole coordinates, its centre lies half a pixel further, as in QuPath and in GeoJSON.

    Examples
    --------
    >>> import numpy as np
    >>> ring = outlines(np.ones((4, 6), bool), y0=10, x0=20)[0]
    >>> [float(v) for v in (*ring.min(axis=0), *ring.max(axis=0))]
    [20.0, 10.0, 26.0, 14.0]
    """
    from scipy.ndimage import binary_fill_holes
    from skimage.measure import find_contours

    padded = np.pad(binary_fill_holes(np.asarray(mask, bool)), 1)
    rings = []
    for contour in find_contours(padded.astype(np.float32), 0.5):
        # The padding moves every pixel by one, and the centre of a pixel lies half a pixel inside it.
        ring = contour[:, ::-1] - 0.5 + (x0, y0)
        simple = simplify(ring, tolerance)
        rings.append(simple if len(simple) >= 4 else ring)
    return sorted(rings, key=ring_area, reverse=True)


def simplify(ring: Ring, tolerance: float) -> Ring:
    """Leave out points of a closed ring that lie close to the line without them (Douglas and Peucker).

    Every round splits all the segments that are still too coarse at once; scikit-image's ``approximate_polygon``
    gives the same kind of result one segment at a time, which is too slow for the cells of a slide.

    Parameters
    ----------
    ring : numpy.ndarray, shape (n, 2)
        Closed: the first point is the last one.
    tolerance : float
        Largest distance of a point that is left out, px.

    Returns
    -------
    numpy.ndarray, shape (m, 2)
        Some of the points, closed again.

    Examples
    --------
    >>> import numpy as np
    >>> simplify(np.array([[0, 0], [2, 0.1], [4, 0], [4, 4], [0, 4], [0, 0]], float), 0.4).shape
    (5, 2)
    """
    keep = np.zeros(len(ring), bool)
    # A ring has no ends: it is cut at its first point and at the point farthest from it.
    keep[[0, int(np.argmax(np.hypot(*(ring - ring[0]).T))), -1]] = True
    points = ring[:-1]
    while True:
        at = np.flatnonzero(keep)
        segment = np.repeat(np.arange(len(at) - 1), np.diff(at))
        start, along = ring[at[:-1]][segment], np.diff(ring[at], axis=0)[segment]
        square = np.maximum((along**2).sum(axis=1), 1e-12)
        part = np.clip(((points - start) * along).sum(axis=1) / square, 0, 1)
        distance = np.hypot(*(points - start - part[:, None] * along).T)
        farthest = np.maximum.reduceat(distance, at[:-1])
        split = np.flatnonzero((distance >= farthest[segment]) & (farthest[segment] > tolerance))
        if not len(split):
            return ring[keep]
        keep[split[np.unique(segment[split], return_index=True)[1]]] = True


def ring_area(ring: Ring) -> float:
    """Give the area inside a closed ring, px².

    Examples
    --------
    >>> import numpy as np
    >>> ring_area(np.array([[0, 0], [2, 0], [2, 3], [0, 3], [0, 0]], float))
    6.0
    """
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    return float(abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2)


def box_ring(y0: float, x0: float, y1: float, x1: float) -> Ring:
    """Give the ring of a box."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], float)


def geojson_geometry(rings: list[Ring]) -> dict[str, Any] | None:
    """Give rings as a GeoJSON geometry: a Polygon, or a MultiPolygon for several of them, None for none."""
    polygons = [[np.round(ring, 2).tolist()] for ring in rings]
    if not polygons:
        return None
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}
