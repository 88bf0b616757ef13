"""Measures of the regions of a smear, from the pixels of the first pass."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_wbc.segmentation.background import OPTICAL_DENSITY
from napari_wbc.segmentation.grid import Grid
from napari_wbc.segmentation.kernels import box_reduce
from napari_wbc.segmentation.morphology import Mask
from napari_wbc.segmentation.parts import grown
from napari_wbc.segmentation.quality import MEASURES, Lattice, RegionQuality
from napari_wbc.segmentation.slide_model import SlideModel
from napari_wbc.segmentation.stain import along
from napari_wbc.segmentation.tiles import Tile
from napari_wbc.slides.slide import RGB

#: Side of the square in the middle of a block that is looked at.
SEEN_UM = 60.0
#: Cells are outlined at about this resolution; their edges are looked at on the grid of the first pass.
_OUTLINE_UM = 1.0
#: Foreground is at least this dense in green, and at least this share of a red cell.
_LEAST_GREEN, _OF_RED_CELL = 0.03, 0.35
#: Area of a red cell, 7.5 µm across, within that outline, which runs along the foot of its edge.
RED_CELL_UM2 = 47.0
#: Areas in red cells: what is smaller than the first is a platelet or a speck, from the second on there are several.
_SPECK, _SEVERAL = 0.4, 1.6
#: So many red cells (by their area) are needed to tell their pallor and their sharpness.
_LEAST_RED_CELLS = 3.0
#: The middle of a red cell with pallor has at most this share of the density around it, at this distance.
_PALE, _PALE_RING_UM = 0.85, 2.2
#: Leukocytes reach this far around their nuclei.
_CYTOPLASM_UM = 3.0
#: The background is smooth: it is computed once per so many px in each direction.
_FIELD_PX = 8

#: Gives the window ``(y0, x0, y1, x1)`` of the grid of the first pass.
Read = Callable[[int, int, int, int], RGB]
#: The four neighbours of a pixel in a stack of images.
_CROSS: Mask = np.array([[[0, 0, 0]] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0, 0, 0]] * 3], bool)


def measure_regions(
    tile: Tile, lattice: Lattice, model: SlideModel, grid: Grid, read: Read
) -> list[RegionQuality]:
    """Measure the blocks that a tile owns.

    Parameters
    ----------
    tile : Tile
        The tile.
    lattice : Lattice
        Of the slide.
    model : SlideModel
        Of the whole slide.
    grid : Grid
        Of the first pass.
    read : callable
        Gives the pixels of a window of the grid.

    Returns
    -------
    list of RegionQuality
        Row by row. A block is judged by the square of 60 µm in its middle: the same one for every tiling.
    """
    blocks = lattice.owned(tile)
    if not blocks:
        return []
    squares = [_square(block, grid) for block in blocks]
    pixels = np.stack([read(*square) for square in squares])
    step = max(1, min(round(_OUTLINE_UM / grid.um), *pixels.shape[1:3]))
    outlines = _reduced(pixels, step)
    field = _fields(squares, step, model, grid)
    values = _measure(pixels, outlines, field, model, grid.um, step)
    return [RegionQuality(*block, *map(float, row)) for block, row in zip(blocks, values, strict=True)]


def _square(block: tuple[int, int, int, int], grid: Grid) -> tuple[int, int, int, int]:
    """Window of the grid in the middle of a block, inside the slide; all of a slide are of one size."""
    ends = []
    for start, stop, length in ((block[0], block[2], grid.shape[0]), (block[1], block[3], grid.shape[1])):
        side = min(2 * round(SEEN_UM / 2 / grid.um), length)
        first = min(max(0, grid.index((start + stop) // 2) - side // 2), length - side)
        ends.append((first, first + side))
    (y0, y1), (x0, x1) = ends
    return y0, x0, y1, x1


def _reduced(pixels: RGB, step: int) -> RGB:
    """Mean of squares of pixels in a stack of images; what is left over at the right and below is cut off."""
    count, height, width, _ = pixels.shape
    if step == 1:
        return pixels
    height, width = height // step, width // step
    whole = pixels[:, : height * step, : width * step].reshape(count * height * step, width * step, 3)
    return box_reduce(whole, step).reshape(count, height, width, 3)


def _fields(
    squares: list[tuple[int, int, int, int]], step: int, model: SlideModel, grid: Grid
) -> NDArray[np.float32]:
    """Background of each square, once per ``_FIELD_PX`` px of its outlines in each direction."""
    apart = _FIELD_PX * step
    corners = np.array(squares)
    height, width = corners[0, 2:] - corners[0, :2]
    # The squares of a tile stand in rows and columns: each place along a side is worked out once.
    rows, row = np.unique(corners[:, 0], return_inverse=True)
    columns, column = np.unique(corners[:, 1], return_inverse=True)
    y, x = (
        (starts[:, None] + np.arange(0, length, apart) + apart / 2) * grid.px - 0.5
        for starts, length in ((rows, height), (columns, width))
    )
    field = model.background.field(y.ravel(), x.ravel()).reshape(*y.shape, *x.shape, 3)
    chosen: NDArray[np.float32] = field.transpose(0, 2, 1, 3, 4)[row, column]
    return chosen


def _measure(
    pixels: RGB,
    outlines: RGB,
    field: NDArray[np.float32],
    model: SlideModel,
    um: float,
    step: int,
) -> NDArray[np.float64]:
    """Measure squares: one row each, in the order of ``MEASURES``."""
    count, height, width, _ = outlines.shape
    coarse_um = um * step
    light = field.repeat(_FIELD_PX, axis=1).repeat(_FIELD_PX, axis=2)[:, :height, :width]
    density = OPTICAL_DENSITY.take(outlines)
    density -= light
    leukocytes = _leukocytes(density, model, coarse_um)
    green = np.ascontiguousarray(density[..., 1])
    cut = max(_LEAST_GREEN, _OF_RED_CELL * model.red_cell_density * model.red_cell_axis[1])
    foreground = green > np.float32(cut)
    red = foreground & ~leukocytes
    values = np.full((count, len(MEASURES)), np.nan)
    values[:, 0] = foreground.reshape(count, -1).mean(axis=1)
    values[:, 1], values[:, 2] = _crowding(red, leukocytes, coarse_um)
    reach = max(1, round(_PALE_RING_UM / coarse_um))
    if min(height, width) <= 2 * reach:
        return values
    inner = np.s_[:, reach:-reach, reach:-reach]
    cells = red[inner].reshape(count, -1).sum(axis=1) * (coarse_um**2 / RED_CELL_UM2)
    enough = cells >= _LEAST_RED_CELLS
    lowest, highest = _extremes_around(green, reach, max(1, round(0.7071 * _PALE_RING_UM / coarse_um)))
    pale = (lowest > np.float32(1.2 * cut)) & (green[inner] < np.float32(_PALE) * lowest) & ~leukocytes[inner]
    with np.errstate(divide="ignore", invalid="ignore"):
        values[:, 3] = np.where(enough, np.minimum(1.0, _count_parts(pale) / cells), np.nan)
    edge = _edges(red, foreground)[inner]
    values[:, 4] = np.where(enough, _sharpness(pixels, edge, highest - lowest, reach, um, step), np.nan)
    return values


def _leukocytes(density: NDArray[np.float32], model: SlideModel, um: float) -> Mask:
    """Nuclei, and what lies around them as near as cytoplasm does."""
    nuclear = along(density, model.nuclear_axis) > np.float32(model.threshold_nucleus)
    # A pixel alone is noise.
    solid = nuclear.copy()
    solid[:, 1:] &= nuclear[:, :-1]
    solid[:, :, 1:] &= nuclear[:, :, :-1]
    return grown(solid, max(1, round(_CYTOPLASM_UM / um)))


def _crowding(red: Mask, leukocytes: Mask, um: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median area of the parts of each square, in red cells, and the share of the area in clusters."""
    labels, parts = ndimage.label(red, _CROSS)
    area = np.bincount(labels.ravel(), minlength=parts + 1)[1:].astype(np.float64)
    area *= um**2 / RED_CELL_UM2
    # What the square cuts, or a leukocyte hides, is of unknown size, unless it is large already.
    known = np.ones(parts + 1, bool)
    for side in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        known[side.ravel()] = False
    known[labels[grown(leukocytes, 1)]] = False
    cells = area >= _SPECK
    square = np.repeat(np.arange(len(red)), _parts_per_square(labels))
    whole = cells & (known[1:] | (area >= 1.0))
    crowding = _medians(area[whole], square[whole], len(red))
    clusters, total = (
        np.bincount(square[chosen], area[chosen], minlength=len(red))
        for chosen in (cells & (area >= _SEVERAL), cells)
    )
    with np.errstate(invalid="ignore"):
        return crowding, clusters / total


def _parts_per_square(labels: NDArray[np.int32]) -> NDArray[np.intp]:
    """How many parts each image of the stack has: they are numbered image by image."""
    last = np.maximum.accumulate(labels.reshape(len(labels), -1).max(axis=1))
    counts: NDArray[np.intp] = np.diff(last, prepend=0).astype(np.intp)
    return counts


def _medians(values: NDArray[np.float64], groups: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Median of each group, NaN for the empty ones."""
    order = np.lexsort((values, groups))
    sizes = np.bincount(groups, minlength=count)
    first = np.cumsum(sizes) - sizes
    medians = np.full(count, np.nan)
    full = sizes > 0
    low, high = ((first + half)[full] for half in ((sizes - 1) // 2, sizes // 2))
    medians[full] = (values[order[low]] + values[order[high]]) / 2
    return medians


def _extremes_around(
    green: NDArray[np.float32], reach: int, slant: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest density at eight places around every pixel (without a frame of ``reach`` px).

    ``slant`` is how far the places on the diagonals lie off along either side, at most ``reach``.
    """
    height, width = green.shape[1] - 2 * reach, green.shape[2] - 2 * reach
    places = [(0, reach), (0, -reach), (reach, 0), (-reach, 0), *product((slant, -slant), repeat=2)]
    shifted = [
        green[:, reach + dy : reach + dy + height, reach + dx : reach + dx + width] for dy, dx in places
    ]
    lowest, highest = shifted[0].copy(), shifted[0].copy()
    for values in shifted[1:]:
        np.minimum(lowest, values, out=lowest)
        np.maximum(highest, values, out=highest)
    return lowest, highest


def _count_parts(mask: Mask) -> NDArray[np.float64]:
    """Count the connected parts of each image of a stack."""
    labels, _ = ndimage.label(mask, _CROSS)
    return _parts_per_square(labels).astype(np.float64)


def _edges(red: Mask, foreground: Mask) -> Mask:
    """Red-cell pixels beside the empty slide; a ninth of them, in fixed places, is enough."""
    edge = np.zeros_like(red)
    inside = foreground[:, :-2, 1:-1] & foreground[:, 2:, 1:-1]
    inside &= foreground[:, 1:-1, :-2]
    inside &= foreground[:, 1:-1, 2:]
    edge[:, 1:-1:3, 1:-1:3] = (red[:, 1:-1, 1:-1] & ~inside)[:, ::3, ::3]
    return edge


def _sharpness(
    pixels: RGB, edge: Mask, contrast: NDArray[np.float32], reach: int, um: float, step: int
) -> NDArray[np.float64]:
    """Median over the edges of a square of the steepest slope there, as a share of the contrast per µm."""
    square, y, x = np.nonzero(edge)
    rows, columns = (y + reach) * step, (x + reach) * step
    height, width = pixels.shape[1:3]
    # The slopes lie up to a pixel beside the pixel of the outlines, and need one more on either side.
    low, high = -2, step + 1
    seen = (rows + low >= 0) & (rows + high < height) & (columns + low >= 0) & (columns + high < width)
    square, rows, columns = square[seen], rows[seen], columns[seen]
    corner = ((square * height + rows + low) * width + columns + low) * 3 + 1
    values, side = pixels.reshape(-1), high - low + 1
    density = [
        [OPTICAL_DENSITY.take(values.take(corner + 3 * (dy * width + dx))) for dx in range(side)]
        for dy in range(side)
    ]
    steepest = np.zeros(len(square), np.float32)
    for dy, dx in product(range(1, side - 1), repeat=2):
        down = density[dy + 1][dx] - density[dy - 1][dx]
        right = density[dy][dx + 1] - density[dy][dx - 1]
        np.maximum(steepest, down * down + right * right, out=steepest)
    slope = np.sqrt(steepest.astype(np.float64)) / (2 * um)
    return _medians(slope / np.maximum(contrast[edge][seen], 0.02), square, len(pixels))
