"""Quality of the regions of a smear: how thick, how crowded, how sharp. It is reported; nothing is left out for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.segmentation.tiles import Tile

#: Side of a block of the lattice, about.
BLOCK_UM = 128.0


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
        Median area of what hangs together, in areas of one red cell; NaN where there are no red cells.
    clustered_fraction : float
        Share of the red-cell area that lies in clusters of more than one cell, 0 to 1; NaN where there is none.
    pallor_fraction : float
        Share of the red cells that are paler in the middle, 0 to 1; NaN where there are less than three.
    sharpness : float
        Median over the edges of red cells of their steepest slope, as a share of the contrast across them per µm; NaN
        where there are less than three red cells. The grid of about 0.5 µm per px tells blurs of 0.5 µm (sigma) and
        more from sharp; a finer loss of focus is not seen here, but in the flag ``blurred`` of a cell.
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


_NAMES = tuple(f.name for f in fields(RegionQuality))
#: The measures of a region, in their order.
MEASURES = _NAMES[4:]
# What the dataclass's own function copies deeply: a slide has 30,000 blocks.
_values_of = attrgetter(*_NAMES)


@dataclass(frozen=True, slots=True)
class Lattice:
    """Blocks of about 128 µm that cover a slide: all of nearly one size, whatever the tiles.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the slide, level-0 px.
    um_per_px : float
        µm per level-0 px.
    """

    shape: tuple[int, int]
    um_per_px: float

    def edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Borders of the rows and of the columns of blocks, level-0 px; the first is 0, the last the slide's side."""
        rows, columns = (
            np.arange(count + 1) * size // count
            for size in self.shape
            for count in [max(1, round(size * self.um_per_px / BLOCK_UM))]
        )
        return rows, columns

    def blocks_at(
        self, y: NDArray[np.float64], x: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of the blocks that hold level-0 positions (pixel centres are whole numbers)."""
        row, column = (
            np.clip(np.searchsorted(edges, position + 0.5, side="right") - 1, 0, len(edges) - 2)
            for edges, position in zip(self.edges(), (y, x), strict=True)
        )
        return row, column

    def owned(self, tile: Tile) -> list[tuple[int, int, int, int]]:
        """Give the blocks whose middle lies in the core of a tile, row by row, as ``(y0, x0, y1, x1)``."""
        rows, columns = self.edges()
        return [
            (y0, x0, y1, x1)
            for y0, y1 in _around(rows, tile.y, tile.y + tile.height)
            for x0, x1 in _around(columns, tile.x, tile.x + tile.width)
        ]


def _around(edges: NDArray[np.int64], start: int, stop: int) -> list[tuple[int, int]]:
    middles = (edges[:-1] + edges[1:]) // 2
    inside = np.flatnonzero((start <= middles) & (middles < stop))
    return [(int(edges[k]), int(edges[k + 1])) for k in inside]


def quality_map(regions: Sequence[RegionQuality], lattice: Lattice) -> NDArray[np.float64]:
    """Lay the measures of regions out as an image with one px per block.

    Parameters
    ----------
    regions : sequence of RegionQuality
        In any order.
    lattice : Lattice
        Of the slide.

    Returns
    -------
    numpy.ndarray of float64, shape (rows, columns, 5)
        The measures in the order of ``MEASURES``; NaN where no region was measured.
    """
    rows, columns = lattice.edges()
    values = np.full((len(rows) - 1, len(columns) - 1, len(MEASURES)), np.nan)
    if regions:
        table = np.array(list(map(_values_of, regions)))
        values[lattice.blocks_at(table[:, 0], table[:, 1])] = table[:, 4:]
    return values


def with_regions(cells: pd.DataFrame, regions: Sequence[RegionQuality], lattice: Lattice) -> pd.DataFrame:
    """Give cells the quality of the regions that they lie in.

    Parameters
    ----------
    cells : pandas.DataFrame
        With ``y_px`` and ``x_px``, the centres of the cells.
    regions : sequence of RegionQuality
        In any order.
    lattice : Lattice
        Of the slide.

    Returns
    -------
    pandas.DataFrame
        The table with a column ``region_<measure>`` per measure, NaN where it is not known.
    """
    block = lattice.blocks_at(cells["y_px"].to_numpy(np.float64), cells["x_px"].to_numpy(np.float64))
    values = quality_map(regions, lattice)[block]
    return cells.assign(**{f"region_{name}": values[:, k] for k, name in enumerate(MEASURES)})


def regions_table(regions: Sequence[RegionQuality]) -> pd.DataFrame:
    """Put regions into a table, row by row of the lattice: their box in level-0 px, and the measures."""
    table = pd.DataFrame(sorted(map(_values_of, regions)), columns=list(_NAMES))
    return table.astype({name: "float64" if name in MEASURES else "int64" for name in _NAMES})
