"""What of the surroundings of a nucleus belongs to other nuclei, so that the masks of neighbours never overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_wbc.segmentation.grid import Grid, enlarge, enlarge_mask
from napari_wbc.segmentation.lobes import LOBE_GAP_UM
from napari_wbc.segmentation.morphology import Mask
from napari_wbc.segmentation.nuclei import NUCLEUS_UM2, Nucleus, NucleusMap

#: No part of a cell lies further from the middle of its nucleus than 13 µm, or further from its rim than 9 µm: nuclei
#: beyond this distance are no competitors. Every tile sees at least as far.
_FARTHEST_UM = 22.5
#: Clusters of parts smaller than that (µm²; single lobes that nothing was joined to, platelets) are no nuclei: they
#: count as that much further away (µm); what is small for a lobe, too, the least.
_SMALL = ((5.0, 4.0), (NUCLEUS_UM2, 7.0))


@dataclass(frozen=True, slots=True, eq=False)
class Territory:
    """Claims of the nuclei around one nucleus.

    Attributes
    ----------
    own : numpy.ndarray of bool, shape (height, width)
        The nucleus, as far as no other has a claim on it.
    foreign : numpy.ndarray of bool, shape (height, width), or None
        What is not closer to the nucleus than to others; None where there are no others.
    """

    own: Mask
    foreign: Mask | None

    def keep(self, cell: Mask) -> Mask:
        """Cut a cell back to what no other cell can claim."""
        return cell if self.foreign is None else cell & ~self.foreign


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
        return Territory(own, None)
    difference = (ndimage.distance_transform_edt(~mine) - _distance(theirs, coarse.um)).astype(np.float32)
    foreign = enlarge(difference, coarse, (y0, x0), fine.px, window) > np.float32(-1e-4)
    return Territory(own & ~foreign, foreign)


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
    """Distance to the parts of a mask, px, with a handicap for small clusters of them.

    All lobes of a nucleus lie in one cluster, so no nucleus has a handicap.
    """
    distance: NDArray[np.float64] = ndimage.distance_transform_edt(~mask)
    clusters, count = ndimage.label(distance <= LOBE_GAP_UM / 2 / um + 1, np.ones((3, 3)))
    area = np.bincount(clusters[mask], minlength=count + 1) * um**2
    # What the window cuts may be large outside it.
    for edge in (clusters[0], clusters[-1], clusters[:, 0], clusters[:, -1]):
        area[edge] = np.inf
    handicap = np.select([area < limit for limit, _ in _SMALL], [further for _, further in _SMALL], 0.0)
    if not handicap[1:].any():
        return distance
    distance[:] = np.inf
    for further in np.unique(handicap[1:]):
        chosen = mask & (handicap[clusters] == further)
        np.minimum(distance, ndimage.distance_transform_edt(~chosen) + further / um, out=distance)
    return distance
