"""What of the surroundings of a nucleus belongs to other nuclei, so that the masks of neighbours never overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_wbc.segmentation.grid import Grid, enlarge, enlarge_mask
from napari_wbc.segmentation.morphology import Mask
from napari_wbc.segmentation.nuclei import Nucleus, NucleusMap

#: No part of a cell lies further from the middle of its nucleus than 13 µm, or further from its rim than 9 µm: nuclei
#: beyond this distance are no competitors. Every tile sees at least as far.
_FARTHEST_UM = 22.5
#: Parts smaller than that (µm²; platelets, mostly) count as that much further away than they are (µm).
_SMALL = ((4.0, 4.0), (12.0, 2.0))


@dataclass(frozen=True, slots=True, eq=False)
class Territory:
    """Claims of the nuclei around one nucleus.

    Attributes
    ----------
    own : numpy.ndarray of bool, shape (height, width)
        The nucleus.
    others : numpy.ndarray of bool, shape (height, width)
        Other nuclei.
    foreign : numpy.ndarray of bool, shape (height, width), or None
        What is not closer to the nucleus than to others; None where there are no others.
    """

    own: Mask
    others: Mask
    foreign: Mask | None

    def keep(self, cell: Mask) -> Mask:
        """Cut a cell back to what no other cell can claim."""
        if self.foreign is None:
            return cell
        kept: Mask = (cell & ~self.foreign & ~self.others) | self.own
        return kept


def divide(
    nucleus: Nucleus, around: NucleusMap, coarse: Grid, fine: Grid, window: tuple[int, int, int, int]
) -> Territory:
    """Divide a window between a nucleus and all others.

    Parameters
    ----------
    nucleus : Nucleus
        Of the first pass.
    around : NucleusMap
        Everything nuclear around it.
    coarse, fine : Grid
        Of the first and of the second pass.
    window : tuple of int
        ``(y0, x0, y1, x1)``, px of the grid ``fine``.

    Notes
    -----
    The distances to the nucleus and to the others are subtracted on the coarse grid and interpolated. The others of
    one cell hold the nucleus of every neighbour, so the differences of two cells add up to zero or more everywhere,
    and no place is below zero, that is inside, for both.
    """
    own = enlarge_mask(nucleus.mask, coarse, (nucleus.y0, nucleus.x0), fine.px, window)
    reach = round(_FARTHEST_UM / coarse.um)
    y0, x0 = max(0, int(nucleus.y) - reach), max(0, int(nucleus.x) - reach)
    y1, x1 = (
        min(coarse.shape[0], int(nucleus.y) + reach + 1),
        min(coarse.shape[1], int(nucleus.x) + reach + 1),
    )
    nuclear = _paste(around.mask, (around.y0, around.x0), (y0, x0, y1, x1))
    mine = _paste(nucleus.mask, (nucleus.y0, nucleus.x0), (y0, x0, y1, x1))
    theirs = nuclear & ~mine
    if not theirs.any() or not mine.any():
        return Territory(own, np.zeros_like(own), None)
    difference = (_distance(mine, coarse.um) - _distance(theirs, coarse.um)).astype(np.float32)
    others = enlarge_mask(theirs, coarse, (y0, x0), fine.px, window)
    return Territory(own, others, enlarge(difference, coarse, (y0, x0), fine.px, window) > np.float32(-1e-4))


def _paste(mask: Mask, origin: tuple[int, int], window: tuple[int, int, int, int]) -> Mask:
    """Give the part of a mask that lies in a window; outside the mask is False."""
    y0, x0, y1, x1 = window
    pasted = np.zeros((y1 - y0, x1 - x0), bool)
    top, left = max(y0, origin[0]), max(x0, origin[1])
    bottom, right = min(y1, origin[0] + mask.shape[0]), min(x1, origin[1] + mask.shape[1])
    if top < bottom and left < right:
        pasted[top - y0 : bottom - y0, left - x0 : right - x0] = mask[
            top - origin[0] : bottom - origin[0], left - origin[1] : right - origin[1]
        ]
    return pasted


def _distance(mask: Mask, um: float) -> NDArray[np.float64]:
    """Distance to the parts of a mask, px, with a handicap for small ones."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    area = np.bincount(labels.ravel(), minlength=count + 1) * um**2
    # What the window cuts may be large outside it.
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        area[edge] = np.inf
    handicap = np.select([area < limit for limit, _ in _SMALL], [um_more for _, um_more in _SMALL], 0.0)
    distance = np.full(mask.shape, np.inf)
    for um_more in np.unique(handicap[1:]):
        chosen = handicap == um_more
        chosen[0] = False
        to_part = ndimage.distance_transform_edt(~chosen[labels]) + um_more / um
        np.minimum(distance, to_part, out=distance)
    return distance
