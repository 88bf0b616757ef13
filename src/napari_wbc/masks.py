"""Masks of single cells: kept per cell, painted into a label image only on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


class CellMask:
    """The pixels of one cell and of its nucleus, in level-0 pixels of the slide.

    They are kept as run lengths, about 1 kB for a leukocyte at 0.1 µm per px: a slide has many of them.

    Parameters
    ----------
    y0, x0 : int
        Upper left corner of the box.
    cell : numpy.ndarray of bool, shape (height, width)
        The whole cell, nucleus included.
    nucleus : numpy.ndarray of bool, shape (height, width)
        The nucleus.

    Attributes
    ----------
    y0, x0, height, width : int
        The box.
    cell_runs, nucleus_runs : bytes
        Run lengths, row by row: how many px are outside, then inside, then outside, and so on (uint16).

    Examples
    --------
    >>> import numpy as np
    >>> square = np.ones((2, 2), bool)
    >>> mask = CellMask(1, 1, square, square)
    >>> mask.bbox, mask.cell.tolist()
    ((1, 1, 3, 3), [[True, True], [True, True]])
    """

    __slots__ = ("cell_runs", "height", "nucleus_runs", "width", "x0", "y0")

    def __init__(self, y0: int, x0: int, cell: NDArray[np.bool_], nucleus: NDArray[np.bool_]) -> None:
        if cell.shape != nucleus.shape:
            raise ValueError(f"cell of {cell.shape} px, nucleus of {nucleus.shape} px; they share one box")
        self.y0, self.x0 = y0, x0
        self.height, self.width = cell.shape
        self.cell_runs, self.nucleus_runs = _runs(cell), _runs(nucleus)

    @classmethod
    def from_runs(cls, bbox: tuple[int, int, int, int], cell_runs: bytes, nucleus_runs: bytes) -> CellMask:
        """Make a mask of what :attr:`bbox`, ``cell_runs`` and ``nucleus_runs`` of another one hold.

        Raises
        ------
        ValueError
            The runs do not fill the box.
        """
        mask = cls.__new__(cls)
        mask.y0, mask.x0 = bbox[:2]
        mask.height, mask.width = bbox[2] - bbox[0], bbox[3] - bbox[1]
        for runs in (cell_runs, nucleus_runs):
            if (
                mask.height < 1
                or int(np.frombuffer(runs, "<u2").sum(dtype=np.int64)) != mask.height * mask.width
            ):
                raise ValueError(f"a mask does not fill its box {bbox}")
        mask.cell_runs, mask.nucleus_runs = cell_runs, nucleus_runs
        return mask

    @property
    def bbox(self) -> tuple[int, int, int, int]:
        """Box as ``(y0, x0, y1, x1)``, ends excluded."""
        return self.y0, self.x0, self.y0 + self.height, self.x0 + self.width

    @property
    def cell(self) -> NDArray[np.bool_]:
        """The whole cell, nucleus included; shape (height, width), a new array."""
        return _pixels(self.cell_runs, self.height, self.width)

    @property
    def nucleus(self) -> NDArray[np.bool_]:
        """The nucleus; shape (height, width), a new array."""
        return _pixels(self.nucleus_runs, self.height, self.width)

    def __repr__(self) -> str:
        return f"CellMask(y0={self.y0}, x0={self.x0}, {self.height} x {self.width} px)"


#: The longest run that a uint16 holds.
_LONGEST = 0xFFFF


def _runs(mask: NDArray[np.bool_]) -> bytes:
    flat = np.asarray(mask, bool).ravel()
    borders = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(borders, prepend=0, append=flat.size)
    if flat.size and flat[0]:
        runs = np.concatenate(([0], runs))
    if runs.max(initial=0) > _LONGEST:
        # A longer run goes on after one of length 0.
        pieces = (_pieces_of(int(run)) for run in runs)
        runs = np.array([length for piece in pieces for length in piece])
    return runs.astype("<u2").tobytes()


def _pieces_of(run: int) -> list[int]:
    return [_LONGEST, 0] * ((run - 1) // _LONGEST) + [run - max(0, run - 1) // _LONGEST * _LONGEST]


def _pixels(runs: bytes, height: int, width: int) -> NDArray[np.bool_]:
    lengths = np.frombuffer(runs, "<u2")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(height, width)


def paint_labels(
    masks: Sequence[CellMask],
    values: Iterable[int],
    shape: tuple[int, int],
    *,
    origin: tuple[int, int] = (0, 0),
    part: str = "cell",
) -> NDArray[np.int32]:
    """Paint masks into a label image.

    Parameters
    ----------
    masks : sequence of CellMask
        The cells; where two overlap, the first one keeps the pixel.
    values : iterable of int
        One label per mask.
    shape : tuple of int
        Height and width of the image to paint, px.
    origin : tuple of int, optional
        ``(y, x)`` of the image's corner on the slide, px.
    part : {"cell", "nucleus"}
        What to paint.

    Returns
    -------
    numpy.ndarray of int32, shape ``shape``
        0 is background.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.ones((2, 2), bool)
    >>> paint_labels([CellMask(1, 1, square, square)], [7], (3, 4))[1]
    array([0, 7, 7, 0], dtype=int32)
    """
    if part not in ("cell", "nucleus"):
        raise ValueError(f"part is {part!r}; it must be 'cell' or 'nucleus'")
    labels = np.zeros(shape, np.int32)
    height, width = shape
    for mask, value in zip(masks, values, strict=True):
        pixels = mask.cell if part == "cell" else mask.nucleus
        y0, x0 = mask.y0 - origin[0], mask.x0 - origin[1]
        top, left = max(0, -y0), max(0, -x0)
        bottom, right = min(pixels.shape[0], height - y0), min(pixels.shape[1], width - x0)
        if top >= bottom or left >= right:
            continue
        target = labels[y0 + top : y0 + bottom, x0 + left : x0 + right]
        target[pixels[top:bottom, left:right] & (target == 0)] = value
    return labels
