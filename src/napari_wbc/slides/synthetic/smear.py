"""The synthetic smear: any window of it can be drawn without the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.execution.progress import CancelToken
from napari_wbc.masks import CellMask
from napari_wbc.slides.synthetic.optics import Optics
from napari_wbc.slides.synthetic.parameters import SmearParameters
from napari_wbc.slides.synthetic.placement import LEUKOCYTE_BLOCK_UM, PlacedCell, Placement
from napari_wbc.slides.synthetic.stamps import DRAWINGS, stamp_library

#: Windows are drawn in pieces that fit into the processor's cache.
_PIECE_PX = 512
_LARGEST_STAMP_UM = max(half_um for _, _, half_um in DRAWINGS.values())

#: Nucleus y, x; box y0, x0, y1, x1; label; areas of nucleus and cell; touches_border.
TruthRow = tuple[float, float, int, int, int, int, str, float, float, bool]


@dataclass(frozen=True, slots=True)
class SyntheticCell:
    """The truth about one nucleated cell, as far as it lies in the image.

    Attributes
    ----------
    label : str
        Its class.
    y_px, x_px : float
        Centroid of the nucleus, px.
    nucleus_area_um2, cell_area_um2 : float
        Areas, µm².
    touches_border : bool
        Whether the image's border cuts the cell.
    mask : CellMask
        Its pixels.
    """

    label: str
    y_px: float
    x_px: float
    nucleus_area_um2: float
    cell_area_um2: float
    touches_border: bool
    mask: CellMask

    @property
    def bbox(self) -> tuple[int, int, int, int]:
        """Box of the cell as ``(y0, x0, y1, x1)``, ends excluded, px."""
        return self.mask.bbox


class SyntheticSmear:
    """A drawn blood smear with its truth.

    It serves the demo, tests and benchmarks of scale. It is **not evidence of accuracy**: drawn cells are easier and
    more alike than real ones.

    Parameters
    ----------
    parameters : SmearParameters
        What to draw.

    Examples
    --------
    >>> smear = SyntheticSmear(SmearParameters(height=300, width=400, seed=3))
    >>> smear.draw(0, 0, 300, 400).shape
    (300, 400, 3)
    >>> bool((smear.draw(100, 50, 80, 90) == smear.draw(0, 0, 300, 400)[100:180, 50:140]).all())
    True
    """

    def __init__(self, parameters: SmearParameters) -> None:
        self.parameters = parameters
        p = parameters
        self._library = stamp_library(p.seed, p.stain, p.stain_strength, p.um_per_px)
        self._placement = Placement(p, self._library)
        self._optics = Optics(p)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, px."""
        return self.parameters.height, self.parameters.width

    def draw(self, y: int, x: int, height: int, width: int) -> NDArray[np.uint8]:
        """Draw a window; every tiling gives the same pixels.

        Parameters
        ----------
        y, x : int
            Upper left corner, px.
        height, width : int
            Size, px.

        Returns
        -------
        numpy.ndarray of uint8, shape (height, width, 3)
            RGB.

        Raises
        ------
        ValueError
            The window leaves the image.
        """
        self._check_window(y, x, height, width)
        image = np.empty((height, width, 3), np.uint8)
        for y0 in range(y, y + height, _PIECE_PX):
            for x0 in range(x, x + width, _PIECE_PX):
                y1, x1 = min(y0 + _PIECE_PX, y + height), min(x0 + _PIECE_PX, x + width)
                image[y0 - y : y1 - y, x0 - x : x1 - x] = self._draw_piece(y0, x0, y1 - y0, x1 - x0)
        return image

    def cells(self, y: int, x: int, height: int, width: int) -> list[SyntheticCell]:
        """Give the truth of the nucleated cells that reach into a window, ordered by (y, x) of the nucleus.

        A cell whose nucleus lies wholly outside of the image is not counted.
        """
        self._check_window(y, x, height, width)
        found = [
            cell
            for cell in map(self._truth_of, self._leukocytes_near(y, x, height, width))
            if cell is not None
            and cell.bbox[0] < y + height
            and cell.bbox[2] > y
            and cell.bbox[1] < x + width
            and cell.bbox[3] > x
        ]
        return sorted(found, key=lambda cell: (cell.y_px, cell.x_px))

    def truth(self) -> pd.DataFrame:
        """Give the truth of the whole image, one row per nucleated cell.

        Returns
        -------
        pandas.DataFrame
            ``cell_id`` (1..n, by (y, x) of the nucleus), ``y_px``, ``x_px``, ``bbox_y0``, ``bbox_x0``, ``bbox_y1``,
            ``bbox_x1``, ``label``, ``nucleus_area_um2``, ``cell_area_um2``, ``touches_border``.
        """
        return truth_table([row for strip in self.truth_rows() for row in strip])

    def truth_rows(self, cancel: CancelToken | None = None) -> Iterator[list[TruthRow]]:
        """Go through the nucleated cells of the whole image, one strip of blocks at a time.

        Masks are not kept: the rows of a whole slide take little memory.
        """
        um, margin = self.parameters.um_per_px, _LARGEST_STAMP_UM
        bottom, right = self.shape[0] * um + margin, self.shape[1] * um + margin
        y = -margin
        while y < bottom:
            rows: list[TruthRow] = []
            x = -margin
            while x < right:
                if cancel is not None:
                    cancel.check()
                y1, x1 = min(y + LEUKOCYTE_BLOCK_UM, bottom), min(x + 32 * LEUKOCYTE_BLOCK_UM, right)
                rows += [
                    (c.y_px, c.x_px, *c.bbox, c.label, c.nucleus_area_um2, c.cell_area_um2, c.touches_border)
                    for c in map(self._truth_of, self._placement.leukocytes(y, x, y1, x1))
                    if c is not None
                ]
                x = x1
            yield rows
            y += LEUKOCYTE_BLOCK_UM

    def _check_window(self, y: int, x: int, height: int, width: int) -> None:
        if (
            y < 0
            or x < 0
            or height < 1
            or width < 1
            or y + height > self.shape[0]
            or x + width > self.shape[1]
        ):
            raise ValueError(f"the window {y}, {x}, {height} x {width} leaves the smear of {self.shape} px")

    def _leukocytes_near(self, y: int, x: int, height: int, width: int) -> list[PlacedCell]:
        um, margin = self.parameters.um_per_px, _LARGEST_STAMP_UM
        return self._placement.leukocytes(
            y * um - margin, x * um - margin, (y + height) * um + margin, (x + width) * um + margin
        )

    def _corner(self, cell: PlacedCell, stamp_shape: tuple[int, ...]) -> tuple[int, int]:
        um = self.parameters.um_per_px
        return (
            math.floor(cell.y_um / um + 0.5) - stamp_shape[0] // 2,
            math.floor(cell.x_um / um + 0.5) - stamp_shape[1] // 2,
        )

    def _draw_piece(self, y: int, x: int, height: int, width: int) -> NDArray[np.uint8]:
        halo = self._optics.halo
        y, x, height, width = y - halo, x - halo, height + 2 * halo, width + 2 * halo
        od = np.zeros((height, width, 3), np.uint16)
        self._optics.add_film(od, y, x)
        um = self.parameters.um_per_px
        others = self._placement.others(y * um, x * um, (y + height) * um, (x + width) * um)
        for cell in (*others, *self._leukocytes_near(y, x, height, width)):
            stamp = self._library.stamp(cell.kind, cell.variant, cell.orientation)
            h, w = stamp.cell.shape
            top, left = self._corner(cell, (h, w))
            top, left = top - y, left - x
            y0, x0, y1, x1 = max(0, top), max(0, left), min(height, top + h), min(width, left + w)
            if y0 < y1 and x0 < x1:
                od[y0:y1, x0:x1] += stamp.od[y0 - top : y1 - top, x0 - left : x1 - left]
        return self._optics.expose(od, y + halo, x + halo)

    def _truth_of(self, placed: PlacedCell) -> SyntheticCell | None:
        stamp = self._library.stamp(placed.kind, placed.variant, placed.orientation)
        top, left = self._corner(placed, stamp.cell.shape)
        height, width = self.shape
        # The image is a window onto a larger smear: only what lies in it is true.
        y0, x0 = max(0, -top), max(0, -left)
        y1, x1 = min(stamp.cell.shape[0], height - top), min(stamp.cell.shape[1], width - left)
        if y0 >= y1 or x0 >= x1:
            return None
        cell, nucleus = stamp.cell[y0:y1, x0:x1], stamp.nucleus[y0:y1, x0:x1]
        if not nucleus.any():
            return None
        rows, columns = np.flatnonzero(cell.any(1)), np.flatnonzero(cell.any(0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        cell, nucleus = cell[box], nucleus[box]
        top, left = top + y0 + int(rows[0]), left + x0 + int(columns[0])
        ys, xs = np.nonzero(nucleus)
        pixel = self.parameters.um_per_px**2
        return SyntheticCell(
            label=placed.kind,
            y_px=top + float(ys.mean()),
            x_px=left + float(xs.mean()),
            nucleus_area_um2=float(nucleus.sum()) * pixel,
            cell_area_um2=float(cell.sum()) * pixel,
            touches_border=bool(
                top == 0 or left == 0 or top + cell.shape[0] == height or left + cell.shape[1] == width
            ),
            mask=CellMask(top, left, cell, nucleus),
        )


def truth_table(rows: Sequence[TruthRow]) -> pd.DataFrame:
    """Make the table of the truth; the cells are numbered by (y, x) of the nucleus."""
    names = ["y_px", "x_px", "bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]
    names += ["label", "nucleus_area_um2", "cell_area_um2", "touches_border"]
    table = pd.DataFrame(sorted(rows), columns=names)
    table.insert(0, "cell_id", np.arange(1, len(rows) + 1))
    return table


def default_sample(seed: int = 0) -> tuple[NDArray[np.uint8], SmearParameters]:
    """Draw the sample image of the demo: 2400 x 1800 px at 0.1 µm per px, some 40 leukocytes.

    Returns
    -------
    image : numpy.ndarray of uint8, shape (1800, 2400, 3)
        RGB.
    parameters : SmearParameters
        What it was drawn from; ``SyntheticSmear(parameters).truth()`` is its truth.
    """
    parameters = SmearParameters(seed=seed)
    return SyntheticSmear(parameters).draw(0, 0, parameters.height, parameters.width), parameters
