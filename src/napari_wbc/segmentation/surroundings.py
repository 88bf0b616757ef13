"""What lies around leukocytes: how common every colour is outside of them, learned per slide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from napari_wbc.segmentation.stain import Density, Vector, along

#: Ranges and steps of the two axes of the table. Both are bent (arcsinh): bins are finest where the empty slide and
#: pure red cells lie, next to which pale cytoplasm has to be told.
_RED = (-1.7, 4.4, 0.1)
_PURPLE = (-3.6, 5.4, 0.1)
#: Where the scale of the density along the red cells' axis bends, in densities of a red cell.
_RED_BEND = 0.1
#: Leukocytes have all colours of so many bins alike, but few of those that are stained have the hue of red cells.
_EVEN_BINS = 30.0
_HUE_OF_RED_CELLS = 0.1
_STAINED, _STAINED_WIDTH = 0.4, 0.2
_PURPLE_FROM, _PURPLE_WIDTH = 0.9, 0.35
#: Share of what is surely outside that may look like inside, and how far the cut may be moved for it.
_FALSE = 0.15
_CUTS = (-2.5, 0.5)
_LIMIT = 3.0
#: Leukocytes end at most this far from the rim of their nuclei.
_CYTOPLASM_UM = 6.0
#: Spread of red cells across their axis in densities of a red cell: of a typical slide, how many pixels that counts
#: for, and the least.
_SPREAD, _SPREAD_PIXELS, _LEAST_SPREAD = 0.06, 300, 0.03
_LEAST_RED_CELL = 0.05
#: What the blur of a nucleus hardly reaches, in densities of a red cell along the cytoplasm axis.
_CLEARLY_PURPLE = 0.06
#: Pixels of a typical smear that every table begins with, half of them empty.
_TYPICAL_PIXELS = 400.0
#: Rows of the table with fewer pixels borrow from their neighbours.
_FULL_ROW = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """Evidence of a colour for a leukocyte against red cells and the empty slide.

    Attributes
    ----------
    red_cell_axis, cytoplasm_axis : tuple of float
        The two axes of the table.
    red_cell_density : float
        Unit of the densities along both axes.
    spread : float
        Of red cells along the cytoplasm axis, in that unit.
    evidence : numpy.ndarray of float32, shape (n_red, n_purple)
        Logarithm of how much more likely a colour is in a leukocyte, within +-3.
    """

    red_cell_axis: Vector
    cytoplasm_axis: Vector
    red_cell_density: float
    spread: float
    evidence: NDArray[np.float32]

    def clear_evidence(self, density: Density) -> Density:
        """Look up the evidence of optical densities, shape (..., 3).

        What is hardly purple counts as outside: next to nuclei it may be their blur.
        """
        red, purple = self.stained(density)
        clear: Density = np.where(
            purple > np.float32(_CLEARLY_PURPLE), self.evidence[self.bins(red, purple)], np.float32(-_LIMIT)
        )
        return clear

    def stained(self, density: Density) -> tuple[Density, Density]:
        """Give the density along both axes, 1 for the density of a red cell.

        Parameters
        ----------
        density : numpy.ndarray of float32, shape (..., 3)
            Optical density.

        Returns
        -------
        red, purple : numpy.ndarray of float32, shape (...)
        """
        unit = np.float32(1 / self.red_cell_density)
        return along(density, self.red_cell_axis) * unit, along(density, self.cytoplasm_axis) * unit

    def bins(self, red: Density, purple: Density) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Give row and column of the table for densities along the two axes."""
        return _bins(red, _RED_BEND, _RED), _bins(purple, self.spread, _PURPLE)


def _bins(values: Density, bend: float, axis: tuple[float, float, float]) -> NDArray[np.intp]:
    return np.searchsorted(_edges(bend, axis)[1:-1], values, "right")


def _edges(bend: float, axis: tuple[float, float, float]) -> NDArray[np.float32]:
    """Where the bins begin and end."""
    edges: NDArray[np.float32] = (bend * np.sinh(axis[0] + np.arange(_count(axis) + 1) * axis[2])).astype(
        np.float32
    )
    return edges


def _count(axis: tuple[float, float, float]) -> int:
    low, high, step = axis
    return round((high - low) / step)


#: Of the table of evidence.
TABLE_SHAPE = _count(_RED), _count(_PURPLE)


def _centres(axis: tuple[float, float, float]) -> NDArray[np.float64]:
    return np.asarray(axis[0] + (np.arange(_count(axis)) + 0.5) * axis[2], np.float64)


def fit_surroundings(
    densities: list[Density],
    nuclei: list[NDArray[np.bool_]],
    red_cell_axis: Vector,
    cytoplasm_axis: Vector,
    red_cell_density: float,
    um: float,
) -> Surroundings:
    """Count the colours of all that lies further from nuclei than cytoplasm reaches.

    Parameters
    ----------
    densities : list of numpy.ndarray of float32, shape (height, width, 3)
        Optical density of sampled places, smoothed as in the second pass.
    nuclei : list of numpy.ndarray of bool, shape (height, width)
        Nuclei in them.
    red_cell_axis, cytoplasm_axis : tuple of float
        Axes of the stain.
    red_cell_density : float
        Typical density of red cells along their axis.
    um : float
        µm per px of the places.
    """
    empty = np.zeros(TABLE_SHAPE, np.float32)
    unit = max(_LEAST_RED_CELL, red_cell_density)
    around = Surroundings(red_cell_axis, cytoplasm_axis, unit, _SPREAD, empty)
    outside = []
    for density, mask in zip(densities, nuclei, strict=True):
        far = np.ones(mask.shape, bool)
        if mask.any():
            far = ndimage.distance_transform_edt(~mask) > _CYTOPLASM_UM / um
        outside.append(density[far])
    red, purple = around.stained(np.concatenate(outside))
    spread = _spread(red, purple)
    around = Surroundings(red_cell_axis, cytoplasm_axis, unit, spread, empty)
    counts = _typical_counts(spread)
    np.add.at(counts, around.bins(red, purple), 1)
    return Surroundings(red_cell_axis, cytoplasm_axis, unit, spread, _evidence(counts))


def _spread(red: Density, purple: Density) -> float:
    """Robust spread of what is stained like red cells, drawn to that of a typical slide where there is little."""
    stained = purple[red > 0.3]
    values = stained if stained.size > 500 else purple
    if not values.size:
        return _SPREAD
    measured = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    total = measured * values.size + _SPREAD * _SPREAD_PIXELS
    return max(_LEAST_SPREAD, total / (values.size + _SPREAD_PIXELS))


def _typical_counts(spread: float) -> NDArray[np.float64]:
    """Begin with a few pixels of a typical smear, for slides that show little: empty places, and pure red cells."""
    red, purple = _edges(_RED_BEND, _RED).astype(np.float64), _edges(spread, _PURPLE).astype(np.float64)
    empty = np.outer(np.diff(ndtr(red / 0.03)), np.diff(ndtr(purple / (0.7 * spread))))
    stained = np.outer(np.diff(np.clip(red / 1.5, 0, 1)), np.diff(ndtr(purple / spread)))
    counts: NDArray[np.float64] = _TYPICAL_PIXELS / 2 * (empty + stained)
    return counts


def _evidence(counts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Turn counts into evidence, row by row of the density along the red cells' axis."""
    smooth = ndimage.gaussian_filter(counts, (1.0, 1.0), mode="nearest")
    rows = smooth.sum(axis=1)
    # Red cells can be darker than any that was sampled (they overlap): rows without pixels go on as the last full one.
    wide = ndimage.gaussian_filter(counts, (3.0, 1.0), mode="nearest")
    enough = np.nonzero(rows >= _FULL_ROW)[0]
    last = int(enough[-1]) if enough.size else 0
    purple = np.empty_like(smooth)
    for row in range(len(rows)):
        source = smooth[row] if rows[row] >= _FULL_ROW else wide[min(row, last)]
        purple[row] = (source + 1e-3) / (source.sum() + 1e-3 * len(source))
    likely = purple * np.maximum(rows / max(1.0, rows.sum()), 1 / _EVEN_BINS)[:, None]
    evidence = np.log(_leukocytes() / _EVEN_BINS**2 / likely)
    # Where the cut lies is set by the slide itself: that share of what is surely outside may look like inside.
    order = np.argsort(evidence, axis=None)
    cumulated = np.cumsum(smooth.ravel()[order])
    cut = evidence.ravel()[
        order[min(np.searchsorted(cumulated, (1 - _FALSE) * cumulated[-1]), order.size - 1)]
    ]
    evidence -= np.clip(cut, *_CUTS)
    limited: NDArray[np.float32] = np.clip(evidence, -_LIMIT, _LIMIT).astype(np.float32)
    return limited


def _leukocytes() -> NDArray[np.float64]:
    """How common the colours of the table are in leukocytes: pale ones of any hue, dense ones hardly red."""
    stained = 1 / (1 + np.exp((np.arcsinh(_STAINED / _RED_BEND) - _centres(_RED)) / _STAINED_WIDTH))
    purple = 1 / (1 + np.exp((_PURPLE_FROM - _centres(_PURPLE)) / _PURPLE_WIDTH))
    least = 1 - (1 - _HUE_OF_RED_CELLS) * stained[:, None]
    common: NDArray[np.float64] = least + (1 - least) * purple
    return common
