"""Tiles: how a slide is cut into pieces of work. The cut never shows in the result."""

from __future__ import annotations

from dataclasses import dataclass

#: Margin that every tile sees around its core.
HALO_UM = 25.0


@dataclass(frozen=True, slots=True)
class Tile:
    """One piece of work; the cores cover the slide without overlap.

    Attributes
    ----------
    y, x, height, width : int
        Core, level-0 px: cells whose nucleus has its centroid here belong to this tile.
    halo : int
        Margin around the core that is looked at too, level-0 px.
    """

    y: int
    x: int
    height: int
    width: int
    halo: int

    def owns(self, y: float, x: float) -> bool:
        """Whether a level-0 position (pixel centres are whole numbers) lies in the core."""
        return self.y <= y + 0.5 < self.y + self.height and self.x <= x + 0.5 < self.x + self.width


def plan_tiles(shape: tuple[int, int], um_per_px: float, core_px: int = 4096) -> list[Tile]:
    """Cut a slide into tiles, row by row.

    Parameters
    ----------
    shape : tuple of int
        Height and width, level-0 px.
    um_per_px : float
        µm per level-0 px.
    core_px : int, optional
        Side of a core; the last row and column may be smaller.

    Returns
    -------
    list of Tile

    Examples
    --------
    >>> [(t.y, t.x, t.height, t.width) for t in plan_tiles((100, 5000), 0.1)]
    [(0, 0, 100, 4096), (0, 4096, 100, 904)]
    """
    height, width = shape
    halo = round(HALO_UM / um_per_px)
    return [
        Tile(y, x, min(core_px, height - y), min(core_px, width - x), halo)
        for y in range(0, height, core_px)
        for x in range(0, width, core_px)
    ]
