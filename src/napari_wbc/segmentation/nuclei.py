"""First pass: nuclei on the coarse grid, their lobes grouped, each owned by one tile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_wbc.execution.progress import check_cancelled
from napari_wbc.segmentation.grid import Grid
from napari_wbc.segmentation.lobes import LOBE_GAP_UM, Evidence, group_lobes
from napari_wbc.segmentation.morphology import Mask, opened
from napari_wbc.segmentation.parts import connected_parts, grown
from napari_wbc.segmentation.slide_model import (
    FINE_SMOOTHING_UM,
    SMOOTHING_UM,
    SlideModel,
    smoothed_along,
    smoothed_density,
)
from napari_wbc.segmentation.tiles import Tile
from napari_wbc.slides.slide import Slide

OPENING_UM = 0.35
SPECK_UM2 = 1.2
#: A smaller part is no nucleus; of one that the border of the image cuts, that much may be left.
NUCLEUS_UM2, CUT_NUCLEUS_UM2 = 12.0, 6.0
#: Paler than that share of a red cell is no cytoplasm between lobes.
_PALE = 0.15
#: A cluster of parts longer than this is no group of lobes; its parts are looked at one by one.
_LONGEST_CLUSTER_UM = 60.0
#: A part longer than this is worn down by larger openings; what stays that long is no nucleus.
_LONGEST_NUCLEUS_UM = 35.0
#: How far a tile may look around for the end of a cluster that leaves its halo.
_FARTHEST_UM = 80.0


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
    cut : bool
        Whether it lies at the border of the image.
    """

    y: float
    x: float
    mask: Mask
    y0: int
    x0: int
    area_um2: float
    cut: bool


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
    axis = [model.nuclear_axis]
    density = smoothed_along(axis, slide, model, grid, (top, left, bottom, right), SMOOTHING_UM)[0]
    mask: Mask = density > np.float32(model.threshold_nucleus)
    for _ in range(max(1, round(OPENING_UM / grid.um))):
        mask = _opened_by_cross(mask)
    mask = mask[y0 - top : y1 - top, x0 - left : x1 - left]
    parts = connected_parts(mask)
    boxes = parts.boxes
    # What the window cuts may be large outside it.
    large = (
        (parts.areas * grid.um**2 >= SPECK_UM2)
        | ((boxes[:, 0] == 0) & (y0 > 0))
        | ((boxes[:, 1] == 0) & (x0 > 0))
        | ((boxes[:, 2] == y1 - y0) & (y1 < grid.shape[0]))
        | ((boxes[:, 3] == x1 - x0) & (x1 < grid.shape[1]))
    )
    return parts.of(large).paint(mask.shape)


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
    evidence = model.surroundings.clear_evidence(density)
    # Cytoplasm is not that pale between two lobes: what is left there of their blur is no bridge.
    evidence[density.mean(axis=2) < np.float32(_PALE * model.red_cell_density)] = -1.0
    return evidence


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
    clusters = connected_parts(grown(mask, _reach(grid) - 1))
    boxes, nuclear = clusters.boxes, connected_parts(mask).joined_by(clusters)
    areas = nuclear.areas * grid.um**2
    for number in range(clusters.count):
        check_cancelled()
        top, left, bottom, right = (int(v) for v in boxes[number])
        box = (slice(top, bottom), slice(left, right))
        if not _meets(box, window, core):
            continue
        whole = _is_whole(box, window, grid)
        if not whole and seen_um < _FARTHEST_UM:
            return None
        if areas[number] < CUT_NUCLEUS_UM2:
            continue
        origin = (y0 + top, x0 + left)
        part = nuclear.of(np.arange(clusters.count) == number).paint(
            (bottom - top, right - left), (top, left)
        )
        if whole and _length(box) * grid.um <= _LONGEST_CLUSTER_UM:
            nuclei += _nuclei(part, origin, grid, evidence)
        else:
            nuclei += [n for piece in _pieces(part, origin, grid) for n in _nuclei(*piece, grid, evidence)]
    return [n for n in nuclei if tile.owns(grid.level0(n.y), grid.level0(n.x))]


def _reach(grid: Grid) -> int:
    """Half a gap between lobes in whole grid px, and one more."""
    return int(np.ceil(LOBE_GAP_UM / 2 / grid.um)) + 1


def _meets(
    box: tuple[slice, slice], window: tuple[int, int, int, int], core: tuple[int, int, int, int]
) -> bool:
    y0, x0 = window[:2]
    return bool(
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
    return max(int(side.stop - side.start) for side in box)


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


def _nuclei(part: Mask, origin: tuple[int, int], grid: Grid, evidence: Evidence) -> list[Nucleus]:
    """Give the nuclei of one cluster that are large enough."""
    nuclei = []
    for pixels in group_lobes(part, origin, grid, evidence):
        area = len(pixels) * grid.um**2
        corner = pixels.min(axis=0)
        y0, x0 = origin[0] + int(corner[0]), origin[1] + int(corner[1])
        y1, x1 = (origin[k] + int(pixels[:, k].max()) + 1 for k in (0, 1))
        cut = y0 == 0 or x0 == 0 or y1 == grid.shape[0] or x1 == grid.shape[1]
        if area < (CUT_NUCLEUS_UM2 if cut else NUCLEUS_UM2):
            continue
        mask = np.zeros(pixels.max(axis=0) - corner + 1, bool)
        mask[tuple((pixels - corner).T)] = True
        # Sums of whole numbers are exact: the centroid does not depend on where the window began.
        y, x = ((int(pixels[:, k].sum()) + origin[k] * len(pixels)) / len(pixels) for k in (0, 1))
        nuclei.append(Nucleus(y=y, x=x, mask=mask, y0=y0, x0=x0, area_um2=area, cut=cut))
    return nuclei
