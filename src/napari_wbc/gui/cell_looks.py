"""What the marks of cells depend on, taken from the cell table once and kept up to date row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.differential.overlay import uncertain
from napari_wbc.differential.tally import has_flag
from napari_wbc.review.flags import MERGED, SPLIT

# A cell with one of these was replaced by others that lie in the same place: to mark it as well would confuse.
_REPLACED_FLAGS = (SPLIT, MERGED)
_BOX = ["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]


@dataclass(frozen=True, eq=False)
class CellLooks:
    """How the rows of a cell table are marked.

    Attributes
    ----------
    labels : numpy.ndarray of object, shape (n,)
        Names of the classes.
    unsure : numpy.ndarray of bool, shape (n,)
        As in the report: see :func:`napari_wbc.differential.overlay.uncertain`; an excluded cell is none.
    excluded : numpy.ndarray of bool, shape (n,)
        Cells that do not count.
    replaced : numpy.ndarray of bool, shape (n,)
        Those of them that were split or merged; they are not marked at all.
    centres : numpy.ndarray of float64, shape (n, 2)
        ``(y, x)`` in px.
    boxes : numpy.ndarray of int64, shape (n, 4)
        ``(y0, x0, y1, x1)`` in px, ends excluded.
    """

    labels: NDArray[np.object_]
    unsure: NDArray[np.bool_]
    excluded: NDArray[np.bool_]
    replaced: NDArray[np.bool_]
    centres: NDArray[np.float64]
    boxes: NDArray[np.int64]

    @classmethod
    def of(cls, cells: pd.DataFrame) -> CellLooks:
        """Read them from a cell table."""
        excluded = (cells["status"] == "excluded").to_numpy(bool)
        if excluded.any():
            flags = [has_flag(cells["flags"], flag).to_numpy(bool) for flag in _REPLACED_FLAGS]
            replaced = excluded & np.logical_or.reduce(flags)
        else:
            replaced = np.zeros(len(cells), bool)
        return cls(
            cells["label"].to_numpy(object, copy=True),
            uncertain(cells).to_numpy(bool) & ~excluded,
            excluded,
            replaced,
            cells[["y_px", "x_px"]].to_numpy(np.float64),
            cells[_BOX].to_numpy(np.int64),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def updated(self, cells: pd.DataFrame, rows: Sequence[int]) -> CellLooks:
        """Give the looks of a later state of the same table.

        Parameters
        ----------
        cells : pandas.DataFrame
            The cell table now; it may have become longer or shorter at its end.
        rows : sequence of int
            Rows that are others now. Rows behind the former last one need not be among them.
        """
        n = len(cells)
        changed = np.union1d(np.asarray(rows, np.intp), np.arange(len(self), n)).astype(np.intp)
        changed = changed[changed < n]
        if not len(changed) and n == len(self):
            return self
        part = CellLooks.of(cells.iloc[changed])
        return CellLooks(
            *(
                _with_rows(getattr(self, name), changed, getattr(part, name), n)
                for name in self.__dataclass_fields__
            )
        )

    def shown(
        self, hidden: frozenset[str], *, excluded: bool, rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.bool_]:
        """Tell which rows are seen.

        Parameters
        ----------
        hidden : frozenset of str
            Classes that are not.
        excluded : bool
            Whether excluded cells are; what class they were does not matter then.
        rows : numpy.ndarray of int, optional
            Ask for these only.
        """
        some = slice(None) if rows is None else rows
        visible = ~pd.Series(self.labels[some]).isin(hidden).to_numpy(bool)
        return np.where(self.excluded[some], excluded & ~self.replaced[some], visible)


def _with_rows(values: NDArray, rows: NDArray[np.intp], new: NDArray, n: int) -> NDArray:
    result = np.empty((n, *values.shape[1:]), values.dtype)
    kept = min(n, len(values))
    result[:kept] = values[:kept]
    result[rows] = new
    return result
