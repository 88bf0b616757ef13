"""Where the cells lie: an endless smear in blocks, each of which can be worked out from its neighbours alone.

Cells are drawn by chance in every block and then thinned: of cells that would overlap, the one with the lower mark
stays. A few rounds of this fill the plane almost as densely as placing one cell after the other would, but a cell's
fate depends only on cells within ``rounds`` times the largest distance. Blocks are larger than that, so that a block
and its eight neighbours decide it, whatever window is asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_wbc.slides.synthetic.parameters import SmearParameters
from napari_wbc.slides.synthetic.stamps import StampLibrary

LEUKOCYTE_BLOCK_UM = 128.0
RED_CELL_BLOCK_UM = 64.0
_LEUKOCYTE_ROUNDS = 3
_RED_CELL_ROUNDS = 5
_GAP_UM = 0.8
_LARGEST_RED_CELL_UM = 4.0
# With 50 the default picture of seed 0 shows every class of the normal differential; any number would do.
_SALT = {"leukocyte": 50, "red_cell": 2, "platelet": 3}
#: Blocks left of and above the image have negative numbers, seeds must not.
_OFFSET = 2**20


@dataclass(frozen=True, slots=True)
class PlacedCell:
    """One cell on the smear: what is drawn, and its middle in µm from the image's upper left corner."""

    kind: str
    variant: int
    orientation: int
    y_um: float
    x_um: float


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Cells that want a place; sites of two touching leukocytes have ``pair`` set."""

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    mark: NDArray[np.float64]
    radius: NDArray[np.float64]
    pair: NDArray[np.bool_]
    #: Raw chance: for variant and orientation, (n, 3), of red cells; of leukocytes (n, 7) for class, variant and
    #: orientation, the same of the second cell of a pair, and the direction in which that lies.
    choice: NDArray[np.uint32]

    @staticmethod
    def joined(parts: list[_Candidates]) -> _Candidates:
        return _Candidates(
            *(
                np.concatenate([getattr(p, name) for p in parts])
                for name in ("y", "x", "mark", "radius", "pair", "choice")
            )
        )


class Placement:
    """The places of all cells of an endless smear."""

    def __init__(self, parameters: SmearParameters, library: StampLibrary) -> None:
        self._p = parameters
        self._library = library
        self._shares = parameters.shares
        self._limits = np.cumsum(list(self._shares.values()))
        self._classes = list(self._shares)
        self._single_radius = max(library.largest_leukocyte_um(c) for c in self._classes) + _GAP_UM / 2
        self.leukocytes_in_block = lru_cache(maxsize=2048)(self._leukocytes_in_block)
        self.others_in_block = lru_cache(maxsize=2048)(self._others_in_block)
        self._leukocyte_candidates = lru_cache(maxsize=2048)(self._draw_leukocyte_candidates)
        self._red_cell_candidates = lru_cache(maxsize=2048)(self._draw_red_cell_candidates)

    def leukocytes(self, y0: float, x0: float, y1: float, x1: float) -> list[PlacedCell]:
        """Give the leukocytes whose middle lies in a rectangle (µm)."""
        return [
            cell
            for block in _blocks(y0, x0, y1, x1, LEUKOCYTE_BLOCK_UM)
            for cell in self.leukocytes_in_block(*block)
            if y0 <= cell.y_um < y1 and x0 <= cell.x_um < x1
        ]

    def others(self, y0: float, x0: float, y1: float, x1: float) -> list[PlacedCell]:
        """Give red cells and platelets that may reach into a rectangle (µm)."""
        reach = _LARGEST_RED_CELL_UM + 2.0
        y0, x0, y1, x1 = y0 - reach, x0 - reach, y1 + reach, x1 + reach
        # Leukocytes push red cells out of the block in which they were born.
        push = self._single_radius + _LARGEST_RED_CELL_UM
        return [
            cell
            for block in _blocks(y0 - push, x0 - push, y1 + push, x1 + push, RED_CELL_BLOCK_UM)
            for cell in self.others_in_block(*block)
            if y0 <= cell.y_um < y1 and x0 <= cell.x_um < x1
        ]

    def _rng(self, salt: str, row: int, column: int) -> np.random.Generator:
        return np.random.default_rng([self._p.seed, _SALT[salt], row + _OFFSET, column + _OFFSET])

    def _draw_leukocyte_candidates(self, row: int, column: int) -> _Candidates:
        p = self._p
        rng = self._rng("leukocyte", row, column)
        area = LEUKOCYTE_BLOCK_UM**2
        fraction = p.touching_fraction
        wanted_pairs = p.leukocytes_per_mm2 * 1e-6 * area * fraction / 2
        pairs = int(rng.poisson(wanted_pairs))
        # Enough single cells that the thinning leaves a full plane, from which the density takes what it needs.
        singles = 3 * math.ceil(area / (math.pi * self._single_radius**2)) if p.leukocytes_per_mm2 > 0 else 0
        n = pairs + singles
        pair = np.arange(n) < pairs
        mark = rng.random(n)
        mark[~pair] += 1  # pairs come first: they need the most room
        radius = np.where(pair, 2, 1) * self._single_radius
        y, x = np.add(rng.random((2, n)), [[row], [column]]) * LEUKOCYTE_BLOCK_UM
        return _Candidates(y, x, mark, radius, pair, rng.integers(0, 2**32, (n, 7), np.uint32))

    def _leukocytes_in_block(self, row: int, column: int) -> tuple[PlacedCell, ...]:
        around = [self._leukocyte_candidates(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        start = sum(len(c.y) for c in around[:4])
        own = slice(start, start + len(around[4].y))
        everyone = _Candidates.joined(around)
        kept = _thin(everyone, _LEUKOCYTE_ROUNDS)[own]
        c = around[4]
        expected = self._p.leukocytes_per_mm2 * 1e-6 * LEUKOCYTE_BLOCK_UM**2 * (1 - self._p.touching_fraction)
        # The density of single cells is that asked for, as far as there is room.
        room = int(self._rng("leukocyte", column, row + _OFFSET).poisson(expected))
        singles = np.flatnonzero(kept & ~c.pair)
        singles = singles[np.argsort(c.mark[singles])][:room]
        cells: list[PlacedCell] = []
        for i in [*np.flatnonzero(kept & c.pair), *singles]:
            first = self._chosen(c.choice[i, :3])
            if not c.pair[i]:
                cells.append(PlacedCell(*first, float(c.y[i]), float(c.x[i])))
                continue
            second = self._chosen(c.choice[i, 3:6])
            angle = c.choice[i, 6] / 2**32 * 2 * math.pi
            # Across the line of contact the cells lie side by side.
            distance = 0.96 * (self._mean_radius(*first) + self._mean_radius(*second))
            for sign, chosen in ((-0.5, first), (0.5, second)):
                y = float(c.y[i]) + sign * distance * math.sin(angle)
                x = float(c.x[i]) + sign * distance * math.cos(angle)
                cells.append(PlacedCell(*chosen, y, x))
        return tuple(cells)

    def _chosen(self, chance: NDArray[np.uint32]) -> tuple[str, int, int]:
        index = int(np.searchsorted(self._limits, chance[0] / 2**32 * self._limits[-1], side="right"))
        kind = self._classes[min(index, len(self._classes) - 1)]
        return kind, int(chance[1] % self._library.variants(kind)), int(chance[2] % 8)

    def _mean_radius(self, kind: str, variant: int, orientation: int) -> float:
        cell = self._library.stamp(kind, variant, orientation).cell
        return math.sqrt(float(cell.sum()) / math.pi) * self._p.um_per_px

    def _draw_red_cell_candidates(self, row: int, column: int) -> _Candidates:
        p = self._p
        rng = self._rng("red_cell", row, column)
        n = int(rng.poisson(4.0 * p.red_cells_per_mm2 * 1e-6 * RED_CELL_BLOCK_UM**2))
        y, x = np.add(rng.random((2, n)), [[row], [column]]) * RED_CELL_BLOCK_UM
        # Some red cells overlap their neighbours.
        radius = np.where(rng.random(n) < 0.18, 2.3, rng.uniform(3.45, 3.75, n))
        mark, choice = rng.random(n), rng.integers(0, 2**32, (n, 3), np.uint32)
        low = (row * RED_CELL_BLOCK_UM, column * RED_CELL_BLOCK_UM)
        y, x = self._pushed(
            y, x, *low, low[0] + RED_CELL_BLOCK_UM, low[1] + RED_CELL_BLOCK_UM, rng.uniform(3.5, 3.9, n)
        )
        return _Candidates(y, x, mark, radius, np.zeros(n, bool), choice)

    def _pushed(
        self,
        y: NDArray[np.float64],
        x: NDArray[np.float64],
        y0: float,
        x0: float,
        y1: float,
        x1: float,
        radius: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Move points off the leukocytes around: outwards, until a cell of this radius just touches."""
        reach = self._single_radius + _LARGEST_RED_CELL_UM
        for cell in self.leukocytes(y0 - reach, x0 - reach, y1 + reach, x1 + reach):
            dy, dx = y - cell.y_um, x - cell.x_um
            distance = np.hypot(dy, dx)
            clear = (
                0.5
                * (
                    self._mean_radius(cell.kind, cell.variant, cell.orientation)
                    + self._library.stamp(cell.kind, cell.variant, cell.orientation).radius_um
                )
                + radius
            )
            factor = np.where(distance < clear, clear / np.maximum(distance, 1e-3), 1.0)
            y, x = cell.y_um + dy * factor, cell.x_um + dx * factor
        return y, x

    def _others_in_block(self, row: int, column: int) -> tuple[PlacedCell, ...]:
        p = self._p
        around = [self._red_cell_candidates(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        start = sum(len(c.y) for c in around[:4])
        c = around[4]
        kept = _thin(_Candidates.joined(around), _RED_CELL_ROUNDS)[start : start + len(c.y)]
        room = int(
            self._rng("red_cell", column, row + _OFFSET).poisson(
                p.red_cells_per_mm2 * 1e-6 * RED_CELL_BLOCK_UM**2
            )
        )
        chosen = np.flatnonzero(kept)
        chosen = chosen[np.argsort(c.mark[chosen])][:room]
        variants = self._library.variants("red_cell")
        cells = [
            PlacedCell(
                "red_cell",
                int(c.choice[i, 0] % variants),
                int(c.choice[i, 1] % 8),
                float(c.y[i]),
                float(c.x[i]),
            )
            for i in chosen
        ]
        return (*cells, *self._platelets(row, column, c.y[chosen], c.x[chosen]))

    def _platelets(
        self, row: int, column: int, red_y: NDArray[np.float64], red_x: NDArray[np.float64]
    ) -> list[PlacedCell]:
        """Platelets lie between the cells, seldom on a red cell, never on a leukocyte."""
        rng = self._rng("platelet", row, column)
        n = int(rng.poisson(2.2 * self._p.platelets_per_mm2 * 1e-6 * RED_CELL_BLOCK_UM**2))
        y, x = np.add(rng.random((2, n)), [[row], [column]]) * RED_CELL_BLOCK_UM
        variant, orientation = rng.integers(0, self._library.variants("platelet"), n), rng.integers(0, 8, n)
        low = (row * RED_CELL_BLOCK_UM, column * RED_CELL_BLOCK_UM)
        y, x = self._pushed(
            y, x, *low, low[0] + RED_CELL_BLOCK_UM, low[1] + RED_CELL_BLOCK_UM, rng.uniform(1.5, 2.5, n)
        )
        if len(red_y) and n:
            nearest, _ = cKDTree(np.column_stack([red_y, red_x])).query(np.column_stack([y, x]))
            free = (nearest > 4.6) | (rng.random(n) < 0.03)
        else:
            free = np.ones(n, bool)
        return [
            PlacedCell("platelet", int(variant[i]), int(orientation[i]), float(y[i]), float(x[i]))
            for i in np.flatnonzero(free)
        ]


def _blocks(y0: float, x0: float, y1: float, x1: float, size: float) -> list[tuple[int, int]]:
    rows = range(math.floor(y0 / size), math.floor(y1 / size) + 1)
    columns = range(math.floor(x0 / size), math.floor(x1 / size) + 1)
    return [(row, column) for row in rows for column in columns]


def _thin(candidates: _Candidates, rounds: int) -> NDArray[np.bool_]:
    """Tell which candidates stay: in each round those whose mark is the lowest among the rivals still undecided."""
    n = len(candidates.y)
    kept = np.zeros(n, bool)
    if n == 0:
        return kept
    points = np.column_stack([candidates.y, candidates.x])
    pairs = cKDTree(points).query_pairs(2 * float(candidates.radius.max()), output_type="ndarray")
    a, b = pairs[:, 0], pairs[:, 1]
    gap2 = ((points[a] - points[b]) ** 2).sum(1)
    rivals = gap2 < (candidates.radius[a] + candidates.radius[b]) ** 2
    a, b = a[rivals], b[rivals]
    # "lower" comes first in every pair of rivals.
    swap = candidates.mark[a] > candidates.mark[b]
    lower, higher = np.where(swap, b, a), np.where(swap, a, b)
    undecided = np.ones(n, bool)
    for _ in range(rounds):
        live = undecided[lower] & undecided[higher]
        beaten = np.zeros(n, bool)
        beaten[higher[live]] = True
        winners = undecided & ~beaten
        kept |= winners
        undecided &= ~winners
        undecided[higher[winners[lower]]] = False
        undecided[lower[winners[higher]]] = False
    return kept
