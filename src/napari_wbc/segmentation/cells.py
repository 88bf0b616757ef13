"""Second pass: the whole cell around each nucleus, on a fine grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_wbc.masks import CellMask
from napari_wbc.segmentation.flags import cell_flags
from napari_wbc.segmentation.grid import Grid, enlarge_mask
from napari_wbc.segmentation.morphology import Mask, extent
from napari_wbc.segmentation.nuclei import NUCLEUS_UM2, Nucleus, NucleusMap
from napari_wbc.segmentation.nucleus_outline import trace_nucleus
from napari_wbc.segmentation.outline import trace_outline
from napari_wbc.segmentation.slide_model import FINE_SMOOTHING_UM, SlideModel, smoothed_density
from napari_wbc.segmentation.stain import along
from napari_wbc.segmentation.territory import divide
from napari_wbc.slides.slide import Slide

FINE_UM = 0.15
HALF_WINDOW_UM = 15.0
#: Smaller nuclei than this need a ring of cytoplasm: platelet clumps have none.
_NEEDS_RING_UM2 = 25.0
_RING_SHARE = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class SegmentedCell:
    """A cell found on a slide.

    Attributes
    ----------
    y_px, x_px : float
        Centroid of the nucleus, level-0 px (pixel centres are whole numbers).
    mask : CellMask
        Cell and nucleus.
    nucleus_area_um2, cell_area_um2 : float
        Areas, µm².
    touches_border : bool
        Whether the border of the image cuts the cell.
    flags : tuple of str
        See :func:`napari_wbc.segmentation.flags.cell_flags`.
    """

    y_px: float
    x_px: float
    mask: CellMask
    nucleus_area_um2: float
    cell_area_um2: float
    touches_border: bool
    flags: tuple[str, ...]


def outline_cell(
    slide: Slide, nucleus: Nucleus, around: NucleusMap, model: SlideModel, coarse: Grid, fine: Grid
) -> SegmentedCell | None:
    """Find the outlines of one cell.

    Parameters
    ----------
    slide : Slide
        The slide.
    nucleus : Nucleus
        Of the first pass.
    around : NucleusMap
        The nuclei around it, which keep their own cytoplasm.
    model : SlideModel
        Of the slide.
    coarse, fine : Grid
        Of the first and of this pass.

    Returns
    -------
    SegmentedCell or None
        None where it turns out to be no nucleated cell.
    """
    window = _window(nucleus, coarse, fine)
    density = smoothed_density(slide, model, fine, window, FINE_SMOOTHING_UM)
    territory = divide(nucleus, around, coarse, fine, window)
    if not territory.own.any():
        return None  # a ring wider than the window is no nucleus
    cell = trace_outline(density, territory.own, territory.foreign, model.surroundings, fine.um)
    cell = territory.keep(cell)
    if not (cell & territory.own).any():
        return None
    # From here on only the box of the cell matters.
    y0, x0, y1, x1 = extent(cell)
    y0, x0 = max(0, y0 - 1), max(0, x0 - 1)
    box = np.s_[y0 : y1 + 1, x0 : x1 + 1]
    cell, density = cell[box], density[box]
    q = model.nuclear_density(density)
    inside = trace_nucleus(density, q, territory.own[box], cell, model.threshold_nucleus, fine.um)
    purple = along(density, model.cytoplasm_axis) > np.float32(model.threshold_cytoplasm)
    ring = float((purple & cell & ~inside).sum()) / float(inside.sum())
    # At the border of the image the ring may lie outside.
    needs_ring_um2 = NUCLEUS_UM2 if nucleus.cut else _NEEDS_RING_UM2
    if nucleus.area_um2 < needs_ring_um2 and ring < _RING_SHARE:
        return None
    flags = cell_flags(q, inside, cell, fine.um)
    return measure_cell(slide, cell, inside, (window[0] + y0, window[1] + x0), fine, flags)


def _window(nucleus: Nucleus, coarse: Grid, fine: Grid) -> tuple[int, int, int, int]:
    y, x = fine.index(coarse.level0(nucleus.y)), fine.index(coarse.level0(nucleus.x))
    half = round(HALF_WINDOW_UM / fine.um)
    return max(0, y - half), max(0, x - half), min(fine.shape[0], y + half), min(fine.shape[1], x + half)


def measure_cell(
    slide: Slide,
    cell: Mask,
    inside: Mask,
    corner: tuple[int, int],
    fine: Grid,
    flags: tuple[str, ...],
) -> SegmentedCell:
    """Measure a cell whose outlines are known.

    Parameters
    ----------
    slide : Slide
        The slide.
    cell, inside : numpy.ndarray of bool, shape (height, width)
        Cell and nucleus on the grid ``fine``.
    corner : tuple of int
        ``(y, x)`` of their first px on that grid.
    fine : Grid
        The grid.
    flags : tuple of str
        Of the cell.
    """
    y0, x0 = corner
    cell_area = float(cell.sum()) * fine.um**2
    nucleus_area = float(inside.sum()) * fine.um**2
    top, left, bottom, right = extent(cell)
    border = y0 + top == 0 or x0 + left == 0 or y0 + bottom == fine.shape[0] or x0 + right == fine.shape[1]
    # The box in level-0 px, one fine px wider, cut at the slide.
    box = (
        max(0, int((y0 + top - 1) * fine.px)),
        max(0, int((x0 + left - 1) * fine.px)),
        min(slide.shape[0], int(np.ceil((y0 + bottom + 1) * fine.px))),
        min(slide.shape[1], int(np.ceil((x0 + right + 1) * fine.px))),
    )
    native_cell = enlarge_mask(cell, fine, (y0, x0), 1.0, box)
    native_inside = enlarge_mask(inside, fine, (y0, x0), 1.0, box) & native_cell
    first_row, first_column, last_row, last_column = extent(native_cell)
    cut = np.s_[first_row:last_row, first_column:last_column]
    mask = CellMask(
        box[0] + first_row,
        box[1] + first_column,
        native_cell[cut].copy(),
        native_inside[cut].copy(),
    )
    ys, xs = np.nonzero(mask.nucleus)
    return SegmentedCell(
        y_px=mask.y0 + float(ys.sum()) / len(ys),
        x_px=mask.x0 + float(xs.sum()) / len(xs),
        mask=mask,
        nucleus_area_um2=nucleus_area,
        cell_area_um2=cell_area,
        touches_border=border,
        flags=flags,
    )
