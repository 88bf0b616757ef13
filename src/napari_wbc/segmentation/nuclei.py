"""First pass: nuclei on the coarse grid, their lobes grouped, each owned by one tile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from napari_wbc.segmentation.grid import Grid
from napari_wbc.segmentation.morphology import Mask, hull_area, hull_mask, opened
from napari_wbc.segmentation.slide_model import FINE_SMOOTHING_UM, SMOOTHING_UM, SlideModel, smoothed_density
from napari_wbc.segmentation.tiles import Tile
from napari_wbc.slides.slide import Slide

OPENING_UM = 0.35
SPECK_UM2 = 1.2
LOBE_GAP_UM = 3.2
LOBE_UM2 = 28.0
GROUP_HULL_UM2 = 190.0
#: Hull of two large lobes, and the share of cytoplasm between them at least.
LARGE_LOBES_HULL_UM2 = 155.0
HULL_FILLED = 0.7
#: Least area of a nucleus that is cut from another, and by how much the neck is narrower than the widest place.
LEAST_TOUCHING_UM2 = 30.0
NECK = 0.25
NUCLEUS_UM2 = 12.0
#: A cluster of parts longer than this is no group of lobes; its parts are looked at one by one.
_LONGEST_CLUSTER_UM = 60.0
#: A part longer than this is worn down by larger openings; what stays that long is no nucleus.
_LONGEST_NUCLEUS_UM = 35.0
#: How far a tile may look around for the end of a cluster that leaves its halo.
_FARTHEST_UM = 80.0

#: Evidence for a leukocyte in a window ``y0, x0, y1, x1`` of the grid.
Evidence = Callable[[int, int, int, int], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Nucleus:
    """A nucleus of the first pass, one or several lobes.

    Attributes
    ----------
    y, x : float
        Centroid, grid px.
    mask : numpy.ndarray of bool
        Its pixels in its box.
    y0, x0 : int
        Corner of the box, grid px.
    area_um2 : float
        Area.
    lobes : int
        Separate parts.
    """

    y: float
    x: float
    mask: Mask
    y0: int
    x0: int
    area_um2: float
    lobes: int


@dataclass(frozen=True, slots=True, eq=False)
class NucleusMap:
    """Everything nuclear around a tile.

    Attributes
    ----------
    mask : numpy.ndarray of bool
        Nuclear pixels without specks.
    y0, x0 : int
        Where ``mask[0, 0]`` lies, grid px.
    nuclei : list of Nucleus
        Those that the tile owns.
    """

    mask: Mask
    y0: int
    x0: int
    nuclei: list[Nucleus]


def find_nuclei(slide: Slide, tile: Tile, model: SlideModel, grid: Grid) -> NucleusMap:
    """Find the nuclei whose centroid lies in the core of a tile.

    Notes
    -----
    What is found depends on whole clusters of parts only. Where a cluster leaves the window before it is known
    whether the tile owns it, a larger window is read; clusters too long for that are known to be too long.
    """
    halo_um = tile.halo * model.um_per_px
    while True:
        window = _window(tile, grid, halo_um)
        mask = _nuclear_mask(slide, model, grid, window)
        core = _core(tile, grid)
        found = _owned_nuclei(mask, window, core, tile, grid, partial(_evidence, slide, model, grid))
        if found is not None:
            return NucleusMap(mask, window[0], window[1], found)
        halo_um *= 2


def _core(tile: Tile, grid: Grid) -> tuple[int, int, int, int]:
    y1, x1 = grid.index(tile.y + tile.height - 1) + 1, grid.index(tile.x + tile.width - 1) + 1
    return grid.index(tile.y), grid.index(tile.x), min(y1, grid.shape[0]), min(x1, grid.shape[1])


def _window(tile: Tile, grid: Grid, halo_um: float) -> tuple[int, int, int, int]:
    y0, x0, y1, x1 = _core(tile, grid)
    halo = round(halo_um / grid.um)
    return max(0, y0 - halo), max(0, x0 - halo), min(grid.shape[0], y1 + halo), min(grid.shape[1], x1 + halo)


def _nuclear_mask(slide: Slide, model: SlideModel, grid: Grid, window: tuple[int, int, int, int]) -> Mask:
    y0, x0, y1, x1 = window
    frame = 4
    top, left = max(0, y0 - frame), max(0, x0 - frame)
    bottom, right = min(grid.shape[0], y1 + frame), min(grid.shape[1], x1 + frame)
    density = smoothed_density(slide, model, grid, (top, left, bottom, right), SMOOTHING_UM)
    mask: Mask = model.nuclear_density(density) > np.float32(model.threshold_nucleus)
    for _ in range(max(1, round(OPENING_UM / grid.um))):
        mask = _opened_by_cross(mask)
    mask = mask[y0 - top : y1 - top, x0 - left : x1 - left]
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    if count:
        large = np.bincount(labels.ravel()) * grid.um**2 >= SPECK_UM2
        # What the window cuts may be large outside it.
        for edge, cut in (
            (labels[0], y0 > 0),
            (labels[-1], y1 < grid.shape[0]),
            (labels[:, 0], x0 > 0),
            (labels[:, -1], x1 < grid.shape[1]),
        ):
            if cut:
                large[edge] = True
        large[0] = False
        mask = large[labels]
    return mask


def _opened_by_cross(mask: Mask) -> Mask:
    """Open by a pixel and its four neighbours; at the border nuclei go on (a cut nucleus is not worn down there)."""
    core = mask.copy()
    core[1:] &= mask[:-1]
    core[:-1] &= mask[1:]
    core[:, 1:] &= mask[:, :-1]
    core[:, :-1] &= mask[:, 1:]
    grown = core.copy()
    grown[1:] |= core[:-1]
    grown[:-1] |= core[1:]
    grown[:, 1:] |= core[:, :-1]
    grown[:, :-1] |= core[:, 1:]
    return grown


def _evidence(
    slide: Slide, model: SlideModel, grid: Grid, y0: int, x0: int, y1: int, x1: int
) -> NDArray[np.float32]:
    density = smoothed_density(slide, model, grid, (y0, x0, y1, x1), FINE_SMOOTHING_UM)
    return model.surroundings.leukocyte_evidence(density)


def _owned_nuclei(
    mask: Mask,
    window: tuple[int, int, int, int],
    core: tuple[int, int, int, int],
    tile: Tile,
    grid: Grid,
    evidence: Evidence,
) -> list[Nucleus] | None:
    """Give the nuclei of the core, or None where the window is too small to tell."""
    if not mask.any():
        return []
    y0, x0, y1, x1 = window
    seen_um = min(
        [
            grid.um * distance
            for distance, cut in (
                (core[0] - y0, y0 > 0),
                (core[1] - x0, x0 > 0),
                (y1 - core[2], y1 < grid.shape[0]),
                (x1 - core[3], x1 < grid.shape[1]),
            )
            if cut
        ],
        default=np.inf,
    )
    nuclei: list[Nucleus] = []
    # Parts whose grown squares touch make a cluster: at least all that are within the gap of lobes.
    grown = ndimage.maximum_filter(mask.astype(np.uint8), 2 * _reach(grid) - 1, mode="constant")
    clusters, _ = ndimage.label(grown, np.ones((3, 3)))
    for number, box in enumerate(ndimage.find_objects(clusters), start=1):
        if not _meets(box, window, core):
            continue
        whole = _is_whole(box, window, grid)
        if not whole and seen_um < _FARTHEST_UM:
            return None
        part = mask[box] & (clusters[box] == number)
        origin = (y0 + box[0].start, x0 + box[1].start)
        if whole and _length(box) * grid.um <= _LONGEST_CLUSTER_UM:
            nuclei += _groups(part, origin, grid, evidence)
        else:
            nuclei += [n for piece in _pieces(part, origin, grid) for n in _groups(*piece, grid, evidence)]
    return [n for n in nuclei if tile.owns(grid.level0(n.y), grid.level0(n.x))]


def _reach(grid: Grid) -> int:
    """Half a gap between lobes in whole grid px, and one more."""
    return int(np.ceil(LOBE_GAP_UM / 2 / grid.um)) + 1


def _meets(
    box: tuple[slice, slice], window: tuple[int, int, int, int], core: tuple[int, int, int, int]
) -> bool:
    y0, x0 = window[:2]
    return (
        box[0].start + y0 < core[2]
        and box[0].stop + y0 > core[0]
        and box[1].start + x0 < core[3]
        and box[1].stop + x0 > core[1]
    )


def _is_whole(box: tuple[slice, slice], window: tuple[int, int, int, int], grid: Grid) -> bool:
    """Whether nothing outside the window can belong to the cluster with this box."""
    y0, x0, y1, x1 = window
    reach = _reach(grid)
    return not (
        (box[0].start < reach and y0 > 0)
        or (box[1].start < reach and x0 > 0)
        or (box[0].stop > y1 - y0 - reach and y1 < grid.shape[0])
        or (box[1].stop > x1 - x0 - reach and x1 < grid.shape[1])
    )


def _length(box: tuple[slice, slice]) -> int:
    return max(side.stop - side.start for side in box)


def _pieces(part: Mask, origin: tuple[int, int], grid: Grid) -> list[tuple[Mask, tuple[int, int]]]:
    """Give the parts of a long cluster, worn down until none is longer than a nucleus can be."""
    pieces = []
    pending = [(part, origin, 0.0)]
    while pending:
        mask, (y, x), radius_um = pending.pop()
        labels, _ = ndimage.label(mask, np.ones((3, 3)))
        for number, box in enumerate(ndimage.find_objects(labels), start=1):
            piece = labels[box] == number
            corner = (y + box[0].start, x + box[1].start)
            if _length(box) * grid.um <= _LONGEST_NUCLEUS_UM:
                pieces.append((piece, corner))
            elif radius_um < 3.0:
                finer = opened(np.pad(piece, 1), (radius_um + 1.0) / grid.um)[1:-1, 1:-1]
                pending.append((finer, corner, radius_um + 1.0))
    return pieces


def _groups(part: Mask, origin: tuple[int, int], grid: Grid, evidence: Evidence) -> list[Nucleus]:
    """Group the lobes of one cluster and keep the groups that are large enough for a nucleus."""
    labels, count = ndimage.label(part, np.ones((3, 3)))
    labels, count = _part_touching_nuclei(labels, count, origin, grid, evidence)
    pixels = [np.nonzero(labels == k) for k in range(1, count + 1)]
    groups: list[list[int]] = [[k] for k in range(count)]
    if count > 1:
        groups = _join_lobes(pixels, origin, part.shape, grid, evidence)
    nuclei = []
    for members in groups:
        y = np.concatenate([pixels[k][0] for k in members])
        x = np.concatenate([pixels[k][1] for k in members])
        area = len(y) * grid.um**2
        if area < NUCLEUS_UM2:
            continue
        top, left = int(y.min()), int(x.min())
        mask = np.zeros((int(y.max()) - top + 1, int(x.max()) - left + 1), bool)
        mask[y - top, x - left] = True
        # Sums of whole numbers are exact: the centroid does not depend on where the window began.
        nuclei.append(
            Nucleus(
                y=(int(y.sum()) + origin[0] * len(y)) / len(y),
                x=(int(x.sum()) + origin[1] * len(x)) / len(x),
                mask=mask,
                y0=origin[0] + top,
                x0=origin[1] + left,
                area_um2=area,
                lobes=len(members),
            )
        )
    return nuclei


def _part_touching_nuclei(
    labels: NDArray[np.int32], count: int, origin: tuple[int, int], grid: Grid, evidence: Evidence
) -> tuple[NDArray[np.int32], int]:
    """Cut parts that are two or more nuclei of touching cells: wide on both sides of a neck, notched at it."""
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        part = np.pad(labels[box] == number, 1)
        if part.sum() * grid.um**2 < 2 * LEAST_TOUCHING_UM2:
            continue
        depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(part), 1.0)
        peaks = h_maxima(depth, NECK * float(depth.max()))
        markers, cores = ndimage.label(peaks, np.ones((3, 3)))
        if cores < 2:
            continue
        pieces = watershed(-depth, markers, mask=part)
        if (np.bincount(pieces.ravel())[1:] * grid.um**2 < LEAST_TOUCHING_UM2).any():
            continue
        y0, x0 = origin[0] + box[0].start, origin[1] + box[1].start
        around = np.pad(evidence(y0, x0, y0 + part.shape[0] - 2, x0 + part.shape[1] - 2), 1)
        if not _notched(*np.nonzero(part), around):
            continue
        for piece in range(2, cores + 1):
            count += 1
            labels[box][pieces[1:-1, 1:-1] == piece] = count
    return labels, count


def _join_lobes(
    pixels: list[tuple[NDArray[np.int64], ...]],
    origin: tuple[int, int],
    shape: tuple[int, ...],
    grid: Grid,
    evidence: Evidence,
) -> list[list[int]]:
    """Join parts, the closest pair first, while their hull stays that of one nucleus.

    A small part is a lobe. Two large parts are the lobes of one nucleus (as in eosinophils) only where cytoplasm
    fills their hull; between the nuclei of two touching cells there are notches.
    """
    count = len(pixels)
    trees = [cKDTree(np.stack(p, axis=1)) for p in pixels]
    gaps = []
    for a in range(count):
        for b in range(a + 1, count):
            distance = float(
                trees[a].query(trees[b].data, distance_upper_bound=LOBE_GAP_UM / grid.um + 1)[0].min()
            )
            if (distance - 1) * grid.um <= LOBE_GAP_UM:
                gaps.append((distance, a, b))
    group_of = list(range(count))
    around: NDArray[np.float32] | None = None
    for _, a, b in sorted(gaps):
        first, second = group_of[a], group_of[b]
        if first == second:
            continue
        members = [k for k in range(count) if group_of[k] in (first, second)]
        areas = [
            sum(len(pixels[k][0]) for k in members if group_of[k] == g) * grid.um**2 for g in (first, second)
        ]
        y, x = (np.concatenate([pixels[k][axis] for k in members]) for axis in (0, 1))
        hull_um2 = hull_area(y, x) * grid.um**2
        if hull_um2 > (GROUP_HULL_UM2 if min(areas) < LOBE_UM2 else LARGE_LOBES_HULL_UM2):
            continue
        if min(areas) >= LOBE_UM2:
            if around is None:
                around = evidence(origin[0], origin[1], origin[0] + shape[0], origin[1] + shape[1])
            if _notched(y, x, around):
                continue
        for k in members:
            group_of[k] = first
    return [[k for k in range(count) if group_of[k] == g] for g in sorted(set(group_of))]


def _notched(y: NDArray[np.int64], x: NDArray[np.int64], evidence: NDArray[np.float32]) -> bool:
    """Whether much of what lies between parts, inside their common hull, is no leukocyte."""
    parts = np.zeros(evidence.shape, bool)
    parts[y, x] = True
    between = evidence[hull_mask(parts) & ~parts]
    return bool(between.size) and float((between > 0).mean()) < HULL_FILLED
