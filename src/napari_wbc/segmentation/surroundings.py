"""What lies around leukocytes: how common every colour is outside of them, learned per slide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_wbc.segmentation.stain import Density, Vector, along

#: Ranges and steps of the density along the red cells' axis and along the cytoplasm axis.
_RED = (-0.06, 0.80, 0.02)
_PURPLE = (-0.16, 0.40, 0.005)
#: Leukocytes have all colours of a wide range alike: densities per unit of either axis.
_EVEN_RED, _EVEN_PURPLE = 1 / 0.6, 1 / 0.3
_FALSE = 0.10
_CUTS = (-2.5, 0.5)
_LIMIT = 3.0
#: Leukocytes end at most this far from the rim of their nuclei.
_CYTOPLASM_UM = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """Evidence of a colour for a leukocyte against red cells and the empty slide.

    Attributes
    ----------
    red_cell_axis, cytoplasm_axis : tuple of float
        The two axes of the table.
    evidence : numpy.ndarray of float32, shape (n_red, n_purple)
        Logarithm of how much more likely a colour is in a leukocyte, within +-3.
    """

    red_cell_axis: Vector
    cytoplasm_axis: Vector
    evidence: NDArray[np.float32]

    def leukocyte_evidence(self, density: Density) -> Density:
        """Look up the evidence of every pixel of an optical density, shape (height, width)."""
        red = _bins(along(density, self.red_cell_axis), _RED)
        purple = _bins(along(density, self.cytoplasm_axis), _PURPLE)
        looked_up: Density = self.evidence[red, purple]
        return looked_up


def _bins(values: Density, axis: tuple[float, float, float]) -> NDArray[np.intp]:
    low, high, step = axis
    count = round((high - low) / step)
    scaled = (values - np.float32(low)) * np.float32(1 / step)
    index: NDArray[np.intp] = np.clip(scaled, 0, count - 1).astype(np.intp)
    return index


def fit_surroundings(
    densities: list[Density],
    nuclei: list[NDArray[np.bool_]],
    red_cell_axis: Vector,
    cytoplasm_axis: Vector,
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
    um : float
        µm per px of the places.
    """
    shape = tuple(round((high - low) / step) for low, high, step in (_RED, _PURPLE))
    counts = _typical_counts(shape)
    for density, mask in zip(densities, nuclei, strict=True):
        far = np.ones(mask.shape, bool)
        if mask.any():
            far = ndimage.distance_transform_edt(~mask) > _CYTOPLASM_UM / um
        outside = density[far]
        index = _bins(along(outside, red_cell_axis), _RED), _bins(along(outside, cytoplasm_axis), _PURPLE)
        np.add.at(counts, index, 1)
    return Surroundings(red_cell_axis, cytoplasm_axis, _evidence(counts))


def _typical_counts(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Begin with a few pixels of a typical smear, for slides that show little: empty places, and pure red cells."""
    counts = np.zeros(shape)
    red = _bins(np.arange(0.0, 0.5, _RED[2], dtype=np.float32), _RED)
    purple = _bins(np.arange(-0.015, 0.016, _PURPLE[2], dtype=np.float32), _PURPLE)
    counts[np.ix_(red, purple)] = 0.3
    counts[np.ix_(red[:2], purple)] = 4.0
    return counts


def _evidence(counts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Turn counts into evidence, row by row of the density along the red cells' axis."""
    smooth = ndimage.gaussian_filter(counts, (1.0, 1.0), mode="nearest")
    rows = smooth.sum(axis=1)
    # Red cells can be darker than any that was sampled (they overlap): rows without pixels go on as the last full one.
    wide = ndimage.gaussian_filter(counts, (3.0, 1.0), mode="nearest")
    enough = np.nonzero(rows >= 30)[0]
    last = int(enough[-1]) if enough.size else 0
    purple = np.empty_like(smooth)
    for row in range(len(rows)):
        source = smooth[row] if rows[row] >= 30 else wide[min(row, last)]
        purple[row] = (source + 1e-3) / (source.sum() + 1e-3 * len(source)) / _PURPLE[2]
    red = rows / max(1.0, rows.sum()) / _RED[2]
    likely = purple * np.maximum(red, _EVEN_RED)[:, None]
    evidence = np.log(_EVEN_RED * _EVEN_PURPLE / likely)
    # Where the cut lies is set by the slide itself: that share of what is surely outside may look like inside.
    order = np.argsort(evidence, axis=None)
    cumulated = np.cumsum(smooth.ravel()[order])
    cut = evidence.ravel()[
        order[min(np.searchsorted(cumulated, (1 - _FALSE) * cumulated[-1]), order.size - 1)]
    ]
    evidence -= np.clip(cut, *_CUTS)
    limited: NDArray[np.float32] = np.clip(evidence, -_LIMIT, _LIMIT).astype(np.float32)
    return limited
