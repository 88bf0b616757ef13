"""The regions of a slide that a user chose: only cells whose centre lies in one of them count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_wbc.errors import InputError

if TYPE_CHECKING:
    from napari_wbc.segmentation.cells import SegmentedCell
    from napari_wbc.segmentation.tiles import Tile

#: ``(y0, x0, y1, x1)``, level-0 px.
Region = tuple[float, float, float, float]


def checked_regions(regions: Sequence[Region] | None, shape: tuple[int, int]) -> list[Region] | None:
    """Make sure that every region lies on the image.

    Parameters
    ----------
    regions : sequence of (y0, x0, y1, x1), or None
        Level-0 px; None is all of the image.
    shape : tuple of int
        Height and width of the image, level-0 px.

    Raises
    ------
    InputError
        Naming the region that does not.
    """
    if regions is None:
        return None
    checked = []
    for region in regions:
        y0, x0, y1, x1 = (float(value) for value in region)
        if not (y0 < y1 and x0 < x1 and y1 > 0 and x1 > 0 and y0 < shape[0] and x0 < shape[1]):
            raise InputError(
                f"the region {y0:g}, {x0:g}, {y1:g}, {x1:g} does not lie on the image of "
                f"{shape[0]} x {shape[1]} px; give y0, x0, y1, x1 with y0 < y1 and x0 < x1"
            )
        checked.append((y0, x0, y1, x1))
    return checked


def tiles_of(regions: Sequence[Region] | None, tiles: list[Tile]) -> list[Tile]:
    """Keep the tiles that touch a region: nothing else can hold a cell that counts."""
    if regions is None:
        return tiles
    return [
        tile
        for tile in tiles
        if any(
            y0 < tile.y + tile.height and tile.y - 1 < y1 and x0 < tile.x + tile.width and tile.x - 1 < x1
            for y0, x0, y1, x1 in regions
        )
    ]


def inside(cell: SegmentedCell, regions: Sequence[Region] | None) -> bool:
    """Tell whether the centre of a cell lies in one of the regions; all cells do where none was chosen."""
    return regions is None or any(y0 <= cell.y_px < y1 and x0 <= cell.x_px < x1 for y0, x0, y1, x1 in regions)
