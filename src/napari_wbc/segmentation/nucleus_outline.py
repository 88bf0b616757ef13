"""The outline of the nucleus inside a cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from napari_wbc.segmentation.morphology import Mask, dilate, erode, opened, touching_part

#: Smaller gaps in a nucleus are chromatin of lighter colour.
_HOLE_UM2 = 2.5
_OPENING_UM = 0.3
#: The best threshold inside a cell lies within these multiples of that of the slide; it may be higher where it sets two
#: classes apart (a dark nucleus in purple cytoplasm, as in erythroblasts).
_LEAST, _MOST = 0.6, 1.3
_TWO_CLASSES, _TWO_CLASSES_MOST = 0.82, 3.0
#: Where the colour of the nucleus and that of what surrounds it are taken: so far off the outline.
_DEEP_UM, _OFF_UM = 0.4, 0.8
#: Least area that a colour is taken of; with less cytoplasm, what lies within a distance of the nucleus is taken.
_CORE_UM2, _RING_UM2, _RING_UM = 4.0, 6.0, 1.0
#: What hangs together with the nucleus reaches that far beyond its first outline at most. A separate part of that area
#: (and nearly as dark: 1 is the nucleus, 0 its cytoplasm) is a lobe.
_FARTHEST_UM = 1.0
_LOBE_UM2, _LOBE_DARKNESS = 3.0, 0.75
#: Least difference between both colours, as a share of the light.
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
    core = erode(rough, _DEEP_UM / um)
    if core.sum() * um**2 < _CORE_UM2:
        core = rough
    near = dilate(rough, _OFF_UM / um)
    ring = cell & ~near
    if ring.sum() * um**2 < _RING_UM2:
        ring = dilate(near, _RING_UM / um) & ~near
    if not ring.any():
        return rough
    # The optics blur light, not density: half way is meant in light.
    light = np.exp(density * np.float32(-np.log(10.0)))
    nucleus, cytoplasm = np.median(light[core], axis=0), np.median(light[ring], axis=0)
    line = nucleus - cytoplasm
    square = line[0] * line[0] + line[1] * line[1] + line[2] * line[2]
    if square < _LEAST_CONTRAST**2:
        return rough
    towards = np.zeros(q.shape, np.float32)
    for channel in range(3):
        towards += (light[..., channel] - cytoplasm[channel]) * (line[channel] / square)
    mask = opened((towards > np.float32(0.5)) & cell, _OPENING_UM / um) & cell
    labels, count = ndimage.label(mask)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    dark = np.bincount(labels.ravel(), towards.ravel(), count + 1) / np.maximum(area, 1)
    lobes = (area * um**2 >= _LOBE_UM2) & (dark >= _LOBE_DARKNESS)
    joined = np.zeros(count + 1, bool)
    joined[labels[core & mask]] = True
    lobes[0] = joined[0] = False
    mask = (joined[labels] & dilate(rough, _FARTHEST_UM / um)) | lobes[labels]
    if mask.sum() < 0.6 * rough.sum():
        return rough
    return _without_holes(mask, cell, um)


def _by_threshold(q: NDArray[np.float32], own: Mask, cell: Mask, threshold: float, um: float) -> Mask:
    """Outline the nucleus by the best threshold inside the cell, near that of the slide."""
    inside = q[cell]
    if inside.size > 50 and float(inside.max()) > float(inside.min()):
        best = float(threshold_otsu(inside))
        most = _TWO_CLASSES_MOST if _separation(inside, best) > _TWO_CLASSES else _MOST
        threshold = float(np.clip(best, _LEAST * threshold, most * threshold))
    mask = opened((q > np.float32(threshold)) & cell, _OPENING_UM / um) & cell
    mask = touching_part(mask, own)
    if float(mask.sum()) < 0.5 * float(own.sum()):
        # Granules over the nucleus: the first pass saw it better.
        mask = own & cell
    return _without_holes(mask, cell, um)


def _separation(values: NDArray[np.float32], threshold: float) -> float:
    """Share of the variance that lies between the two classes: about 0.64 for one bell, 1 for two sharp classes."""
    above = values > np.float32(threshold)
    variance = float(values.var(dtype=np.float64))
    if not above.any() or above.all() or variance == 0:
        return 0.0
    share = float(above.mean())
    difference = float(values[above].mean(dtype=np.float64) - values[~above].mean(dtype=np.float64))
    return share * (1 - share) * difference**2 / variance


def _without_holes(mask: Mask, cell: Mask, um: float) -> Mask:
    labels, _ = ndimage.label(~mask)
    holes = np.bincount(labels.ravel()) * um**2 < _HOLE_UM2
    holes[0] = False
    filled: Mask = mask | (holes[labels] & cell)
    return filled
