"""A small picture in µm on which one cell is drawn as concentrations of the dyes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_wbc.slides.synthetic.parameters import Stain

Field = NDArray[np.floating[Any]]

#: Optical densities are kept as whole steps, so that sums do not depend on the order of the cells.
OD_STEPS = 4096.0


@dataclass(frozen=True, slots=True, eq=False)
class Stamp:
    """One drawn cell, ready to be laid onto a smear.

    Attributes
    ----------
    od : numpy.ndarray of uint16, shape (height, width, 3)
        Optical density in steps of 1/4096.
    cell, nucleus : numpy.ndarray of bool, shape (height, width)
        Where the cell and its nucleus are.
    radius_um : float
        From the middle of the stamp to the farthest part of the cell.
    """

    od: NDArray[np.uint16]
    cell: NDArray[np.bool_]
    nucleus: NDArray[np.bool_]
    radius_um: float

    def turned(self, orientation: int) -> Stamp:
        """Give one of the eight turned and mirrored views (0 is the stamp itself)."""

        def turn(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
            pixels = np.rot90(pixels, orientation % 4)
            return pixels[:, ::-1] if orientation >= 4 else pixels

        return Stamp(turn(self.od), turn(self.cell), turn(self.nucleus), self.radius_um)  # type: ignore[arg-type]


class Canvas:
    """Concentration maps of the dyes around a cell's middle, with the shapes and textures to fill them.

    Parameters
    ----------
    half_um : float
        Half the side of the square.
    um_per_px : float
        Scale of the canvas.
    rng : numpy.random.Generator
        Source of all the chance in the drawing.
    stain : Stain
        What the concentrations become in the end.
    """

    def __init__(self, half_um: float, um_per_px: float, rng: np.random.Generator, stain: Stain) -> None:
        self.stain = stain
        self.rng = rng
        self.um_per_px = um_per_px
        self.n = 2 * math.ceil(half_um / um_per_px)
        axis = ((np.arange(self.n) + 0.5 - self.n / 2) * um_per_px).astype(np.float32)
        self.y, self.x = axis[:, None] + 0 * axis, axis + 0 * axis[:, None]
        self.dyes: dict[str, Field] = {}
        #: Changes of hue: additional density in red, as a share of that of chromatin.
        self.hue: Field = np.zeros((self.n, self.n), np.float32)
        self.cell: NDArray[np.bool_] = np.zeros((self.n, self.n), bool)
        self.nucleus: NDArray[np.bool_] = np.zeros((self.n, self.n), bool)

    def add(self, dye: str, concentration: Field) -> None:
        """Add to the concentration of a dye."""
        self.dyes[dye] = (
            self.dyes[dye] + concentration if dye in self.dyes else concentration.astype(np.float32)
        )

    def thin_out(self, dye: str, share: Field) -> None:
        """Take a share (0 nothing, 1 all) of a dye away."""
        if dye in self.dyes:
            self.dyes[dye] = self.dyes[dye] * (1 - share)

    def noise(self, sigma_um: float) -> Field:
        """Smooth noise with mean 0 and standard deviation 1; ``sigma_um`` is the size of its grains."""
        sigma = max(sigma_um / self.um_per_px, 0.3)
        # A coarse grid is enough for large grains, and much faster.
        step = max(1, int(sigma / 1.8))
        n = -(-self.n // step) + 2
        coarse = self.rng.standard_normal((n, n), np.float32)
        grains = ndimage.gaussian_filter(coarse, sigma / step, mode="wrap", truncate=3)
        grains *= 2 * math.sqrt(math.pi) * sigma / step
        return _stretched(grains, step, self.n) if step > 1 else grains[: self.n, : self.n]

    def grains(self, fine_um: float, coarse_um: float, coarse_share: float = 0.5) -> Field:
        """Noise of two grain sizes without its slow part: the look of chromatin; standard deviation about 1."""
        fine = self.noise(fine_um) * (1 - coarse_share) + self.noise(coarse_um) * coarse_share
        return _standardised(fine - ndimage.gaussian_filter(fine, 2.5 * coarse_um / self.um_per_px))

    def warped(self, grain_um: float, amplitude_um: float) -> tuple[Field, Field]:
        """Coordinates that wobble: shapes computed from them get irregular outlines."""
        return (
            self.y + amplitude_um * self.noise(grain_um),
            self.x + amplitude_um * self.noise(grain_um),
        )

    def dots(self, where: Field, per_um2: float, sigma_um: float, spread: float = 0.35) -> Field:
        """Granules: dots of height about 1 at random places, as dense as ``where`` (0..1) says."""
        amount = self.rng.random(where.shape, np.float32) < where * per_um2 * self.um_per_px**2
        heights = np.where(amount, np.exp(spread * self.rng.standard_normal(where.shape, np.float32)), 0)
        sigma = max(sigma_um / self.um_per_px, 0.35)
        spots: Field = ndimage.gaussian_filter(heights.astype(np.float32), sigma, truncate=3)
        spots *= max(1.0, 2 * math.pi * sigma**2)
        return spots

    def packed_dots(self, where: Field, spacing_um: float, sigma_um: float) -> Field:
        """Granules packed side by side on a shaken grid."""
        n = int(self.n * self.um_per_px / spacing_um) + 1
        row, column = np.mgrid[:n, :n]
        y = (row + 0.5 * (column % 2) + self.rng.normal(0, 0.22, row.shape)) * spacing_um / self.um_per_px
        x = (column + self.rng.normal(0, 0.22, row.shape)) * spacing_um / self.um_per_px
        y, x = y.astype(int).ravel(), x.astype(int).ravel()
        inside = (y >= 0) & (x >= 0) & (y < self.n) & (x < self.n)
        heights = np.zeros((self.n, self.n), np.float32)
        np.add.at(heights, (y[inside], x[inside]), self.rng.uniform(0.6, 1.3, int(inside.sum())))
        sigma = max(sigma_um / self.um_per_px, 0.35)
        spots: Field = ndimage.gaussian_filter(heights * where, sigma)
        spots *= max(1.0, 2 * math.pi * sigma**2)
        return spots

    def finish(self, strength: float, pixels_per_px: int = 1) -> Stamp:
        """Turn the concentrations into optical density and crop to what is there.

        ``pixels_per_px`` canvas pixels along each axis become one pixel of the stamp.
        """
        od, stain = np.zeros((self.n, self.n, 3), np.float32), self.stain
        for dye, concentration in self.dyes.items():
            absorbed = concentration[..., None] * np.asarray(stain.density(dye), np.float32)
            if dye == "chromatin":
                absorbed *= 1 - np.asarray(stain.bend, np.float32) * (concentration[..., None] - 1)
            od += absorbed
        od[..., 0] += self.hue * stain.chromatin[0]
        np.clip(od, 0, None, out=od)
        od *= strength
        radius_um = float(np.hypot(self.y, self.x)[self.cell].max(initial=0.0))
        k = pixels_per_px
        if k > 1:
            n = self.n // k
            od = od[: n * k, : n * k].reshape(n, k, n, k, 3).mean((1, 3))
            cell, nucleus = (
                m[: n * k, : n * k].reshape(n, k, n, k).mean((1, 3)) >= 0.5 for m in (self.cell, self.nucleus)
            )
        else:
            cell, nucleus = self.cell, self.nucleus
        steps = np.clip(np.rint(od * OD_STEPS), 0, 3 * OD_STEPS).astype(np.uint16)
        # The crop stays symmetric, so that the middle of the stamp stays the middle of the cell.
        used = steps.any(2) | cell
        rows, columns = np.flatnonzero(used.any(1)), np.flatnonzero(used.any(0))
        n = len(steps)
        margin = min(rows[0], columns[0], n - 1 - rows[-1], n - 1 - columns[-1]) if len(rows) else 0
        keep = slice(margin, n - margin)
        return Stamp(
            np.ascontiguousarray(steps[keep, keep]),
            np.ascontiguousarray(cell[keep, keep]),
            np.ascontiguousarray(nucleus[keep, keep]),
            radius_um,
        )


def inside(distance_um: Field, edge_um: float) -> Field:
    """Give 1 inside and 0 outside of a shape (signed distance, negative inside), soft over ``edge_um``."""
    t = np.clip(0.5 - distance_um / edge_um, 0, 1)
    fill: Field = t * t * (3 - 2 * t)
    return fill


def by_quantiles(
    texture: Field, where: NDArray[np.bool_], quantiles: tuple[float, float, float, float, float]
) -> Field:
    """Map a texture so that its 5, 25, 50, 75 and 95 % quantiles within ``where`` become the given ones."""
    if not where.any():
        return np.full_like(texture, quantiles[2])
    found = np.quantile(texture[where], (0.005, 0.05, 0.25, 0.5, 0.75, 0.95, 0.995))
    low, high = 2 * quantiles[0] - quantiles[1], 2 * quantiles[4] - quantiles[3]
    wanted = (max(low, 0.4 * quantiles[0]), *quantiles, high)
    mapped: Field = np.interp(texture, found, wanted).astype(np.float32)
    return mapped


def _stretched(coarse: Field, step: int, n: int) -> Field:
    """Interpolate between the points of a coarse grid, to ``n`` points along each axis."""
    position = np.arange(n)
    low, share = position // step, ((position % step) / step).astype(np.float32)
    rows = coarse[low] * (1 - share)[:, None] + coarse[low + 1] * share[:, None]
    fine: Field = rows[:, low] * (1 - share) + rows[:, low + 1] * share
    return fine


def _standardised(noise: Field) -> Field:
    result: Field = (noise - noise.mean()) / max(float(noise.std()), 1e-6)
    return result
