"""Cells whose outline a person drew, or that are parts of known ones: measured as if they had been found."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.draw import polygon2mask
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from napari_wbc.errors import InputError
from napari_wbc.masks import CellMask
from napari_wbc.segmentation.cells import FINE_UM, SegmentedCell, measure_cell
from napari_wbc.segmentation.flags import cell_flags
from napari_wbc.segmentation.grid import Grid
from napari_wbc.segmentation.morphology import Mask, extent
from napari_wbc.segmentation.nucleus_outline import trace_nucleus
from napari_wbc.segmentation.slide_model import FINE_SMOOTHING_UM, SlideModel, smoothed_density
from napari_wbc.slides.slide import Slide

# Smaller outlines hold no nucleated cell, larger ones more than one; µm across.
_SMALLEST_UM, _LARGEST_UM = 2.0, 60.0
# Below this share of dark px an outline has no nucleus that could be told, and all of it is taken for one.
_LEAST_NUCLEUS = 0.02
_NOT_ONE_CELL = f"a cell is {_SMALLEST_UM:g} to {_LARGEST_UM:g} µm across; draw around one cell on the image"


def polygon_mask(corners: NDArray[np.floating], shape: tuple[int, int]) -> tuple[Mask, tuple[int, int]]:
    """Fill a polygon.

    Parameters
    ----------
    corners : numpy.ndarray, shape (n, 2)
        ``(y, x)`` in level-0 px (pixel centres are whole numbers).
    shape : tuple of int
        Of the slide, px; what lies outside is cut off.

    Returns
    -------
    mask : numpy.ndarray of bool, shape (height, width)
        The polygon in its box.
    corner : tuple of int
        ``(y, x)`` of ``mask[0, 0]`` on the slide.

    Raises
    ------
    InputError
        Nothing of it lies on the slide.

    Examples
    --------
    >>> import numpy as np
    >>> mask, corner = polygon_mask(np.array([[2, 3], [2, 8], [6, 8], [6, 3]]), (20, 20))
    >>> corner, bool(mask.all())
    ((2, 3), True)
    """
    corners = np.asarray(corners, float).reshape(-1, 2)
    if len(corners) >= 3:
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, shape)
        # A stroke across a whole slide is no cell, and need not be filled to see that.
        if (high > low).all() and (high - low).max() <= 1 << 13:
            mask = polygon2mask(tuple(high - low), corners - low)
            if mask.any():
                return _tight(mask, (int(low[0]), int(low[1])))
    raise InputError(_NOT_ONE_CELL)


def outlined_cell(
    slide: Slide, slide_model: SlideModel, um_per_px: float, mask: Mask, corner: tuple[int, int]
) -> SegmentedCell:
    """Measure a cell whose outline is known; its nucleus is found in it.

    Parameters
    ----------
    slide : Slide
        The slide.
    slide_model : SlideModel
        Its light and stain.
    um_per_px : float
        µm per level-0 px.
    mask : numpy.ndarray of bool, shape (height, width)
        The cell, level-0 px.
    corner : tuple of int
        ``(y, x)`` of ``mask[0, 0]`` on the slide.

    Returns
    -------
    SegmentedCell
        With exactly these pixels.

    Raises
    ------
    InputError
        The outline is too small or too large for one cell.
    """
    if not _SMALLEST_UM <= max(mask.shape) * um_per_px <= _LARGEST_UM or not mask.any():
        raise InputError(_NOT_ONE_CELL)
    fine = Grid.at(slide, um_per_px, FINE_UM, not_coarser=True)
    y0, x0 = (int(n // fine.px) for n in corner)
    y1, x1 = (int((n + size - 1) // fine.px) + 1 for n, size in zip(corner, mask.shape, strict=True))
    window = (max(0, y0), max(0, x0), min(fine.shape[0], y1), min(fine.shape[1], x1))
    density = smoothed_density(slide, slide_model, fine, window, FINE_SMOOTHING_UM)
    cell = _at_grid(mask, corner, fine, window)
    q = slide_model.nuclear_density(density)
    own = cell & (q > np.float32(slide_model.threshold_nucleus))
    if own.sum() > _LEAST_NUCLEUS * cell.sum():
        nucleus = trace_nucleus(density, q, own, cell, slide_model.threshold_nucleus, fine.um) & cell
    else:
        nucleus = cell
    found = measure_cell(slide, cell, nucleus, window[:2], fine, cell_flags(q, nucleus, cell, fine.um))
    return _with_mask(found, mask, corner, um_per_px)


def split_mask(
    mask: CellMask, line: NDArray[np.floating] | None = None
) -> list[tuple[Mask, tuple[int, int]]]:
    """Cut a cell in two.

    Parameters
    ----------
    mask : CellMask
        The cell.
    line : numpy.ndarray, shape (n, 2), optional
        A line ``(y, x)`` right across it, level-0 px; without it the cut runs where the nucleus is narrowest.

    Returns
    -------
    list of (mask, corner)
        The parts, level-0 px; two of them.

    Raises
    ------
    InputError
        The line does not run right across, or there is no narrow place.
    """
    cell = mask.cell
    parts = _cut_along(cell, line - (mask.y0, mask.x0)) if line is not None else _cut_at_neck(mask)
    sizes = np.bincount(parts[cell], minlength=2)[1:]
    if np.count_nonzero(sizes) < 2:
        raise InputError(
            "the line does not run right across the cell"
            if line is not None
            else "no narrow place was found in the cell; draw a line across it"
        )
    largest = np.argsort(sizes)[::-1][:2] + 1
    # What is left over goes with the part that it lies nearest to.
    seeds = np.where(np.isin(parts, largest), parts, 0)
    whole = watershed(np.zeros(cell.shape), seeds, mask=cell)
    return [_tight(whole == k, (mask.y0, mask.x0)) for k in sorted(largest)]


def merged_mask(masks: list[CellMask]) -> tuple[Mask, tuple[int, int]]:
    """Lay the pixels of several cells together."""
    y0, x0 = min(m.y0 for m in masks), min(m.x0 for m in masks)
    y1, x1 = max(m.bbox[2] for m in masks), max(m.bbox[3] for m in masks)
    whole = np.zeros((y1 - y0, x1 - x0), bool)
    for m in masks:
        whole[m.y0 - y0 : m.y0 - y0 + m.height, m.x0 - x0 : m.x0 - x0 + m.width] |= m.cell
    return whole, (y0, x0)


def _cut_along(cell: Mask, line: NDArray[np.floating]) -> NDArray[np.int32]:
    """Give numbers to the parts of a cell on either side of a line, whose ends go on to the border of the box."""
    from scipy.ndimage import label
    from skimage.draw import line as pixels_of

    points = np.asarray(line, float)
    wall = np.zeros(cell.shape, bool)
    if len(points) >= 2:
        reach = float(sum(cell.shape))
        points = np.concatenate(
            [
                [points[0] + _ahead(points[0] - points[1], reach)],
                points,
                [points[-1] + _ahead(points[-1] - points[-2], reach)],
            ]
        )
    for (y0, x0), (y1, x1) in itertools.pairwise(points):
        ys, xs = pixels_of(round(y0), round(x0), round(y1), round(x1))
        inside = (ys >= 0) & (ys < cell.shape[0]) & (xs >= 0) & (xs < cell.shape[1])
        wall[ys[inside], xs[inside]] = True
    # Neighbours over a corner are not joined, so a wall of single pixels is tight.
    parts: NDArray[np.int32] = label(cell & ~wall)[0].astype(np.int32)
    return parts


def _ahead(direction: NDArray[np.floating], reach: float) -> NDArray[np.floating]:
    length = float(np.hypot(*direction))
    return direction * (reach / length) if length else direction


def _cut_at_neck(mask: CellMask) -> NDArray[np.int32]:
    """Give numbers to the two parts of a cell around the two thickest places of its nucleus."""
    nucleus = mask.nucleus
    depth = distance_transform_edt(np.pad(nucleus, 1))[1:-1, 1:-1]
    apart = max(3, round(0.5 * float(np.sqrt(nucleus.sum() / np.pi))))
    peaks = peak_local_max(depth, min_distance=apart, labels=nucleus.astype(int), num_peaks=2)
    seeds = np.zeros(nucleus.shape, np.int32)
    for number, (y, x) in enumerate(peaks, 1):
        seeds[y, x] = number
    parts = watershed(-depth, seeds, mask=nucleus)
    result: NDArray[np.int32] = watershed(np.zeros(nucleus.shape), parts, mask=mask.cell).astype(np.int32)
    return result


def _at_grid(mask: Mask, corner: tuple[int, int], grid: Grid, window: tuple[int, int, int, int]) -> Mask:
    """Sample a level-0 mask at the middles of the px of a grid."""
    rows, columns = (
        np.clip(np.round(grid.level0_range(start, stop - start)).astype(int) - first, -1, size)
        for start, stop, first, size in zip(window[:2], window[2:], corner, mask.shape, strict=True)
    )
    padded = np.pad(mask, 1)
    sampled: Mask = padded[np.ix_(rows + 1, columns + 1)]
    # An outline finer than the grid is still a cell.
    return sampled if sampled.any() else np.ones_like(sampled)


def _with_mask(found: SegmentedCell, mask: Mask, corner: tuple[int, int], um_per_px: float) -> SegmentedCell:
    """Give a measured cell the very pixels that were drawn."""
    own = found.mask
    nucleus = np.zeros(mask.shape, bool)
    y, x = own.y0 - corner[0], own.x0 - corner[1]
    top, left = max(0, y), max(0, x)
    bottom, right = min(mask.shape[0], y + own.height), min(mask.shape[1], x + own.width)
    if top < bottom and left < right:
        nucleus[top:bottom, left:right] = own.nucleus[top - y : bottom - y, left - x : right - x]
    nucleus &= mask
    if not nucleus.any():
        nucleus = mask
    ys, xs = np.nonzero(nucleus)
    return SegmentedCell(
        y_px=corner[0] + float(ys.mean()),
        x_px=corner[1] + float(xs.mean()),
        mask=CellMask(*corner, mask, nucleus),
        nucleus_area_um2=float(nucleus.sum()) * um_per_px**2,
        cell_area_um2=float(mask.sum()) * um_per_px**2,
        touches_border=found.touches_border,
        flags=found.flags,
    )


def _tight(mask: Mask, corner: tuple[int, int]) -> tuple[Mask, tuple[int, int]]:
    top, left, bottom, right = extent(mask)
    return mask[top:bottom, left:right].copy(), (corner[0] + top, corner[1] + left)
