"""Cells that are proposed because they resemble others, or may be of a class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Alike:
    """Cells that resemble some, proposed to be labelled together.

    Attributes
    ----------
    seeds : tuple of int
        The cells that others resemble.
    rows : numpy.ndarray of int
        Those others, the nearest first.
    cosine : numpy.ndarray of float32
        One per row.
    least : float
        Those from here on are selected.
    """

    seeds: tuple[int, ...]
    rows: NDArray[np.intp]
    cosine: NDArray[np.float32]
    least: float

    @property
    def chosen(self) -> tuple[int, ...]:
        """The seeds and those that are alike enough."""
        return (*self.seeds, *(int(row) for row in self.rows[self.cosine >= self.least]))


@dataclass(frozen=True, slots=True)
class Likely:
    """Cells that may be of a class, proposed to be looked at one by one.

    Attributes
    ----------
    label : str
        The class.
    rows : numpy.ndarray of int
        The cells, the likeliest first.
    chance : numpy.ndarray of float64
        One per row.
    """

    label: str
    rows: NDArray[np.intp]
    chance: NDArray[np.float64]
