"""Connected parts of large, mostly empty masks, by the runs of their rows: the cost is that of what is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_wbc.segmentation.morphology import Mask

WholeNumbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Runs of the rows of a mask, row by row, and the part that each belongs to.

    Attributes
    ----------
    row, start, stop : numpy.ndarray of int64, shape (n,)
        Pixels ``start:stop`` of a row.
    number : numpy.ndarray of int64, shape (n,)
        Which part, from 0 in the order of the first pixels.
    count : int
        How many parts there are.
    """

    row: WholeNumbers
    start: WholeNumbers
    stop: WholeNumbers
    number: WholeNumbers
    count: int

    @property
    def areas(self) -> WholeNumbers:
        """Pixels of every part."""
        area = np.zeros(self.count, np.int64)
        np.add.at(area, self.number, self.stop - self.start)
        return area

    @property
    def boxes(self) -> WholeNumbers:
        """Box of every part as ``y0, x0, y1, x1``, ends excluded, shape (count, 4)."""
        boxes = np.empty((self.count, 4), np.int64)
        boxes[:, :2], boxes[:, 2:] = np.iinfo(np.int64).max, 0
        np.minimum.at(boxes[:, 0], self.number, self.row)
        np.minimum.at(boxes[:, 1], self.number, self.start)
        np.maximum.at(boxes[:, 2], self.number, self.row + 1)
        np.maximum.at(boxes[:, 3], self.number, self.stop)
        return boxes

    def of(self, chosen: Mask) -> Parts:
        """Keep some of the parts, which get new numbers.

        Parameters
        ----------
        chosen : numpy.ndarray of bool, shape (count,)
            Which.
        """
        kept = chosen[self.number]
        number = (np.cumsum(chosen) - 1)[self.number[kept]]
        return Parts(self.row[kept], self.start[kept], self.stop[kept], number, int(chosen.sum()))

    def joined_by(self, wider: Parts) -> Parts:
        """Give these runs the numbers of the parts of a larger mask that they lie in.

        Parameters
        ----------
        wider : Parts
            Of a mask that holds all pixels of this one.
        """
        width = 1 + int(wider.stop.max(initial=0))
        holder = np.searchsorted(wider.row * width + wider.start, self.row * width + self.start, "right") - 1
        return Parts(self.row, self.start, self.stop, wider.number[holder], wider.count)

    def paint(self, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)) -> Mask:
        """Give the mask of all parts.

        Parameters
        ----------
        shape : tuple of int
            Height and width of a window that holds all of them.
        origin : tuple of int, optional
            Where ``[0, 0]`` of the window lies.
        """
        mask = np.zeros(shape, bool)
        length = self.stop - self.start
        first = (self.row - origin[0]) * shape[1] + self.start - origin[1]
        # Every pixel of every run: its place in the run is its place among all, less the runs before.
        before = np.cumsum(length) - length
        mask.ravel()[np.arange(int(length.sum())) + np.repeat(first - before, length)] = True
        return mask


def connected_parts(mask: Mask) -> Parts:
    """Find the parts of a mask that hang together, also by corners.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (height, width)
        Where to look.

    Returns
    -------
    Parts
        Numbered as :func:`scipy.ndimage.label` does, from 0.

    Examples
    --------
    >>> import numpy as np
    >>> parts = connected_parts(np.array([[1, 1, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]], bool))
    >>> parts.count, parts.areas.tolist(), parts.boxes.tolist()
    (2, [4, 1], [[0, 0, 2, 4], [2, 0, 3, 1]])
    """
    height, width = mask.shape
    # A row ends with an empty pixel, so that no run goes on in the next one.
    flat = np.zeros((height, width + 1), bool)
    flat[:, :width] = mask
    line = flat.ravel()
    changes = np.flatnonzero(line[1:] != line[:-1]) + 1
    if line[0]:
        changes = np.concatenate([[0], changes])
    start, stop = changes[::2], changes[1::2]
    # Runs of the row above that touch a run: from the first that ends at its start to the last that begins at its end.
    first = np.searchsorted(stop, start - (width + 1), "left")
    last = np.searchsorted(start, stop - (width + 1), "right")
    touching = np.maximum(last - first, 0)
    run = np.repeat(np.arange(len(start)), touching)
    other = np.arange(len(run)) + np.repeat(first - (np.cumsum(touching) - touching), touching)
    graph = coo_array((np.ones(len(run), bool), (run, other)), shape=(len(start), len(start)))
    count, number = connected_components(graph, directed=False) if len(start) else (0, start)
    row = start // (width + 1)
    offset = row * (width + 1)
    return Parts(row, start - offset, stop - offset, number.astype(np.int64), int(count))


def grown(mask: Mask, reach: int) -> Mask:
    """All pixels within a square of ``2 * reach + 1`` px around the pixels of a mask, in each image of a stack.

    Examples
    --------
    >>> import numpy as np
    >>> grown(np.eye(1, 7, 3, dtype=bool), 2).astype(int)
    array([[0, 1, 1, 1, 1, 1, 0]])
    """
    wide = mask
    for axis in (-2, -1):
        done = 0
        # Each step reaches as far again as all before it.
        while done < reach:
            step = min(done + 1, reach - done)
            wide = _spread(wide, step, axis)
            done += step
    return wide


def _spread(mask: Mask, step: int, axis: int) -> Mask:
    """Join a mask with itself, moved both ways."""
    wide = mask.copy()
    source, target = np.moveaxis(mask, axis, 0), np.moveaxis(wide, axis, 0)
    target[step:] |= source[:-step]
    target[:-step] |= source[step:]
    return wide
