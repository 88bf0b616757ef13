"""The outline of a cell around its nucleus: the closed curve that gathers most evidence, found in polar coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_wbc.segmentation.kernels import best_curve
from napari_wbc.segmentation.morphology import Mask

ANGLES = 64
_STEP_UM = 0.2
_FARTHEST_UM = 13.0
#: Distance from the nucleus at which evidence of 1 is needed.
_REACH_UM = 5.0
#: An edge as strong as that of a red cell is worth that many µm of evidence of 1. Stronger ones count no more than
#: 0.4 of it, or the edge of the nucleus would always win.
_EDGE_UM = 6.0
_STRONGEST_EDGE = 0.4
_EDGE_STEPS = 2
#: Cost of a step of one radius between neighbouring angles, µm² of evidence, and the most steps.
_BEND, _MOST_STEPS = 0.05, 3


def trace_outline(
    evidence: NDArray[np.float32],
    stained: NDArray[np.float32],
    own: Mask,
    centre: tuple[int, int],
    um: float,
) -> Mask:
    """Find the cell as the star-shaped region around a nucleus with the largest sum of evidence.

    Parameters
    ----------
    evidence : numpy.ndarray of float32, shape (height, width)
        Positive where a pixel speaks for the cell.
    stained : numpy.ndarray of float32, shape (height, width)
        Density, 1 for a red cell.
    own : numpy.ndarray of bool, shape (height, width)
        The nucleus: always inside.
    centre : tuple of int
        ``(y, x)`` of the middle of the star, px.
    um : float
        µm per px.

    Returns
    -------
    numpy.ndarray of bool, shape (height, width)

    Notes
    -----
    Over the angles the radius changes by few steps, each at a cost; the best closed curve is found by dynamic
    programming over two turns, of which the middle one is kept.
    """
    radii = np.arange(1, round(_FARTHEST_UM / _STEP_UM) + 1, dtype=np.float32) * np.float32(_STEP_UM / um)
    angle = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    y = centre[0] + np.sin(angle)[:, None].astype(np.float32) * radii
    x = centre[1] + np.cos(angle)[:, None].astype(np.float32) * radii
    yi, xi = np.rint(y).astype(np.intp), np.rint(x).astype(np.intp)
    height, width = own.shape
    outside = (yi < 0) | (xi < 0) | (yi >= height) | (xi >= width)
    yi, xi = np.clip(yi, 0, height - 1), np.clip(xi, 0, width - 1)
    gain = evidence[yi, xi]
    profile = stained[yi, xi]
    # Beyond the border of the image there is no evidence; the weak cost keeps the curve close to it.
    gain[outside] = -0.2
    inside = own[yi, xi] & ~outside
    last = np.where(inside.any(axis=1), len(radii) - 1 - np.argmax(inside[:, ::-1], axis=1), -1)
    # Far from the nucleus cytoplasm is less and less likely.
    rim = np.maximum(np.arange(len(radii)) - last[:, None], 0) * np.float32(_STEP_UM / _REACH_UM)
    gain = gain - rim * rim
    area = radii * np.float32(um * _STEP_UM * 2 * np.pi / ANGLES)
    score = np.cumsum(gain * area, axis=1)
    # The rim of a cell is an edge: lighter outside than inside.
    reach = _EDGE_STEPS
    fall = np.zeros_like(profile)
    fall[:, reach:-reach] = profile[:, : -2 * reach] - profile[:, 2 * reach :]
    fall[outside] = 0
    length = radii * np.float32(um * 2 * np.pi / ANGLES)
    score += np.float32(_EDGE_UM) * np.clip(fall, 0, _STRONGEST_EDGE) * length
    score[np.arange(len(radii)) < last[:, None]] = -1e6
    steps = np.arange(-_MOST_STEPS, _MOST_STEPS + 1)
    radius = best_curve(score, (_BEND * steps * steps).astype(np.float32))
    return _fill(radius, centre, own.shape, _STEP_UM / um) | own


def _fill(radius: NDArray[np.intp], centre: tuple[int, int], shape: tuple[int, int], step: float) -> Mask:
    """Mark all pixels within the radius of their angle."""
    smooth = ndimage.gaussian_filter1d((radius + 1.0) * step, 1.0, mode="wrap")
    reach = int(smooth.max()) + 1
    y0, x0 = max(0, centre[0] - reach), max(0, centre[1] - reach)
    y1, x1 = min(shape[0], centre[0] + reach + 1), min(shape[1], centre[1] + reach + 1)
    y = (np.arange(y0, y1) - centre[0])[:, None].astype(np.float64)
    x = (np.arange(x0, x1) - centre[1])[None].astype(np.float64)
    turn = np.arctan2(y, x) * (ANGLES / (2 * np.pi)) % ANGLES
    low = turn.astype(np.intp) % ANGLES
    part = turn - np.floor(turn)
    limit = smooth[low] * (1 - part) + smooth[(low + 1) % ANGLES] * part
    inside = np.zeros(shape, bool)
    inside[y0:y1, x0:x1] = y * y + x * x <= limit * limit
    return inside
