"""The stain of a slide: directions of red cells and nuclei in optical density, and the thresholds between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Vector = tuple[float, float, float]
Density = NDArray[np.float32]

#: Axis for slides without red cells: the mean of axes learned on four stains.
FALLBACK_AXIS: Vector = (0.34, 0.44, -0.83)
_RED_CELLS_START = np.array([0.37, 0.77, 0.52])
_NUCLEUS_START = np.array([0.36, 0.90, 0.20])
_FOREGROUND_OD = 0.03
#: Least threshold of nuclei, and how many spreads above the red cells it lies at least.
_LEAST_NUCLEAR, _SPREADS = 0.06, 5.0
_LEAST_CYTOPLASM = 0.022
#: Three red cells: less is no sample of a stain.
_LEAST_RED_CELLS_UM2 = 150.0


@dataclass(frozen=True, slots=True)
class Stain:
    """Directions and thresholds; see :class:`napari_wbc.segmentation.SlideModel` for their meaning."""

    red_cell_axis: Vector
    nuclear_axis: Vector
    threshold_nucleus: float
    threshold_cytoplasm: float
    red_cell_fraction: float
    confidence: float


def along(density: Density, axis: Vector) -> Density:
    """Scalar product with an axis, summed in a fixed order (a matrix product may differ in the last bit)."""
    result: Density = density[..., 0] * np.float32(axis[0])
    result += density[..., 1] * np.float32(axis[1])
    result += density[..., 2] * np.float32(axis[2])
    return result


def fit_stain(densities: list[Density], um: float) -> Stain:
    """Fit the stain to smoothed optical densities of sampled places.

    Parameters
    ----------
    densities : list of numpy.ndarray of float32, shape (height, width, 3)
        Optical density against the background.
    um : float
        µm per px of them.
    """
    foreground = [d.mean(axis=2) > _FOREGROUND_OD for d in densities]
    surely = [ndimage.binary_opening(along(d, FALLBACK_AXIS) > 0.2, iterations=2) for d in densities]
    red_cells, red = _red_cells(densities, [f & ~_near(s, um) for f, s in zip(foreground, surely, strict=True)])
    pixels = sum(int(mask.sum()) for mask in red_cells)
    known = pixels * um**2 >= _LEAST_RED_CELLS_UM2
    axis = _off(_unit(_off(_NUCLEUS_START, red)) + _unit(_off(np.array(FALLBACK_AXIS), red)), red) if known else np.array(FALLBACK_AXIS)
    axis = _unit(axis)
    mu, sigma = 0.0, 0.01
    strong: list[NDArray[np.bool_]] = []
    for _ in range(4):
        maps = [along(d, _vector(axis)) for d in densities]
        if known:
            mu, sigma = _spread(np.concatenate([q[mask] for q, mask in zip(maps, red_cells, strict=True)]))
        floor = max(_LEAST_NUCLEAR, mu + _SPREADS * sigma)
        strong = [_blobs(q > floor, um) for q in maps]
        area = sum(int(mask.sum()) for mask in strong) * um**2
        if not known or area < 20.0:
            break
        # The nuclei that stand out now tell the direction of this slide's nuclei.
        colours = np.concatenate([d[mask] for d, mask in zip(densities, strong, strict=True)])
        values = np.concatenate([q[mask] for q, mask in zip(maps, strong, strict=True)])
        colours = colours[values >= np.median(values)]
        nucleus = np.median(colours / np.linalg.norm(colours, axis=1, keepdims=True), axis=0).astype(np.float64)
        learned = _unit(_off(nucleus, red))
        trust = area / (area + 40.0)
        axis = _unit(_off(trust * learned + (1 - trust) * axis, red))
        red_cells = [mask & ~_near(s, um) for mask, s in zip(red_cells, strong, strict=True)]
    maps = [along(d, _vector(axis)) for d in densities]
    if known:
        mu, sigma = _spread(np.concatenate([q[mask] for q, mask in zip(maps, red_cells, strict=True)]))
    floor = max(_LEAST_NUCLEAR, mu + _SPREADS * sigma)
    above = np.concatenate([q[_blobs(q > floor, um)] for q in maps])
    nuclear = floor
    if above.size * um**2 > 30.0:
        nuclear = max(floor, 0.5 * float(np.percentile(above, 90)))
    total = sum(mask.size for mask in red_cells)
    support = float(np.clip(pixels * um**2 / 2000.0, 0.0, 1.0)) if known else 0.0
    return Stain(
        red_cell_axis=_vector(red),
        nuclear_axis=_vector(axis),
        threshold_nucleus=nuclear,
        threshold_cytoplasm=max(_LEAST_CYTOPLASM, mu + 2 * sigma),
        red_cell_fraction=pixels / max(1, total),
        confidence=support * float(np.clip(1.5 - sigma / 0.04, 0.2, 1.0)),
    )


def _near(mask: NDArray[np.bool_], um: float) -> NDArray[np.bool_]:
    """Pixels within 3 µm of a mask."""
    near: NDArray[np.bool_] = ndimage.binary_dilation(mask, iterations=max(1, round(3.0 / um)))
    return near


def _blobs(mask: NDArray[np.bool_], um: float) -> NDArray[np.bool_]:
    """Parts of a mask that are solid enough for nuclei: 1 µm wide, 10 µm² large."""
    solid = ndimage.binary_opening(mask, iterations=max(1, round(0.7 / um)))
    labels, count = ndimage.label(solid)
    keep = np.bincount(labels.ravel(), minlength=count + 1) * um**2 >= 10.0
    keep[0] = False
    blobs: NDArray[np.bool_] = keep[labels]
    return blobs


def _red_cells(
    densities: list[Density], candidates: list[NDArray[np.bool_]]
) -> tuple[list[NDArray[np.bool_]], NDArray[np.float64]]:
    """Robust direction of red cells, and the pixels that follow it."""
    red = _unit(_RED_CELLS_START)
    norms = [np.sqrt((d**2).sum(axis=2)) for d in densities]
    solid = [c & (n > 0.06) for c, n in zip(candidates, norms, strict=True)]
    units = np.concatenate([d[s] / n[s][:, None] for d, s, n in zip(densities, solid, norms, strict=True)])
    for limit in (0.80, 0.85, 0.90, 0.95, 0.95, 0.95):
        chosen = units[units @ red.astype(np.float32) > limit]
        if not len(chosen):
            break
        red = _unit(np.median(chosen, axis=0).astype(np.float64))
    follows = [
        s & (along(d, _vector(red)) > 0.95 * n) for d, s, n in zip(densities, solid, norms, strict=True)
    ]
    return follows, red


def _spread(values: Density) -> tuple[float, float]:
    """Median and robust standard deviation; the upper tail counts where it is the longer one."""
    if not values.size:
        return 0.0, 0.01
    middle, high = np.percentile(values, [50, 97.5])
    deviation = 1.4826 * float(np.median(np.abs(values - middle)))
    return float(middle), max(deviation, 0.5 * float(high - middle))


def _off(vector: NDArray[np.float64], red: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of a vector across the red cells' direction."""
    across: NDArray[np.float64] = vector - (vector @ red) * red
    return across


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit


def _vector(values: NDArray[np.float64]) -> Vector:
    r, g, b = (float(v) for v in values)
    return r, g, b
