"""The light without cells: a smooth field over the slide, in optical density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_wbc.segmentation.kernels.uncompiled import polynomial

#: Optical density of the 256 pixel values against full white.
OPTICAL_DENSITY: NDArray[np.float32] = (-np.log10((np.arange(256) + 1) / 256)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Background:
    """Optical density of the empty slide, a polynomial of the absolute position.

    Attributes
    ----------
    coefficients : tuple of tuple of float
        Per channel (R, G, B) one value per term of :func:`terms`.
    degree : int
        Of the polynomial.
    height_px, width_px : float
        Level-0 px that the position is divided by.
    """

    coefficients: tuple[tuple[float, ...], ...]
    degree: int
    height_px: float
    width_px: float

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Colour of the background at the middle of the slide, 0..255."""
        r, g, b = (float(np.clip(256 * 10 ** -density[0] - 1, 0, 255)) for density in self.coefficients)
        return r, g, b

    def middle_density(self) -> float:
        """Mean optical density of the channels at the middle of the slide, where all terms but the first are 0."""
        return sum(density[0] for density in self.coefficients) / 3

    def for_shape(self, shape: tuple[int, int]) -> Background:
        """Give the light for another field of a camera; where that is of another size, only its middle is known."""
        if (float(shape[0]), float(shape[1])) == (self.height_px, self.width_px):
            return self
        return Background(
            tuple((density[0],) for density in self.coefficients), 0, float(shape[0]), float(shape[1])
        )

    def field(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float32]:
        """Background on the grid of the level-0 rows ``y`` and columns ``x``, shape (len(y), len(x), 3).

        The sums run element by element in a fixed order: a value depends on its position only, to the last bit.
        """
        rows, columns = self.positions(y, x)
        tables = self.tables
        return np.stack([polynomial(tables[channel], rows, columns) for channel in range(3)], axis=2)

    def positions(
        self, y: NDArray[np.float64], x: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Level-0 rows and columns as the polynomial takes them, -1 to 1 over the slide."""
        v = (2 * (np.asarray(y) / self.height_px) - 1).astype(np.float32)
        u = (2 * (np.asarray(x) / self.width_px) - 1).astype(np.float32)
        return v, u

    @property
    def tables(self) -> NDArray[np.float32]:
        """Coefficients by exponents: at ``[channel, i, j]`` that of ``y**i * x**j``."""
        tables = np.zeros((3, self.degree + 1, self.degree + 1), np.float32)
        for channel in range(3):
            for (i, j), value in zip(terms(self.degree), self.coefficients[channel], strict=True):
                tables[channel, i, j] = value
        return tables


def terms(degree: int) -> list[tuple[int, int]]:
    """Exponents ``(of y, of x)`` of the terms of a polynomial.

    Examples
    --------
    >>> terms(1)
    [(0, 0), (0, 1), (1, 0)]
    """
    return [(i, total - i) for total in range(degree + 1) for i in range(total + 1)]


def _design(y: NDArray[np.float64], x: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    return np.stack([y**i * x**j for i, j in terms(degree)], axis=1)


def fit_background(
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    od: NDArray[np.float64],
    shape: tuple[int, int],
    degree: int,
) -> Background:
    """Fit the field to the density of bright places.

    Parameters
    ----------
    y, x : numpy.ndarray of float, shape (n,)
        Level-0 positions.
    od : numpy.ndarray of float, shape (n, 3)
        Optical density of the brightest pixels around each position.
    shape : tuple of int
        Height and width of the slide, level-0 px.
    degree : int
        Of the polynomial; lowered where there are few places.

    Notes
    -----
    Places without a glimpse of the empty slide are darker than the field; the fit leaves them out step by step
    (a place may be brighter than the field by more than it may be darker).
    """
    height, width = shape
    v, u = 2 * (y / height) - 1, 2 * (x / width) - 1
    while degree > 0 and len(y) < 4 * len(terms(degree)):
        degree -= 1
    coefficients = np.median(od, axis=0)[None]
    weight = np.ones(len(y))
    for current in range(degree + 1):
        design = _design(v, u, current)
        # A weak pull of all but the constant towards zero keeps the field sound where no place is.
        ridge = np.sqrt(3e-4 * len(y)) * np.diag([0.0] + [1.0] * (design.shape[1] - 1))
        for _ in range(6):
            left = np.concatenate([design * weight[:, None], ridge])
            right = np.concatenate([od * weight[:, None], np.zeros((design.shape[1], 3))])
            coefficients = np.linalg.lstsq(left, right, rcond=None)[0]
            residual = (od - design @ coefficients).mean(axis=1)
            spread = max(0.006, float(np.median(np.abs(residual))))
            # Squared weights of a Cauchy loss with a short arm for dark places.
            arm = np.where(residual > 0, 1.0, 4.0) * spread
            weight = 1 / np.sqrt(1 + (residual / arm) ** 2)
    return Background(
        tuple(tuple(map(float, c)) for c in coefficients.T), degree, float(height), float(width)
    )


def middle_light(lights: list[Background]) -> Background:
    """Give the middle one of the lights of several fields.

    Parameters
    ----------
    lights : list of Background
        One per field.

    Returns
    -------
    Background
        Term by term the median, as a camera's light falls off alike in all its fields; where they differ in
        size, no more than the middle of each counts.
    """
    first = lights[0]
    shape = int(first.height_px), int(first.width_px)
    if any((int(light.height_px), int(light.width_px)) != shape for light in lights):
        lights = [light.for_shape((0, 0)) for light in lights]
    degree = max(light.degree for light in lights)
    # The terms of a lower degree come first, and those that it lacks are 0.
    padded = np.zeros((len(lights), 3, len(terms(degree))))
    for light, row in zip(lights, padded, strict=True):
        row[:, : len(light.coefficients[0])] = light.coefficients
    middle = np.median(padded, axis=0)
    return Background(tuple(tuple(map(float, c)) for c in middle), degree, float(shape[0]), float(shape[1]))
