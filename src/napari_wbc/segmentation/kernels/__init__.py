"""The inner loops over pixels: compiled where numba is installed (extra ``fast``), in NumPy else, with the same bits.

Numba is imported, and its code taken from its cache or compiled (some ten seconds, once per machine), by :func:`load`
or at the first call. ``NAPARI_WBC_KERNELS=numpy`` does without it.
"""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from napari_wbc.segmentation.kernels import uncompiled
from napari_wbc.slides.slide import RGB

Floats = NDArray[np.float32]


@cache
def implementation() -> ModuleType:
    """Give the module that does the work, :mod:`.compiled` or :mod:`.uncompiled`."""
    if os.environ.get("NAPARI_WBC_KERNELS") == "numpy":
        return uncompiled
    try:
        import numba

        if getattr(numba.config, "DISABLE_JIT", False):
            return uncompiled
        from napari_wbc.segmentation.kernels import compiled
    except (ImportError, OSError, RuntimeError):
        # Missing, not for this NumPy, broken, or nowhere to keep its code (to compile in every process is no gain).
        return uncompiled
    return compiled


def load() -> None:
    """Load the compiled code, or compile it, now and not at the first call.

    LLVM, below numba, ends the whole process where it finds no memory: it had better look for it before a job fills it.
    """
    implementation()


def box_reduce(pixels: RGB, factor: int) -> RGB:
    """Mean of blocks of ``factor`` x ``factor`` px, rounded to the nearest whole number (a half goes up).

    Parameters
    ----------
    pixels : numpy.ndarray of uint8, shape (height, width, 3)
        Both sides are multiples of ``factor``.
    factor : int
        1 to 256.

    Returns
    -------
    numpy.ndarray of uint8, shape (height / factor, width / factor, 3)

    Examples
    --------
    >>> import numpy as np
    >>> box_reduce(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), 2)
    array([[[5, 6, 7]]], dtype=uint8)
    """
    if factor == 1:
        return pixels.copy()
    reduced: RGB = implementation().box_reduce(np.ascontiguousarray(pixels), factor)
    return reduced


def project(pixels: RGB, table: Floats, field: Floats, y: Floats, x: Floats, axes: Floats) -> Floats:
    """Optical density against a smooth background, along some axes.

    Parameters
    ----------
    pixels : numpy.ndarray of uint8, shape (height, width, 3)
        RGB.
    table : numpy.ndarray of float32, shape (256,)
        Optical density of every pixel value.
    field : numpy.ndarray of float32, shape (3, degree + 1, degree + 1)
        Background, per channel the coefficients of a polynomial: at ``[i, j]`` that of ``y**i * x**j``.
    y, x : numpy.ndarray of float32, shape (height,) and (width,)
        Positions of the rows and columns.
    axes : numpy.ndarray of float32, shape (n, 3)
        What to project on.

    Returns
    -------
    numpy.ndarray of float32, shape (n, height, width)
        Sums over the channels, in their order, of the densities cut at -0.1 and 2 times the axis.
    """
    planes: Floats = implementation().project(np.ascontiguousarray(pixels), table, field, y, x, axes)
    return planes


def smooth(planes: Floats, sigma: float) -> Floats:
    """Smooth by a gaussian that ends at three sigma; beyond the border the outermost pixels go on.

    Parameters
    ----------
    planes : numpy.ndarray of float32, shape (n, height, width)
        Images.
    sigma : float
        px.

    Returns
    -------
    numpy.ndarray of float32, shape (n, height, width)
        The sums run from the middle outwards: a value depends on its neighbours only, to the last bit.
    """
    steps = np.arange(smoothing_reach(sigma) + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    weights /= weights[0] + 2 * weights[1:].sum()
    smoothed: Floats = implementation().smooth(
        np.ascontiguousarray(planes, np.float32), weights.astype(np.float32)
    )
    return smoothed


def smoothing_reach(sigma: float) -> int:
    """How far the gaussian of :func:`smooth` looks, px."""
    return int(3.0 * sigma + 0.5)


def best_curve(score: Floats, costs: Floats) -> NDArray[np.int64]:
    """Find the closed curve around a centre with the largest sum of scores.

    Parameters
    ----------
    score : numpy.ndarray of float32, shape (n_angles, n_radii)
        What the curve gains by passing an angle at a radius.
    costs : numpy.ndarray of float32, shape (2 * most + 1,)
        Of steps of ``-most`` to ``most`` radii between neighbouring angles.

    Returns
    -------
    numpy.ndarray of int64, shape (n_angles,)
        Index of the radius at every angle, by dynamic programming over two turns, of which the middle one is kept;
        of several best steps the first is taken.

    Examples
    --------
    >>> import numpy as np
    >>> ridge = np.zeros((8, 5), np.float32)
    >>> ridge[:, 3] = 1.0
    >>> best_curve(ridge, np.array([0.1, 0.0, 0.1], np.float32))
    array([3, 3, 3, 3, 3, 3, 3, 3])
    """
    path: NDArray[np.int64] = implementation().best_curve(
        np.ascontiguousarray(score, np.float32), np.ascontiguousarray(costs, np.float32)
    )
    angles = len(score)
    half = angles // 2
    return np.roll(path[half : half + angles], half)


def interpolate(
    values: Floats, rows: NDArray[np.intp], wy: Floats, columns: NDArray[np.intp], wx: Floats
) -> Floats:
    """Sample an image between its pixels, bilinearly, on rows and columns.

    Parameters
    ----------
    values : numpy.ndarray of float32, shape (n_y, n_x)
        The image.
    rows, columns : numpy.ndarray of int, shape (height,) and (width,)
        The pixels before each place; there is one more after them.
    wy, wx : numpy.ndarray of float32, shape (height,) and (width,)
        How far past these pixels each place lies, 0 to 1.

    Returns
    -------
    numpy.ndarray of float32, shape (height, width)

    Raises
    ------
    IndexError
        When a place lies outside the image (compiled code does not look at every index).

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.array([[0, 1], [2, 3]], np.float32)
    >>> zero, half = np.array([0]), np.array([0.5], np.float32)
    >>> interpolate(ramp, zero, half, zero, half)
    array([[1.5]], dtype=float32)
    """
    for index, size in ((rows, values.shape[0]), (columns, values.shape[1])):
        if index.size and not (index.min() >= 0 and index.max() + 1 < size):
            raise IndexError(f"places from {index.min()} to {index.max()} + 1 do not lie in {size} px")
    sampled: Floats = implementation().interpolate(
        np.ascontiguousarray(values, np.float32),
        np.ascontiguousarray(rows, np.int64),
        np.ascontiguousarray(wy, np.float32),
        np.ascontiguousarray(columns, np.int64),
        np.ascontiguousarray(wx, np.float32),
    )
    return sampled
