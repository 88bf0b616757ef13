"""The inner loops, compiled by numba: the operations of :mod:`.uncompiled` in the same order, so the same bits.

No fast-math and so no contraction, no threads: every value is rounded as NumPy rounds it. The global interpreter lock
is let go of, so that a viewer stays alive meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

_COUNT = numba.int64
_PIXELS = numba.types.Array(numba.uint8, 3, "C", readonly=True)
_INDEX = numba.types.Array(numba.int64, 1, "C", readonly=True)
_VECTOR = numba.types.Array(numba.float32, 1, "C", readonly=True)
_PLANE = numba.types.Array(numba.float32, 2, "C", readonly=True)
_PLANES = numba.types.Array(numba.float32, 3, "C", readonly=True)


def _compiled(*parameters: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile for these types at once; the machine code is kept on disk where a cache can be written."""
    compiler: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(
        [tuple(parameters)], cache=True, nogil=True, error_model="numpy"
    )
    return compiler


@_compiled(_PIXELS, _COUNT)
def box_reduce(pixels: Any, factor: int) -> Any:
    """See :func:`napari_wbc.segmentation.kernels.box_reduce`."""
    height, width, across = pixels.shape[0] // factor, pixels.shape[1] // factor, pixels.shape[1] * 3
    rows = pixels.reshape(pixels.shape[0], across)
    result = np.empty((height, width, 3), np.uint8)
    columns = np.empty(across, np.uint16)
    half = np.uint32(factor * factor // 2)
    # The quotient of two whole numbers below 2**24: in float32 it never reaches the next whole number.
    area = np.float32(factor * factor)
    for i in range(height):
        first, second = rows[i * factor], rows[i * factor + 1]
        for j in range(across):
            columns[j] = np.uint16(first[j]) + np.uint16(second[j])
        for k in range(i * factor + 2, (i + 1) * factor):
            row = rows[k]
            for j in range(across):
                columns[j] += np.uint16(row[j])
        if factor == 2:
            out = result[i].reshape(width * 3)
            for j in range(width):
                for channel in range(3):
                    total = columns[6 * j + channel] + columns[6 * j + 3 + channel]
                    out[3 * j + channel] = np.uint8((total + np.uint16(2)) >> np.uint16(2))
            continue
        for j in range(width):
            start = j * factor * 3
            for channel in range(3):
                total = half
                for k in range(factor):
                    total += np.uint32(columns[start + k * 3 + channel])
                result[i, j, channel] = np.uint8(np.float32(total) / area)
    return result


@_compiled(_PIXELS, _VECTOR, _PLANES, _VECTOR, _VECTOR, _PLANE)
def project(pixels: Any, table: Any, field: Any, y: Any, x: Any, axes: Any) -> Any:
    """See :func:`napari_wbc.segmentation.kernels.project`."""
    height, width = pixels.shape[0], pixels.shape[1]
    degree, count = field.shape[1] - 1, axes.shape[0]
    result = np.empty((count, height, width), np.float32)
    density = np.empty((3, width), np.float32)
    background = np.empty(width, np.float32)
    low, high, zero = np.float32(-0.1), np.float32(2.0), np.float32(0.0)
    for i in range(height):
        for j in range(width):
            density[0, j] = table[pixels[i, j, 0]]
            density[1, j] = table[pixels[i, j, 1]]
            density[2, j] = table[pixels[i, j, 2]]
        for channel in range(3):
            background[:] = zero
            for power in range(degree, -1, -1):
                coefficient = zero
                for k in range(degree - power, -1, -1):
                    coefficient = coefficient * y[i] + field[channel, k, power]
                for j in range(width):
                    background[j] = background[j] * x[j] + coefficient
            for j in range(width):
                density[channel, j] = min(max(density[channel, j] - background[j], low), high)
        for k in range(count):
            r, g, b = axes[k, 0], axes[k, 1], axes[k, 2]
            for j in range(width):
                result[k, i, j] = density[0, j] * r + density[1, j] * g + density[2, j] * b
    return result


@_compiled(_PLANES, _VECTOR)
def smooth(planes: Any, weights: Any) -> Any:
    """See :func:`napari_wbc.segmentation.kernels.smooth`."""
    count, height, width = planes.shape
    reach = len(weights) - 1
    result = np.empty((count, height, width), np.float32)
    line = np.empty(width + 2 * reach, np.float32)
    inside = line[reach : reach + width]
    # Whole rows, and nothing but the column in an index: LLVM takes many columns at a time then.
    for plane in range(count):
        for i in range(height):
            middle, weight = planes[plane, i], weights[0]
            for j in range(width):
                inside[j] = middle[j] * weight
            for k in range(1, reach + 1):
                above, below = planes[plane, max(i - k, 0)], planes[plane, min(i + k, height - 1)]
                weight = weights[k]
                for j in range(width):
                    inside[j] += (above[j] + below[j]) * weight
            line[:reach] = inside[0]
            line[reach + width :] = inside[width - 1]
            out, weight = result[plane, i], weights[0]
            for j in range(width):
                out[j] = inside[j] * weight
            for k in range(1, reach + 1):
                left, right = line[reach - k : reach - k + width], line[reach + k : reach + k + width]
                weight = weights[k]
                for j in range(width):
                    out[j] += (left[j] + right[j]) * weight
    return result


@_compiled(_PLANE, _VECTOR)
def best_curve(score: Any, costs: Any) -> Any:
    """Give the path over two turns; see :func:`napari_wbc.segmentation.kernels.best_curve`."""
    angles, count = score.shape
    most = len(costs) // 2
    came_from = np.zeros((2 * angles, count), np.int64)
    total, following = score[0].copy(), np.empty(count, np.float32)
    for turn in range(1, 2 * angles):
        gain = score[turn % angles]
        for j in range(count):
            source = max(j - most, 0)
            best = total[source] - costs[0]
            for step in range(1, 2 * most + 1):
                k = min(max(j + step - most, 0), count - 1)
                value = total[k] - costs[step]
                if value > best:
                    best, source = value, k
            came_from[turn, j] = source
            following[j] = best + gain[j]
        total, following = following, total
    path = np.empty(2 * angles, np.int64)
    path[-1] = np.argmax(total)
    for turn in range(2 * angles - 1, 0, -1):
        path[turn - 1] = came_from[turn, path[turn]]
    return path


@_compiled(_PLANE, _INDEX, _VECTOR, _INDEX, _VECTOR)
def interpolate(values: Any, rows: Any, wy: Any, columns: Any, wx: Any) -> Any:
    """See :func:`napari_wbc.segmentation.kernels.interpolate`."""
    height, width = len(rows), len(columns)
    result = np.empty((height, width), np.float32)
    line = np.empty(values.shape[1], np.float32)
    one = np.float32(1.0)
    for i in range(height):
        above, below = values[rows[i]], values[rows[i] + 1]
        past = wy[i]
        before = one - past
        for j in range(len(line)):
            line[j] = above[j] * before + below[j] * past
        out = result[i]
        for j in range(width):
            k = columns[j]
            out[j] = line[k] * (one - wx[j]) + line[k + 1] * wx[j]
    return result
