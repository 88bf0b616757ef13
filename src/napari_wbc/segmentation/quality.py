"""Quality of the regions of a smear: how thick, how crowded, how sharp. It is reported; nothing is left out for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegionQuality:
    """Quality of one block of the lattice that is laid over a slide.

    Attributes
    ----------
    y0, x0, y1, x1 : int
        The block, level-0 px (``y1`` and ``x1`` are outside).
    foreground_fraction : float
        Share of the area that cells cover, 0 to 1.
    crowding : float
        Median area of what hangs together, in areas of one red cell; NaN where there are no cells.
    clustered_fraction : float
        Share of the red-cell area that lies in clusters of more than one cell, 0 to 1; NaN where there are none.
    pallor_fraction : float
        Share of the single red cells that are paler in the middle, 0 to 1; NaN where there are none.
    sharpness : float
        Steepness of the edges of red cells against their density, 1/µm; NaN where there are none.
    """

    y0: int
    x0: int
    y1: int
    x1: int
    foreground_fraction: float
    crowding: float
    clustered_fraction: float
    pallor_fraction: float
    sharpness: float
