"""What every slide offers, however it is stored: levels, the file's scale, and windows of RGB pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a slide.

    Attributes
    ----------
    shape : tuple of int
        Height and width, px of this level.
    downsample : float
        Level-0 px per px of this level; 1.0 at level 0.
    """

    shape: tuple[int, int]
    downsample: float


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a pixel is, and how that is known.

    Attributes
    ----------
    um_per_px : float
        µm per level-0 px.
    origin : {"given", "metadata", "slide_model", "red_cells"}
        Said by the user, by the file, known from other fields of the slide, or estimated from the size of the red
        cells.
    confidence : float
        0 to 1; see :func:`napari_wbc.slides.estimate_scale`. 1 when the user gave it.
    n_red_cells : int
        Isolated red cells behind an estimate.
    """

    um_per_px: float
    origin: Literal["given", "metadata", "slide_model", "red_cells"]
    confidence: float
    n_red_cells: int = 0


@runtime_checkable
class Slide(Protocol):
    """An image of a smear, of any size, read window by window.

    Slides can be pickled (workers open the file anew) and read from several threads at once.

    Attributes
    ----------
    name : str
        Stem of the file, or the name given for an array.
    path : pathlib.Path or None
        Where it lies; None for an array.
    shape : tuple of int
        Height and width of level 0, px.
    levels : tuple of Level
        From the finest to the coarsest.
    metadata_um_per_px : float or None
        µm per level-0 px as the file tells it, unchecked.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_wbc as wbc
    >>> slide = wbc.open_slide(np.zeros((4, 6, 3), np.uint8), name="black")
    >>> slide.name, slide.shape, slide.read(0, 1, 2, 2, 3).shape
    ('black', (4, 6), (2, 3, 3))
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def path(self) -> Path | None: ...  # noqa: D102
    @property
    def shape(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def levels(self) -> tuple[Level, ...]: ...  # noqa: D102
    @property
    def metadata_um_per_px(self) -> float | None: ...  # noqa: D102

    def read(self, level: int, y: int, x: int, height: int, width: int) -> RGB:
        """Pixels of a window; ``y`` and ``x`` are px of that level.

        Parameters
        ----------
        level : int
            Which of ``levels``.
        y, x : int
            Upper left corner, px of that level.
        height, width : int
            At least 1; the window must lie inside the level.

        Returns
        -------
        numpy.ndarray of uint8, shape (height, width, 3)
            RGB, a copy that the caller may change.

        Raises
        ------
        ValueError
            When the window leaves the level.
        InputError
            When the file cannot be read there.
        """
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def check_window(levels: tuple[Level, ...], level: int, y: int, x: int, height: int, width: int) -> None:
    """Raise ValueError when a window is not inside its level.

    Parameters
    ----------
    levels : tuple of Level
        Of the slide.
    level, y, x, height, width : int
        As in :meth:`Slide.read`.
    """
    if not 0 <= level < len(levels):
        raise ValueError(f"level {level} does not exist; the slide has {len(levels)}")
    rows, columns = levels[level].shape
    if height < 1 or width < 1 or y < 0 or x < 0 or y + height > rows or x + width > columns:
        raise ValueError(
            f"window y={y} x={x} height={height} width={width} leaves level {level} of {rows} x {columns} px"
        )


def _mirrored(start: int, length: int, size: int) -> NDArray[np.intp]:
    """Fold start .. start+length-1 back into 0 .. size-1 without repeating the border pixel."""
    index = np.arange(start, start + length)
    if size == 1:
        return np.zeros(length, np.intp)
    period = 2 * (size - 1)
    index %= period
    return np.minimum(index, period - index)


def read_padded(
    slide: Slide,
    level: int,
    y: int,
    x: int,
    height: int,
    width: int,
    mode: Literal["reflect", "edge"] = "reflect",
) -> RGB:
    """Pixels of a window that may stick out of the slide.

    Parameters
    ----------
    slide : Slide
        Where to read.
    level, y, x, height, width : int
        As in :meth:`Slide.read`, but ``y`` and ``x`` may be negative and the window may end beyond the level.
    mode : {"reflect", "edge"}
        What lies outside: the slide mirrored at its border pixel (as ``numpy.pad`` with "reflect"), or the
        border pixel repeated.

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width, 3)
        RGB.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_wbc.slides import open_slide, read_padded
    >>> ramp = np.repeat(np.arange(4, dtype=np.uint8)[None, :, None] * 10, 3, axis=2)
    >>> tinted = ramp + np.array([2, 1, 0], np.uint8)
    >>> read_padded(open_slide(tinted), 0, 0, -2, 1, 5)[0, :, 2]
    array([20, 10,  0, 10, 20], dtype=uint8)
    """
    if mode not in ("reflect", "edge"):
        raise ValueError(f"mode is {mode!r}; it must be 'reflect' or 'edge'")
    if height < 1 or width < 1:
        raise ValueError(f"window of {height} x {width} px is empty")
    rows, columns = slide.levels[level].shape
    if min(y, x) >= 0 and y + height <= rows and x + width <= columns:
        return slide.read(level, y, x, height, width)
    if mode == "reflect":
        yy, xx = _mirrored(y, height, rows), _mirrored(x, width, columns)
    else:
        yy = np.clip(np.arange(y, y + height), 0, rows - 1)
        xx = np.clip(np.arange(x, x + width), 0, columns - 1)
    y0, x0 = int(yy.min()), int(xx.min())
    inside = slide.read(level, y0, x0, int(yy.max()) - y0 + 1, int(xx.max()) - x0 + 1)
    return inside[(yy - y0)[:, None], xx - x0]
