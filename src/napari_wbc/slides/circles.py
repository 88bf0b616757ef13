"""Red cells as circles of one size, found without knowing the scale.

The outline of everything stained is taken at half of the optical density of the red cells; each of its px votes for
centres along its normal, at every radius (a Hough transform for circles). Arcs are enough, so that cells that touch,
overlap or leave the image still count, and the pallor does not: its edge points the other way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.filters import threshold_otsu

Floats = NDArray[np.floating]

_ANGLES = 36
# Circles are looked for from this radius (px of the reduced image) to this share of the image's shorter side.
_SMALLEST_RADIUS = 4.0
_LARGEST_RADIUS_SHARE = 0.3
_RADIUS_STEP = 0.07
# A peak of votes that stands for this share of a circumference is looked at; the most voted ones first, up to a limit.
_LEAST_SUPPORT = 0.4
_MOST_PEAKS = 400
# A circle is kept when outline lies along this share of it, this closely (standard deviation over radius).
_LEAST_COVERAGE = 0.5
_LARGEST_RESIDUAL = 0.09
# Of the outline near a circle, this share has to follow it; a fifth of any texture does by chance.
_LEAST_ALIGNED = 0.4
# Paler than this over the glass (optical density) is noise and no red cell.
_LEAST_DENSITY = 0.02
# More outline than this share of all px is a texture.
_MOST_OUTLINE = 0.2


@dataclass(frozen=True)
class Circles:
    """Round outlines of one image.

    Attributes
    ----------
    diameter : numpy.ndarray, shape (n,)
        px; for an ellipse that of a circle of about the same area.
    coverage : numpy.ndarray, shape (n,)
        Share of the circumference along which outline was found.
    density : numpy.ndarray, shape (n,)
        Optical density (mean of green and blue) inside: the dark quarter begins here.
    y, x : numpy.ndarray, shape (n,)
        Centres, px.
    outline_px : int
        Length of all outlines in the image.
    """

    diameter: Floats
    coverage: Floats
    density: Floats
    y: Floats
    x: Floats
    outline_px: int


def optical_density(image: NDArray[np.uint8], degree: int = 4, blocks: int = 32) -> Floats:
    """Optical density over an uneven background that is a smooth surface through the bright pixels.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (height, width, 3)
        RGB.
    degree : int, optional
        Of the surface, a polynomial.
    blocks : int, optional
        The surface is fitted to this many blocks a side.

    Returns
    -------
    numpy.ndarray of float32, shape (height, width, 3)
        About 0 where there is glass.
    """
    height, width = image.shape[:2]
    logs = np.log10(np.arange(256, dtype=np.float32) + 1)[image]
    rows, columns = max(1, height // blocks), max(1, width // blocks)
    cut = logs[: height // rows * rows, : width // columns * columns]
    tiled = cut.reshape(height // rows, rows, width // columns, columns, 3)
    bright = np.percentile(tiled, 75, axis=(1, 3))

    def powers(n: int, step: float, length: int) -> Floats:
        position = (np.arange(n) + 0.5) * step / length * 2 - 1
        return np.polynomial.chebyshev.chebvander(position, degree)

    terms = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    down, across = powers(bright.shape[0], rows, height), powers(bright.shape[1], columns, width)
    basis = np.stack([np.outer(down[:, i], across[:, j]).ravel() for i, j in terms], axis=1)
    down, across = powers(height, 1, height), powers(width, 1, width)
    density = np.empty_like(logs)
    ridge = 1e-5 * len(basis) * np.eye(len(terms))
    ridge[0, 0] = 0
    for channel in range(3):
        values = bright[..., channel].ravel()
        weights = np.ones(len(values))
        for _ in range(15):
            weighted = basis * weights[:, None]
            factors = np.linalg.solve(weighted.T @ basis + ridge, weighted.T @ values)
            below = values - basis @ factors
            # Blocks below the surface hold cells: they hardly count, the less the deeper they lie.
            weights = np.where(below > 0, 1.0, 0.02 / (1 + (below / 0.02) ** 2))
        matrix = np.zeros((degree + 1, degree + 1))
        for (i, j), factor in zip(terms, factors, strict=True):
            matrix[i, j] = factor
        density[..., channel] = down @ matrix @ across.T - logs[..., channel]
    return density


def red_cell_threshold(density: Floats) -> float:
    """Threshold between glass and red cells, even where nuclei are far darker than both.

    Parameters
    ----------
    density : numpy.ndarray, shape (height, width)
        Mean optical density of green and blue.

    Returns
    -------
    float
        Otsu's, on densities that are capped a little above those of the red cells.
    """
    values = density[::2, ::2].ravel()
    cap = float(np.percentile(values, 99.5))
    threshold = 0.0
    for _ in range(6):
        capped = np.minimum(values, cap)
        if np.ptp(capped) < 1e-6:
            break
        threshold = float(threshold_otsu(capped))
        upper = values > threshold
        if not 0 < upper.mean() < 1:
            break
        if upper.mean() < 0.15:
            # A small dark part may be nuclei; are there two classes below it?
            rest = values[~upper]
            split = threshold_otsu(rest)
            light, dark = rest[rest <= split], rest[rest > split]
            between = light.size * dark.size / rest.size**2 * (dark.mean() - light.mean()) ** 2
            if dark.size > 0.05 * rest.size and between > 0.6 * rest.var():
                cap = float(np.median(dark) + 0.5 * (np.median(dark) - np.median(light)))
                continue
        low, high = float(np.median(values[~upper])), float(np.median(values[upper]))
        lower_cap = low + 1.3 * (high - low)
        if lower_cap >= cap:
            break
        cap = lower_cap
    return threshold


def find_circles(image: NDArray[np.uint8]) -> Circles:
    """Find round outlines of any size.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (height, width, 3)
        RGB; a field of up to about 1000 px a side.

    Returns
    -------
    Circles
        Red cells, but also leukocytes, nuclei and platelets.
    """
    od = ndimage.gaussian_filter(optical_density(image), (1, 1, 0))
    density = (od[..., 1] + od[..., 2]) / 2
    outline = _Outline(density, red_cell_threshold(density))
    found = np.array(outline.circles()).reshape(-1, 4)
    y, x, radius, coverage = found.T
    height, width = density.shape
    dark = np.empty(len(found))
    for i in range(len(found)):
        reach = 0.7 * radius[i]
        rows = slice(int(np.clip(y[i] - reach, 0, height - 1)), int(np.clip(y[i] + reach, 0, height - 1)) + 1)
        columns = slice(
            int(np.clip(x[i] - reach, 0, width - 1)), int(np.clip(x[i] + reach, 0, width - 1)) + 1
        )
        dark[i] = np.percentile(density[rows, columns], 75)
    return Circles(2 * radius, coverage, dark, y, x, len(outline.y))


class _Outline:
    """The px of an outline with their inward normals."""

    def __init__(self, density: Floats, threshold: float) -> None:
        self.shape = density.shape
        stained = ndimage.binary_opening(density > max(threshold, _LEAST_DENSITY))
        edge = stained & ~ndimage.binary_erosion(stained, border_value=1)
        edge[:2], edge[-2:], edge[:, :2], edge[:, -2:] = False, False, False, False
        self.y, self.x = np.nonzero(edge)
        smooth = ndimage.gaussian_filter(density, 1.0)
        down, across = (gradient[self.y, self.x] for gradient in np.gradient(smooth))
        length = np.hypot(down, across) + 1e-9
        self.down, self.across = down / length, across / length
        # An image that is all texture has no outlines to speak of, and would take long.
        some = 0 < len(self.y) < _MOST_OUTLINE * density.size
        self._tree = KDTree(np.column_stack([self.y, self.x])) if some else None

    def circles(self) -> list[tuple[float, float, float, float]]:
        """Circles as (y, x, radius, coverage), none within half a radius of another's centre."""
        kept: list[tuple[float, float, float, float]] = []
        if self._tree is None:
            return kept
        tried = np.empty((0, 3))
        for y, x, radius in self._peaks():
            tries = np.hypot(tried[:, 0] - y, tried[:, 1] - x)
            if np.any((tries < 0.3 * radius) & (np.abs(np.log(tried[:, 2] / radius)) < 0.15)):
                continue
            tried = np.vstack([tried, (y, x, radius)])
            if self._taken(kept, y, x, radius):
                continue
            circle = self._fit(y, x, radius)
            if circle is not None and not self._taken(kept, *circle[:3]):
                kept.append(circle)
        return kept

    @staticmethod
    def _taken(kept: list[tuple[float, float, float, float]], y: float, x: float, radius: float) -> bool:
        return any((y - a) ** 2 + (x - b) ** 2 < (0.5 * max(r, radius)) ** 2 for a, b, r, _ in kept)

    def _peaks(self) -> list[tuple[float, float, float]]:
        """Centres and radii that many px of the outline point at, the most voted first."""
        height, width = self.shape
        largest = min(height, width) * _LARGEST_RADIUS_SHARE
        peaks = []
        radius = _SMALLEST_RADIUS
        while radius < largest:
            # Bins grow with the radius, as the outline's noise and the cells' ovalness do.
            size = max(1.5, 0.14 * radius)
            rows, columns = int(height / size) + 3, int(width / size) + 3
            row = ((self.y + radius * self.down) / size + 1).astype(int)
            column = ((self.x + radius * self.across) / size + 1).astype(int)
            inside = (row > 0) & (column > 0) & (row < rows - 1) & (column < columns - 1)
            votes = np.bincount(row[inside] * columns + column[inside], minlength=rows * columns)
            votes = votes.reshape(rows, columns).astype(np.float32)
            # A pixel outline of a circle has about 0.9 x 2 pi r px.
            support = ndimage.uniform_filter(votes, 3, mode="constant") * 9 / (0.9 * 2 * np.pi * radius)
            top = (support > _LEAST_SUPPORT) & (support == ndimage.maximum_filter(support, 3))
            for i, j in np.argwhere(top):
                peaks.append((min(float(support[i, j]), 1.0), (i - 0.5) * size, (j - 0.5) * size, radius))
            radius *= 1 + _RADIUS_STEP
        peaks.sort(reverse=True)
        return [peak[1:] for peak in peaks[:_MOST_PEAKS]]

    def _fit(self, y: float, x: float, radius: float) -> tuple[float, float, float, float] | None:
        """Move a circle onto the outline around it; None when there is too little of it, or it is not round."""
        assert self._tree is not None
        height, width = self.shape
        largest = min(height, width) * _LARGEST_RADIUS_SHARE * 1.2
        for _ in range(3):
            near = np.asarray(self._tree.query_ball_point((y, x), 1.35 * radius), int)
            down, across = self.y[near] - y, self.x[near] - x
            distance = np.hypot(down, across) + 1e-9
            inwards = -(down * self.down[near] + across * self.across[near]) / distance
            along = (distance > 0.7 * radius) & (inwards > 0.8)
            close = np.abs(distance - radius) < 0.15 * radius
            aligned = float(np.mean(inwards[close] > 0.8)) if close.any() else 0.0
            angle = np.arctan2(down[along], across[along])
            sector = ((angle / (2 * np.pi) + 0.5) * _ANGLES).astype(int) % _ANGLES
            count = np.bincount(sector, minlength=_ANGLES)
            seen = count > 0
            if seen.sum() < 8:
                return None
            mean = np.bincount(sector, distance[along], minlength=_ANGLES)[seen] / count[seen]
            at = (np.arange(_ANGLES)[seen] + 0.5) / _ANGLES * 2 * np.pi - np.pi
            # Distance over angle: the radius, a shift of the centre, and (where enough is seen) an ellipse.
            parts = [np.ones(len(at)), np.cos(at), np.sin(at)]
            if seen.mean() >= 0.6:
                parts += [np.cos(2 * at), np.sin(2 * at)]
            basis = np.stack(parts, axis=1)
            damping = 1e-2 * np.diag([0.0] + [1.0] * (len(parts) - 1))
            factors = np.linalg.solve(basis.T @ basis + damping, basis.T @ mean)
            residual = float(np.std(mean - basis @ factors)) / radius
            radius = float(factors[0])
            if not 0.75 * _SMALLEST_RADIUS < radius < largest:
                return None
            x += float(np.clip(factors[1], -0.3 * radius, 0.3 * radius))
            y += float(np.clip(factors[2], -0.3 * radius, 0.3 * radius))
        coverage = float(seen.mean())
        if coverage < _LEAST_COVERAGE or residual > _LARGEST_RESIDUAL or aligned < _LEAST_ALIGNED:
            return None
        return y, x, radius, coverage
