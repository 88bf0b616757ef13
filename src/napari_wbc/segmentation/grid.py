"""Grids: a slide seen at about a wanted resolution, cut at absolute places so that no window changes a pixel."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_wbc.segmentation.kernels import box_reduce, interpolate
from napari_wbc.slides.slide import RGB, Slide


@dataclass(frozen=True, slots=True)
class Grid:
    """A level of a slide, box-reduced by a whole factor whose blocks are counted from the slide's corner.

    Attributes
    ----------
    level : int
        Level of the slide that is read.
    factor : int
        Level px per grid px.
    px : float
        Level-0 px per grid px.
    um : float
        µm per grid px.
    shape : tuple of int
        Height and width of the whole slide, grid px; the last row and column may stand for partial blocks.
    """

    level: int
    factor: int
    px: float
    um: float
    shape: tuple[int, int]

    @classmethod
    def at(cls, slide: Slide, um_per_px: float, wanted_um: float, *, not_coarser: bool = False) -> Grid:
        """Choose level and factor for a resolution.

        Parameters
        ----------
        slide : Slide
            The slide.
        um_per_px : float
            µm per level-0 px.
        wanted_um : float
            µm per grid px that are wanted.
        not_coarser : bool, optional
            Whether the grid must be at least that fine (where level 0 is).
        """
        limit = wanted_um if not_coarser else 1.2 * wanted_um
        level = 0
        for index, candidate in enumerate(slide.levels):
            if um_per_px * candidate.downsample <= limit:
                level = index
        native = um_per_px * slide.levels[level].downsample
        factor = max(1, int(wanted_um / native + 1e-6) if not_coarser else round(wanted_um / native))
        height, width = slide.levels[level].shape
        return cls(
            level=level,
            factor=factor,
            px=slide.levels[level].downsample * factor,
            um=native * factor,
            shape=(-(-height // factor), -(-width // factor)),
        )

    def read(self, slide: Slide, y0: int, x0: int, y1: int, x1: int) -> RGB:
        """Read the window ``y0:y1, x0:x1`` (grid px, inside ``shape``)."""
        f = self.factor
        rows, columns = slide.levels[self.level].shape
        bottom, right = min(y1 * f, rows), min(x1 * f, columns)
        pixels = slide.read(self.level, y0 * f, x0 * f, bottom - y0 * f, right - x0 * f)
        if f == 1:
            return pixels
        missing = (y1 * f - bottom, x1 * f - right)
        if missing != (0, 0):
            pixels = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        return box_reduce(pixels, f)

    def index(self, level0: float) -> int:
        """Grid px that a level-0 coordinate (pixel centres are whole numbers) falls into."""
        return int((level0 + 0.5) // self.px)

    def level0(self, index: float) -> float:
        """Level-0 coordinate of a grid coordinate."""
        return (index + 0.5) * self.px - 0.5

    def level0_range(self, start: int, count: int) -> NDArray[np.float64]:
        """Level-0 coordinates of ``count`` grid coordinates from ``start`` on."""
        positions: NDArray[np.float64] = (
            np.arange(start, start + count, dtype=np.float64) + 0.5
        ) * self.px - 0.5
        return positions


@dataclass(frozen=True, slots=True)
class RememberingGrid(Grid):
    """A grid that keeps the largest window it has read: what lies inside is not read again. For one slide only."""

    _window: list[tuple[int, int, RGB]] = field(default_factory=list, init=False, repr=False, compare=False)

    def read(self, slide: Slide, y0: int, x0: int, y1: int, x1: int) -> RGB:
        """Read the window ``y0:y1, x0:x1`` (grid px, inside ``shape``); it must not be written to."""
        for top, left, pixels in self._window:
            height, width = pixels.shape[:2]
            if top <= y0 and left <= x0 and y1 <= top + height and x1 <= left + width:
                return pixels[y0 - top : y1 - top, x0 - left : x1 - left]
        pixels = Grid.read(self, slide, y0, x0, y1, x1)
        if all(pixels.size > kept.size for _, _, kept in self._window):
            self._window[:] = [(y0, x0, pixels)]
        return pixels


def enlarge_mask(
    mask: NDArray[np.bool_],
    source: Grid,
    origin: tuple[int, int],
    target_px: float,
    window: tuple[int, int, int, int],
) -> NDArray[np.bool_]:
    """Sample a mask on a finer grid, with smooth outlines (bilinear, cut at one half).

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (height, width)
        On the grid ``source``.
    source : Grid
        Grid of the mask.
    origin : tuple of int
        Where ``mask[0, 0]`` lies on that grid; outside the mask is False.
    target_px : float
        Level-0 px per px of the result.
    window : tuple of int
        ``(y0, x0, y1, x1)`` of the result, in its px.

    Notes
    -----
    Masks without a common pixel have none afterwards: a little more than one half is asked for, so that rounding
    cannot give a pixel to both.
    """
    return enlarge(mask.astype(np.float32), source, origin, target_px, window) > np.float32(0.50001)


def enlarge(
    values: NDArray[np.float32],
    source: Grid,
    origin: tuple[int, int],
    target_px: float,
    window: tuple[int, int, int, int],
) -> NDArray[np.float32]:
    """Sample values on a finer grid, bilinearly; see :func:`enlarge_mask`. Outside they are 0."""
    y0, x0, y1, x1 = window
    weights: list[tuple[NDArray[np.intp], NDArray[np.float32]]] = []
    parts: list[slice] = []
    for start, stop, first, size in (
        (y0, y1, origin[0], values.shape[0]),
        (x0, x1, origin[1], values.shape[1]),
    ):
        position = np.clip((np.arange(start, stop) + 0.5) * (target_px / source.px) - 0.5 - first, -1, size)
        low = np.floor(position).astype(np.intp)
        used = slice(max(0, int(low[0])), max(0, int(low[-1]) + 2))
        parts.append(used)
        # Rounded: the same place has the same weight whatever the origin.
        weights.append((low + 1 - used.start, np.round(position - low, 6).astype(np.float32)))
    padded = np.pad(values[parts[0], parts[1]], ((1, 2), (1, 2)))
    (rows, wy), (columns, wx) = weights
    return interpolate(padded, rows, wy, columns, wx)
