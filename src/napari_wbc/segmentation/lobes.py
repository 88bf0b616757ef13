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

#: Farther apart are no lobes of one nucleus; nearer than the second figure they need no cytoplasm between them.
LOBE_GAP_UM, NEAR_GAP_UM = 5.0, 3.2
#: A smaller part is a lobe.
LOBE_UM2 = 28.0
#: Hulls of near lobes: where nothing else is asked, and from where on as much cytoplasm as between far ones.
NEAR_HULL_UM2, FULL_HULL_UM2 = 90.0, 120.0
#: Hulls of a nucleus: as a rule, and at most.
GROUP_HULL_UM2, LARGEST_HULL_UM2 = 155.0, 240.0
#: Least share of cytoplasm beside the neck: to a lobe, between two large parts, and beyond the hull of the rule.
LOBE_FILLED, LARGE_FILLED, LARGEST_FILLED = 0.6, 0.65, 0.9
#: Beside is that near.
NECK_UM = 0.6
#: Least area of a nucleus that is cut from another, and how wide a neck is at most, as a share of the narrower one.
LEAST_TOUCHING_UM2 = 30.0
NECK = 0.6
#: Bumps of a nucleus that are no lobes, grid px of depth.
LEAST_BUMP = 0.5

#: Evidence for a leukocyte in a window ``y0, x0, y1, x1`` of the grid.
Evidence = Callable[[int, int, int, int], NDArray[np.float32]]
#: Coordinates of pixels, shape (n, 2).
Pixels = NDArray[np.intp]


def group_lobes(part: Mask, origin: tuple[int, int], grid: Grid, evidence: Evidence) -> list[Pixels]:
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
    list of numpy.ndarray of int, shape (n, 2)
        Per nucleus its pixels in ``part``.
    """
    labels, count = ndimage.label(part, np.ones((3, 3)))
    around = _EvidenceAround(evidence, origin, part.shape)
    parts: list[Pixels] = []
    for number in range(1, count + 1):
        parts += _cut_touching(np.argwhere(labels == number), grid, around)
    if len(parts) == 1:
        return parts
    groups = _join_lobes(parts, grid, around)
    return [np.concatenate([parts[k] for k in members]) for members in groups]


class _EvidenceAround:
    """Evidence in the box of a cluster, read when it is first needed (most clusters never do)."""

    def __init__(self, evidence: Evidence, origin: tuple[int, int], shape: tuple[int, ...]) -> None:
        self._evidence, self._origin, self._shape = evidence, origin, shape
        self._read: NDArray[np.float32] | None = None

    def read(self) -> NDArray[np.float32]:
        if self._read is None:
            y, x = self._origin
            self._read = self._evidence(y, x, y + self._shape[0], x + self._shape[1])
        return self._read


def _cut_touching(pixels: Pixels, grid: Grid, around: _EvidenceAround) -> list[Pixels]:
    """Cut a part that is several nuclei of touching cells: wide on both sides of a neck, notched beside it."""
    if len(pixels) * grid.um**2 < 2 * LEAST_TOUCHING_UM2:
        return [pixels]
    corner = pixels.min(axis=0) - 1
    part = np.zeros(pixels.max(axis=0) - corner + 2, bool)
    part[tuple((pixels - corner).T)] = True
    # A pale middle, or the hole of a ring, is no neck.
    whole = ndimage.binary_fill_holes(part)
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(whole), 1.0)
    markers, cores = ndimage.label(h_maxima(depth, LEAST_BUMP), np.ones((3, 3)))
    if cores < 2:
        return [pixels]
    labels = watershed(-depth, markers, mask=whole) * part
    pieces = [_Piece(piece, depth) for k in range(1, cores + 1) if len(piece := np.argwhere(labels == k))]
    # Put together again what only looks like several nuclei, the widest neck first.
    while len(pieces) > 1:
        wrong = max(
            (
                (neck, -a, -b)
                for a in range(len(pieces))
                for b in range(a)
                if (neck := _neck(pieces[a], pieces[b]))
                and (
                    neck > NECK
                    or min(len(pieces[a].pixels), len(pieces[b].pixels)) * grid.um**2 < LEAST_TOUCHING_UM2
                    or not _apart(pieces[a].pixels + corner, pieces[b].pixels + corner, around, grid)
                )
            ),
            default=None,
        )
        if wrong is None:
            break
        second = pieces.pop(-wrong[1])
        pieces[-wrong[2]] = _Piece(np.concatenate([pieces[-wrong[2]].pixels, second.pixels]), depth)
    return [piece.pixels + corner for piece in pieces]


class _Piece:
    """A piece of a part, and how deep inside the part each of its pixels lies."""

    def __init__(self, pixels: Pixels, depth: NDArray[np.float64]) -> None:
        self.pixels = pixels
        self.depth: NDArray[np.float64] = depth[tuple(pixels.T)]


def _neck(first: _Piece, second: _Piece) -> float:
    """Width of the neck between two pieces over that of the narrower one; 0 where they do not touch."""
    distance, nearest = cKDTree(first.pixels).query(second.pixels, distance_upper_bound=1.5)
    touching = np.isfinite(distance)
    if not touching.any():
        return 0.0
    saddle = np.minimum(second.depth[touching], first.depth[nearest[touching]]).max()
    return float(saddle / min(first.depth.max(), second.depth.max()))


def _apart(first: Pixels, second: Pixels, around: _EvidenceAround, grid: Grid) -> bool:
    """Whether two large pieces are too large together for one nucleus, or have no cytoplasm beside their neck."""
    hull = _hull_um2(first, second, grid)
    if hull > LARGEST_HULL_UM2:
        return True
    return _filled(first, second, around.read(), grid) < _least_filled(hull, small=False)


def _least_filled(hull_um2: float, *, small: bool) -> float:
    if hull_um2 > GROUP_HULL_UM2:
        return LARGEST_FILLED
    return LOBE_FILLED if small else LARGE_FILLED


def _join_lobes(parts: list[Pixels], grid: Grid, around: _EvidenceAround) -> list[list[int]]:
    """Join parts, the closest pair first, while they look like the lobes of one nucleus."""
    count = len(parts)
    farthest = LOBE_GAP_UM / grid.um + 1
    area = [len(pixels) * grid.um**2 for pixels in parts]
    # Small parts first, so that the lobes of a cell find each other before they find its neighbour.
    gaps = [
        (max(area[a], area[b]) >= LOBE_UM2, gap, a, b)
        for a in range(count)
        for b in range(a + 1, count)
        if (gap := _gap(parts[a], parts[b], farthest)) <= farthest
    ]
    group_of = list(range(count))
    for _, gap, a, b in sorted(gaps):
        first, second = group_of[a], group_of[b]
        if first == second:
            continue
        one, other = (
            np.concatenate([parts[k] for k in range(count) if group_of[k] == group])
            for group in (first, second)
        )
        if _are_lobes(one, other, gap, grid, around):
            group_of = [first if group == second else group for group in group_of]
    return [[k for k in range(count) if group_of[k] == group] for group in sorted(set(group_of))]


def _are_lobes(one: Pixels, other: Pixels, gap: float, grid: Grid, around: _EvidenceAround) -> bool:
    """Whether two groups of parts are lobes of one nucleus.

    Lobes lie close together, or there is cytoplasm beside the neck between them; touching cells have notches there.
    """
    hull = _hull_um2(one, other, grid)
    small = min(len(one), len(other)) * grid.um**2 < LOBE_UM2
    if hull > LARGEST_HULL_UM2:
        return False
    least = _least_filled(hull, small=small)
    if small and hull < FULL_HULL_UM2 and gap <= NEAR_GAP_UM / grid.um + 1:
        least *= (hull - NEAR_HULL_UM2) / (FULL_HULL_UM2 - NEAR_HULL_UM2)
    return least <= 0 or _filled(one, other, around.read(), grid) >= least


def _hull_um2(one: Pixels, other: Pixels, grid: Grid) -> float:
    both = np.concatenate([one, other])
    return hull_area(both[:, 0], both[:, 1]) * grid.um**2


def _gap(first: Pixels, second: Pixels, farthest: float) -> float:
    """Distance of the closest pixels of two parts, px; infinite where it is more than ``farthest``."""
    return float(cKDTree(first).query(second, distance_upper_bound=np.nextafter(farthest, np.inf))[0].min())


def _filled(first: Pixels, second: Pixels, evidence: NDArray[np.float32], grid: Grid) -> float:
    """Share of cytoplasm beside the neck between two parts, inside their common hull."""
    start, stop = first.mean(axis=0), second.mean(axis=0)
    axis = (stop - start) / max(float(np.linalg.norm(stop - start)), 1e-9)
    neck = (((first - start) @ axis).max() + ((second - start) @ axis).min()) / 2
    parts = np.zeros(evidence.shape, bool)
    parts[tuple(first.T)] = True
    parts[tuple(second.T)] = True
    y, x = np.nonzero(hull_mask(parts) & ~parts)
    beside = np.abs((y - start[0]) * axis[0] + (x - start[1]) * axis[1] - neck) <= NECK_UM / grid.um
    if beside.sum() * grid.um**2 < 1.0:
        return 1.0
    return float((evidence[y[beside], x[beside]] > 0).mean())
