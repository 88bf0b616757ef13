"""Which parts of the nuclear mask make one nucleus: lobes are joined, nuclei of touching cells are cut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from napari_wbc.segmentation.grid import Grid
from napari_wbc.segmentation.morphology import Mask, hull_area, hull_mask

LOBE_GAP_UM = 3.2
#: A smaller part is a lobe of its neighbour where their hull is no larger than that of one nucleus.
LOBE_UM2 = 28.0
GROUP_HULL_UM2 = 190.0
#: Hull of two large lobes.
LARGE_LOBES_HULL_UM2 = 155.0
#: Share of cytoplasm beside the neck between two large parts, within that distance of it.
NECK_FILLED, NECK_UM = 0.7, 0.6
#: Least area of a nucleus that is cut from another, and by how much the neck is narrower than the widest place.
LEAST_TOUCHING_UM2 = 30.0
NECK = 0.25

#: Evidence for a leukocyte in a window ``y0, x0, y1, x1`` of the grid.
Evidence = Callable[[int, int, int, int], NDArray[np.float32]]
#: Coordinates of pixels, shape (n, 2).
Pixels = NDArray[np.intp]


def group_lobes(
    part: Mask, origin: tuple[int, int], grid: Grid, evidence: Evidence
) -> list[tuple[Pixels, int]]:
    """Group the pixels of a cluster into nuclei.

    Parameters
    ----------
    part : numpy.ndarray of bool, shape (height, width)
        Nuclear pixels of one cluster.
    origin : tuple of int
        Where ``part[0, 0]`` lies, grid px.
    grid : Grid
        Of the first pass.
    evidence : callable
        Tells cytoplasm from red cells and the empty slide.

    Returns
    -------
    list of (numpy.ndarray of int, shape (n, 2), int)
        Per nucleus its pixels in ``part`` and how many lobes it has.
    """
    labels, count = ndimage.label(part, np.ones((3, 3)))
    around = _Lazy(evidence, origin, part.shape)
    parts: list[Pixels] = []
    for number in range(1, count + 1):
        parts += _cut_touching(np.argwhere(labels == number), grid, around)
    if len(parts) == 1:
        return [(parts[0], 1)]
    groups = _join_lobes(parts, grid, around)
    return [(np.concatenate([parts[k] for k in members]), len(members)) for members in groups]


class _Lazy:
    """Evidence in the box of a cluster, read when it is first needed (most clusters never do)."""

    def __init__(self, evidence: Evidence, origin: tuple[int, int], shape: tuple[int, ...]) -> None:
        self._evidence, self._origin, self._shape = evidence, origin, shape
        self._read: NDArray[np.float32] | None = None

    def read(self) -> NDArray[np.float32]:
        if self._read is None:
            y, x = self._origin
            self._read = self._evidence(y, x, y + self._shape[0], x + self._shape[1])
        return self._read


def _cut_touching(pixels: Pixels, grid: Grid, around: _Lazy) -> list[Pixels]:
    """Cut a part that is several nuclei of touching cells: wide on both sides of a neck, notched beside it."""
    if len(pixels) * grid.um**2 < 2 * LEAST_TOUCHING_UM2:
        return [pixels]
    corner = pixels.min(axis=0) - 1
    part = np.zeros(pixels.max(axis=0) - corner + 2, bool)
    part[tuple((pixels - corner).T)] = True
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(part), 1.0)
    markers, cores = ndimage.label(h_maxima(depth, NECK * float(depth.max())), np.ones((3, 3)))
    if cores < 2:
        return [pixels]
    labels = watershed(-depth, markers, mask=part)
    pieces: list[Pixels] = [np.argwhere(labels == k) + corner for k in range(1, cores + 1)]
    # Put together again what only looks like several nuclei.
    while len(pieces) > 1:
        wrong = next(
            (
                (a, b)
                for a in range(len(pieces))
                for b in range(a)
                if _gap(pieces[a], pieces[b], 2.0) < 2.0
                and (
                    min(len(pieces[a]), len(pieces[b])) * grid.um**2 < LEAST_TOUCHING_UM2
                    or not _notched(pieces[a], pieces[b], around.read(), grid)
                )
            ),
            None,
        )
        if wrong is None:
            break
        second = pieces.pop(wrong[0])
        pieces[wrong[1]] = np.concatenate([pieces[wrong[1]], second])
    return pieces


def _join_lobes(parts: list[Pixels], grid: Grid, around: _Lazy) -> list[list[int]]:
    """Join parts, the closest pair first, while their hull stays that of one nucleus.

    A small part is a lobe. Two large parts are the lobes of one nucleus (as in eosinophils) only where cytoplasm
    lies beside the neck between them; touching cells have notches there.
    """
    count = len(parts)
    farthest = LOBE_GAP_UM / grid.um + 1
    gaps = [
        (gap, a, b)
        for a in range(count)
        for b in range(a + 1, count)
        if (gap := _gap(parts[a], parts[b], farthest)) <= farthest
    ]
    group_of = list(range(count))
    for _, a, b in sorted(gaps):
        first, second = group_of[a], group_of[b]
        if first == second:
            continue
        one, other = (
            np.concatenate([parts[k] for k in range(count) if group_of[k] == group])
            for group in (first, second)
        )
        small = min(len(one), len(other)) * grid.um**2 < LOBE_UM2
        both = np.concatenate([one, other])
        if hull_area(both[:, 0], both[:, 1]) * grid.um**2 > (
            GROUP_HULL_UM2 if small else LARGE_LOBES_HULL_UM2
        ):
            continue
        if not small and _notched(one, other, around.read(), grid):
            continue
        group_of = [first if group == second else group for group in group_of]
    return [[k for k in range(count) if group_of[k] == group] for group in sorted(set(group_of))]


def _gap(first: Pixels, second: Pixels, farthest: float) -> float:
    """Distance of the closest pixels of two parts, px; infinite where it is more than ``farthest``."""
    return float(cKDTree(first).query(second, distance_upper_bound=np.nextafter(farthest, np.inf))[0].min())


def _notched(first: Pixels, second: Pixels, evidence: NDArray[np.float32], grid: Grid) -> bool:
    """Whether beside the neck between two parts, inside their common hull, there is mostly no leukocyte."""
    start, stop = first.mean(axis=0), second.mean(axis=0)
    axis = (stop - start) / max(float(np.linalg.norm(stop - start)), 1e-9)
    neck = (((first - start) @ axis).max() + ((second - start) @ axis).min()) / 2
    parts = np.zeros(evidence.shape, bool)
    parts[tuple(first.T)] = True
    parts[tuple(second.T)] = True
    y, x = np.nonzero(hull_mask(parts) & ~parts)
    beside = np.abs((y - start[0]) * axis[0] + (x - start[1]) * axis[1] - neck) <= NECK_UM / grid.um
    if beside.sum() * grid.um**2 < 1.0:
        return False
    return float((evidence[y[beside], x[beside]] > 0).mean()) < NECK_FILLED
