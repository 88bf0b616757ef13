"""The outline of a cell around its nucleus: the closed curve that gathers most evidence, found in polar coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_wbc.segmentation.kernels import best_curve
from napari_wbc.segmentation.morphology import Mask, middle
from napari_wbc.segmentation.surroundings import Surroundings

Floats = NDArray[np.float32]

ANGLES = 48
#: Direction of every ray, its sine and its cosine.
_ANGLE = np.arange(ANGLES) * (2 * np.pi / ANGLES)
_SIN, _COS = np.sin(_ANGLE), np.cos(_ANGLE)
_STEP_UM = 0.15
#: How far from the middle and from the rim of the nucleus a cell may reach.
_FARTHEST_UM, _FARTHEST_OFF_UM = 13.0, 9.0
#: Distance from the nucleus at which evidence of 1 is needed.
_REACH_UM = 5.0
#: A full edge is worth that many µm of evidence of 1. An edge is half full where the density along the red cells' axis
#: falls by that share of a red cell, or that along the cytoplasm axis by as many spreads, within four steps.
_EDGE_UM = 4.0
_RED_FALL, _PURPLE_FALL = 0.12, 2.0
_EDGE_STEPS = 2
#: Cost of a step of one radius between neighbouring angles, µm² of evidence, and the most steps.
_BEND, _MOST_STEPS = 0.15, 3
_FOREIGN = -3.0
#: The first curve is drawn a little wide, so that pale cytoplasm is among what the colours of this cell are learned
#: from. They weigh a little more than those of the slide.
_WIDER = 0.25
_OWN_SHARE = 0.6
#: How far off the nucleus what is inside begins, and how far off the curve what is outside ends.
_OFF_NUCLEUS_UM, _OUTSIDE_UM = 0.7, 5.0
#: Doubt about colours seen in no pixel, as a share of an even mix of all.
_DOUBT = 0.6
_LIMIT = 3.0
#: The curve is moved to the steepest place within so many steps, mostly within that distance.
_SNAP_STEPS, _SNAP_UM = 4, 0.4
#: By how much the first pass may have seen the nucleus too large.
_TOO_LARGE_STEPS = 2
#: People draw outlines a little outside of the steepest place.
_OUTWARDS_UM = 0.06
#: Of the radius over the angles.
_SMOOTHING = 0.75


@dataclass(frozen=True)
class Rays:
    """Points on rays from the middle of a nucleus.

    Attributes
    ----------
    centre : tuple of int
        ``(y, x)`` of the middle, px.
    shape : tuple of int
        Of the window, px.
    um : float
        µm per px.
    """

    centre: tuple[int, int]
    shape: tuple[int, int]
    um: float

    @cached_property
    def radii_um(self) -> Floats:
        """Radius of every point of a ray, µm."""
        count = round(_FARTHEST_UM / _STEP_UM)
        radii: Floats = np.arange(1, count + 1, dtype=np.float32) * np.float32(_STEP_UM)
        return radii

    @cached_property
    def points(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """Nearest px of every point, shape (angles, radii), and which points lie beyond the window."""
        radii = self.radii_um * np.float32(1 / self.um)
        y = np.rint(self.centre[0] + _SIN[:, None].astype(np.float32) * radii).astype(np.intp)
        x = np.rint(self.centre[1] + _COS[:, None].astype(np.float32) * radii).astype(np.intp)
        height, width = self.shape
        beyond = (y < 0) | (x < 0) | (y >= height) | (x >= width)
        return np.clip(y, 0, height - 1), np.clip(x, 0, width - 1), beyond


def trace_outline(
    density: Floats, own: Mask, foreign: Mask | None, surroundings: Surroundings, um: float
) -> Mask:
    """Find the cell as the star-shaped region around a nucleus with the largest sum of evidence.

    Parameters
    ----------
    density : numpy.ndarray of float32, shape (height, width, 3)
        Optical density.
    own : numpy.ndarray of bool, shape (height, width)
        The nucleus as the first pass saw it, blurred: inside but for a narrow rim.
    foreign : numpy.ndarray of bool, shape (height, width), or None
        What belongs to other cells.
    surroundings : Surroundings
        Colours of the slide outside of leukocytes.
    um : float
        µm per px.

    Returns
    -------
    numpy.ndarray of bool, shape (height, width)

    Notes
    -----
    Over the angles the radius changes by few steps, each at a cost; the best closed curve is found by dynamic
    programming. It is found twice: the first time by the colours of the slide, the second time also by what the
    first curve holds and what lies around it. At last it is moved to the steepest place nearby.
    """
    rays = Rays(middle(own), own.shape, um)
    rows, columns, beyond = rays.points
    red, purple = surroundings.stained(density[rows, columns])
    bins = surroundings.bins(red, purple)
    evidence = surroundings.evidence[bins]
    others = np.zeros_like(beyond) if foreign is None else foreign[rows, columns]
    inside = own[rows, columns] & ~beyond
    count = inside.shape[1]
    last = np.where(inside.any(axis=1), count - 1 - np.argmax(inside[:, ::-1], axis=1), -1)
    off = np.arange(count) - last[:, None]
    # Far from the nucleus cytoplasm is less and less likely.
    rim = np.maximum(off, 0) * np.float32(_STEP_UM / _REACH_UM)
    length = rays.radii_um * np.float32(2 * np.pi / ANGLES)
    edges = _edges(red, purple, beyond, surroundings.spread) * (length * np.float32(_EDGE_UM))

    def best(evidence: Floats, wider: float) -> NDArray[np.int64]:
        gain = np.where(others, np.float32(_FOREIGN), evidence)
        gain[beyond] = 0
        gain += np.float32(wider) - rim * rim
        score = np.cumsum(gain * (length * np.float32(_STEP_UM)), axis=1) + edges
        score[(off < -_TOO_LARGE_STEPS) | (off * _STEP_UM > _FARTHEST_OFF_UM)] = -1e6
        steps = np.arange(-_MOST_STEPS, _MOST_STEPS + 1)
        return best_curve(score, (_BEND * steps * steps).astype(np.float32))

    curve = best(evidence, _WIDER)
    past = np.arange(count) - curve[:, None]
    seen = ~beyond & ~others
    adapted = _colours_of_the_cell(
        bins,
        surroundings.evidence,
        rays.radii_um * np.float32(_STEP_UM * 2 * np.pi / ANGLES / um**2),
        seen & (past <= 0) & (off * _STEP_UM > _OFF_NUCLEUS_UM),
        seen & (past > 0) & (past * _STEP_UM < _OUTSIDE_UM),
    )
    curve = best(np.float32(1 - _OWN_SHARE) * evidence + np.float32(_OWN_SHARE) * adapted, 0.0)
    radius = _at_the_steepest(curve, red + purple, beyond)
    return _fill(radius, rays)


def _edges(red: Floats, purple: Floats, beyond: Mask, spread: float) -> Floats:
    """How much of an edge lies at every point, 0 to 1: lighter, or less purple, outside than inside.

    Beyond a clear edge a stronger one counts no more, or the edge of the nucleus would always win.
    """
    red_fall = _fall(red, _EDGE_STEPS) * np.float32(1 / _RED_FALL)
    purple_fall = _fall(purple, _EDGE_STEPS) * np.float32(1 / (_PURPLE_FALL * spread))
    fall = np.maximum(red_fall, 0) ** 2 + np.maximum(purple_fall, 0) ** 2
    edges: Floats = fall / (1 + fall)
    edges[beyond] = 0
    return edges


def _fall(values: Floats, steps: int) -> Floats:
    """Fall of values along the rays, over some steps to both sides of every point."""
    fall = np.zeros_like(values)
    fall[:, steps:-steps] = values[:, : -2 * steps] - values[:, 2 * steps :]
    return fall


def _colours_of_the_cell(
    bins: tuple[NDArray[np.intp], NDArray[np.intp]],
    table: Floats,
    area: Floats,
    inside: Mask,
    outside: Mask,
) -> Floats:
    """Evidence of every point by the colours inside and outside of a first curve.

    Parameters
    ----------
    bins : tuple of numpy.ndarray of int, shape (angles, radii)
        Row and column of every point in the table.
    table : numpy.ndarray of float32, shape (n_red, n_purple)
        Evidence of the slide: what to think of colours that hardly any point has.
    area : numpy.ndarray of float32, shape (radii,)
        What a point of every radius stands for, px.
    inside, outside : numpy.ndarray of bool, shape (angles, radii)
        Cytoplasm and surroundings as far as known.
    """
    # Bins of twice the width: there are few pixels.
    coarse = table[::2, ::2]
    flat = (bins[0] // 2) * coarse.shape[1] + bins[1] // 2
    weights = np.broadcast_to(area, inside.shape)

    def shares(points: Mask, doubt: NDArray[np.float64]) -> NDArray[np.float64]:
        counts = np.bincount(flat[points], weights[points], coarse.size).reshape(coarse.shape)
        smooth: NDArray[np.float64] = ndimage.gaussian_filter(counts, 1.5, mode="nearest")
        return smooth / max(1.0, float(counts.sum())) + doubt * (_DOUBT / coarse.size)

    half = np.exp(coarse.astype(np.float64) / 2)
    ratio = np.log(shares(inside, half) / shares(outside, 1 / half))
    evidence: Floats = np.clip(ratio, -_LIMIT, _LIMIT).astype(np.float32).ravel()[flat]
    return evidence


def _at_the_steepest(curve: NDArray[np.int64], stained: Floats, beyond: Mask) -> NDArray[np.float64]:
    """Move the curve to where the density falls most, a few steps at most; radius per angle in steps."""
    fall = np.maximum(_fall(stained, 1), 0)
    fall[beyond] = 0
    fall = ndimage.gaussian_filter(fall, 1.0, mode=("wrap", "nearest"))
    offsets = np.arange(-_SNAP_STEPS, _SNAP_STEPS + 1)
    places = np.clip(curve[:, None] + offsets, 0, stained.shape[1] - 1)
    near = np.exp(-0.5 * (offsets * _STEP_UM / _SNAP_UM) ** 2)
    weights = (fall[np.arange(len(curve))[:, None], places] * near) ** 2
    moved: NDArray[np.float64] = (weights * offsets).sum(axis=1) / (weights.sum(axis=1) + 1e-6)
    return np.maximum(curve + moved, 0)


def _fill(radius: NDArray[np.float64], rays: Rays) -> Mask:
    """Mark all pixels inside the closed curve through the rays at their radii."""
    smooth = ndimage.gaussian_filter1d(
        ((radius + 1) * _STEP_UM + _OUTWARDS_UM) / rays.um, _SMOOTHING, mode="wrap"
    )
    y, x = rays.centre[0] + _SIN * smooth, rays.centre[1] + _COS * smooth
    next_y, next_x = np.roll(y, -1), np.roll(x, -1)
    # Where rows cross the curve, inside and outside change places.
    height, width = rays.shape
    rows = np.arange(max(0, int(y.min())), min(height, int(y.max()) + 2))
    row, edge = np.nonzero((y <= rows[:, None]) != (next_y <= rows[:, None]))
    slope = (next_x - x)[edge] / (next_y - y)[edge]
    crossing = np.ceil(x[edge] + (rows[row] - y[edge]) * slope)
    column = np.clip(crossing, 0, width).astype(np.intp)
    changes = np.bincount(row * (width + 1) + column, minlength=len(rows) * (width + 1))
    inside = np.zeros(rays.shape, bool)
    inside[rows] = np.cumsum(changes.reshape(len(rows), width + 1)[:, :width], axis=1) % 2 == 1
    return inside
