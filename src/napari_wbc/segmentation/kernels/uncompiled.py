"""The inner loops in NumPy and SciPy: what :mod:`.compiled` does, to the last bit, more slowly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
Floats = NDArray[np.float32]


def box_reduce(pixels: RGB, factor: int) -> RGB:
    """See :func:`napari_wbc.segmentation.kernels.box_reduce`."""
    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    columns = pixels.reshape(height, factor, -1).sum(axis=1, dtype=np.uint16)
    blocks = columns.reshape(height, width, factor, 3)
    total = np.full((height, width, 3), factor * factor // 2, np.uint32)
    for k in range(factor):
        total += blocks[:, :, k]
    total //= np.uint32(factor * factor)
    return total.astype(np.uint8)


def project(pixels: RGB, table: Floats, field: Floats, y: Floats, x: Floats, axes: Floats) -> Floats:
    """See :func:`napari_wbc.segmentation.kernels.project`."""
    density = np.empty((3, *pixels.shape[:2]), np.float32)
    for channel in range(3):
        np.take(table, pixels[..., channel], out=density[channel])
        density[channel] -= polynomial(field[channel], y, x)
    np.clip(density, np.float32(-0.1), np.float32(2.0), out=density)
    result = np.empty((len(axes), *pixels.shape[:2]), np.float32)
    for plane, (r, g, b) in zip(result, axes, strict=True):
        np.multiply(density[0], r, out=plane)
        plane += density[1] * g
        plane += density[2] * b
    return result


def polynomial(coefficients: Floats, y: Floats, x: Floats) -> Floats:
    """Horner's scheme along x, whose coefficients are polynomials of y by the same scheme.

    Parameters
    ----------
    coefficients : numpy.ndarray of float32, shape (degree + 1, degree + 1)
        At ``[i, j]`` that of ``y**i * x**j``; those with ``i + j`` above the degree are not looked at.
    y, x : numpy.ndarray of float32, shape (height,) and (width,)
        Positions.

    Returns
    -------
    numpy.ndarray of float32, shape (height, width)
    """
    value = np.zeros((len(y), len(x)), np.float32)
    for j in range(len(coefficients) - 1, -1, -1):
        row = np.zeros(len(y), np.float32)
        for i in range(len(coefficients) - 1 - j, -1, -1):
            row = row * y + coefficients[i, j]
        value *= x
        value += row[:, None]
    return value


def smooth(planes: Floats, weights: Floats) -> Floats:
    """See :func:`napari_wbc.segmentation.kernels.smooth`."""
    return _smooth_along(_smooth_along(planes, weights, 1), weights, 2)


def _smooth_along(planes: Floats, weights: Floats, axis: int) -> Floats:
    reach, size = len(weights) - 1, planes.shape[axis]
    padded = np.pad(planes, [(reach, reach) if k == axis else (0, 0) for k in range(3)], mode="edge")

    def shifted(by: int) -> Floats:
        part = slice(reach + by, reach + by + size)
        return padded[:, part] if axis == 1 else padded[:, :, part]

    result: Floats = shifted(0) * weights[0]
    for k in range(1, reach + 1):
        result += (shifted(-k) + shifted(k)) * weights[k]
    return result


def best_curve(score: Floats, costs: Floats) -> NDArray[np.int64]:
    """Give the path over two turns; see :func:`napari_wbc.segmentation.kernels.best_curve`."""
    angles, count = score.shape
    most = len(costs) // 2
    total = score[0].copy()
    came_from = np.zeros((2 * angles, count), np.int64)
    columns = np.arange(count)
    index = np.clip(columns + np.arange(-most, most + 1)[:, None], 0, count - 1)
    for turn in range(1, 2 * angles):
        candidates = total[index] - costs[:, None]
        choice = np.argmax(candidates, axis=0)
        came_from[turn] = index[choice, columns]
        total = candidates[choice, columns] + score[turn % angles]
    path = np.empty(2 * angles, np.int64)
    path[-1] = int(np.argmax(total))
    for turn in range(2 * angles - 1, 0, -1):
        path[turn - 1] = came_from[turn, path[turn]]
    return path


def interpolate(
    values: Floats, rows: NDArray[np.int64], wy: Floats, columns: NDArray[np.int64], wx: Floats
) -> Floats:
    """See :func:`napari_wbc.segmentation.kernels.interpolate`."""
    one = np.float32(1.0)
    lines: Floats = values[rows] * (one - wy)[:, None] + values[rows + 1] * wy[:, None]
    sampled: Floats = lines[:, columns] * (one - wx) + lines[:, columns + 1] * wx
    return sampled
