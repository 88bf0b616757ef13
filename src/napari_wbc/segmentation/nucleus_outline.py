"""The outline of the nucleus inside a cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from napari_wbc.segmentation.morphology import Mask, opened, touching_part

#: Smaller gaps in a nucleus are chromatin of lighter colour.
_HOLE_UM2 = 2.5
_OPENING_UM = 0.3
#: Where the colour of the nucleus and that of what surrounds it are taken: so far off the outline.
_DEEP_UM, _OFF_UM = 0.4, 0.5
#: Least area that a colour is taken of; with less cytoplasm, what lies within a distance of the nucleus is taken.
_CORE_UM2, _RING_UM2, _RING_UM = 4.0, 6.0, 1.0
#: The outline moves that far at most.
_FARTHEST_UM = 1.0
#: Least difference in optical density between both colours.
_LEAST_CONTRAST = 0.03


def trace_nucleus(
    density: NDArray[np.float32],
    q: NDArray[np.float32],
    own: Mask,
    cell: Mask,
    threshold: float,
    um: float,
) -> Mask:
    """Outline the nucleus half way between its colour and that of its cytoplasm.

    Parameters
    ----------
    density : numpy.ndarray of float32, shape (height, width, 3)
        Optical density.
    q : numpy.ndarray of float32, shape (height, width)
        Density along the nuclear axis.
    own : numpy.ndarray of bool, shape (height, width)
        The nucleus as the first pass saw it.
    cell : numpy.ndarray of bool, shape (height, width)
        The cell.
    threshold : float
        For nuclei of this slide, on ``q``.
    um : float
        µm per px.

    Returns
    -------
    numpy.ndarray of bool, shape (height, width)
        Never empty; inside the cell.

    Notes
    -----
    The nuclear axis sets nuclei apart from everything on the slide; the rim of one nucleus against its own cytoplasm
    is found better along the line between the colours of these two.
    """
    rough = _by_threshold(q, own, cell, threshold, um)
    depth = ndimage.distance_transform_edt(np.pad(rough, 1))[1:-1, 1:-1] * um
    core = depth > _DEEP_UM
    if core.sum() * um**2 < _CORE_UM2:
        core = rough
    away = ndimage.distance_transform_edt(~rough) * um
    ring = cell & (away > _OFF_UM)
    if ring.sum() * um**2 < _RING_UM2:
        ring = (away > _OFF_UM) & (away < _OFF_UM + _RING_UM)
    if not ring.any():
        return rough
    nucleus, cytoplasm = np.median(density[core], axis=0), np.median(density[ring], axis=0)
    line = nucleus - cytoplasm
    square = line[0] * line[0] + line[1] * line[1] + line[2] * line[2]
    if square < _LEAST_CONTRAST**2:
        return rough
    towards = np.zeros(q.shape, np.float32)
    for channel in range(3):
        towards += (density[..., channel] - cytoplasm[channel]) * (line[channel] / square)
    mask = opened((towards > np.float32(0.5)) & cell & (away <= _FARTHEST_UM), _OPENING_UM / um)
    mask = touching_part(mask & cell, core)
    if mask.sum() < 0.6 * rough.sum():
        return rough
    return _without_holes(mask, cell, um)


def _by_threshold(q: NDArray[np.float32], own: Mask, cell: Mask, threshold: float, um: float) -> Mask:
    """Outline the nucleus by the best threshold inside the cell, near that of the slide."""
    inside = q[cell]
    if inside.size > 50 and float(inside.max()) > float(inside.min()):
        threshold = float(np.clip(threshold_otsu(inside), 0.6 * threshold, 1.3 * threshold))
    mask = opened((q > np.float32(threshold)) & cell, _OPENING_UM / um) & cell
    mask = touching_part(mask, own)
    if float(mask.sum()) < 0.5 * float(own.sum()):
        # Granules over the nucleus: the first pass saw it better.
        mask = own & cell
    return _without_holes(mask, cell, um)


def _without_holes(mask: Mask, cell: Mask, um: float) -> Mask:
    labels, _ = ndimage.label(~mask)
    holes = np.bincount(labels.ravel()) * um**2 < _HOLE_UM2
    holes[0] = False
    filled: Mask = mask | (holes[labels] & cell)
    return filled
