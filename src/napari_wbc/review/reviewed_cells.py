"""The cells of a review: table, masks, embeddings and differential as they are now, and how edits change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc import cell_table
from napari_wbc.errors import InputError
from napari_wbc.masks import CellMask
from napari_wbc.review.edits import CellState, Change, Edit
from napari_wbc.review.other_model import OtherModel, Seen

if TYPE_CHECKING:
    from napari_wbc.count_result import CountResult
    from napari_wbc.differential.count import Differential
    from napari_wbc.differential.profile import Profile
    from napari_wbc.review.next_cells import CellSpace

_STATE = ("label", "status", "flags")


class ReviewedCells:
    """The cells of one slide, which edits change and listeners are told of.

    Rows are never taken out by an edit: a cell that was split or merged stays as an excluded one, and what came of it
    stands behind the last row. So a cell keeps its number, and ``cell_id`` goes on counting without a gap.

    Parameters
    ----------
    result : CountResult
        What the model found.

    Attributes
    ----------
    count : CountResult
        What the model found, as the model says it that sees the cells now.
    cells : pandas.DataFrame
        The cell table as it is now; a new one after every change, never changed in place.
    masks : list of CellMask
        One per row.
    listeners : list of callable
        Called with a :class:`~napari_wbc.review.Change` after every change.
    """

    def __init__(self, result: CountResult) -> None:
        self.count = result
        self.cells = result.cells
        self.masks: list[CellMask] = list(result.masks)
        self.listeners: list[Callable[[Change], None]] = []
        self._embeddings = [np.asarray(result.embeddings)]
        self._differential: Differential | None = result.differential
        self._space: CellSpace | None = None

    @property
    def embeddings(self) -> NDArray[np.float16]:
        """Features of the classifier, shape (n, d), one row per cell."""
        if len(self._embeddings) > 1:
            self._embeddings = [np.concatenate(self._embeddings)]
        return self._embeddings[0]

    @property
    def knows_space(self) -> bool:
        """Whether :meth:`space` is at hand at once."""
        # Measured in another thread, it may be of the cells before the last change.
        return self._space is not None and len(self._space.points) == len(self.cells)

    def space(self) -> CellSpace:
        """Measure how the cells lie to each other; two seconds for 10,000 cells, unless it was done."""
        space = self._space
        if space is None or not self.knows_space:
            from napari_wbc.review.next_cells import CellSpace

            space = self._space = CellSpace.of(self.embeddings)
        return space

    @property
    def profile(self) -> Profile:
        """The lab's profile."""
        return self.count.differential.profile

    @property
    def reviewed(self) -> NDArray[np.bool_]:
        """Which cells a person has looked at, shape (n,)."""
        looked_at: NDArray[np.bool_] = (self.cells["status"] != "model").to_numpy()
        return looked_at

    def differential(self) -> Differential:
        """Count the cells as they are now."""
        if self._differential is None:
            from napari_wbc.differential.count import differential

            first = self.count.differential
            self._differential = differential(
                self.cells,
                first.profile,
                interval=first.interval_method,
                wbc_per_l=first.wbc_per_l,
                domain_shift=self.count.domain_shift,
                before_review=self.count.cells,
                confusion=first.confusion,
            )
        return self._differential

    def cells_sha256(self) -> str:
        """Give a checksum of label, status and flags of every cell."""
        lines = ("\t".join(map(str, row)) for row in self.cells[["cell_id", *_STATE]].itertuples(index=False))
        return sha256("\n".join(lines).encode()).hexdigest()

    # ---- changing ------------------------------------------------------------------------------------------

    def _states(self, rows: Iterable[int]) -> list[CellState]:
        rows = [int(row) for row in rows]
        for row in rows:
            if not 0 <= row < len(self.cells):
                raise InputError(f"there is no cell {row + 1}; the table has {len(self.cells)}")
        columns = [self.cells[name].to_numpy(object)[rows] for name in _STATE]
        return [CellState(*map(str, values)) for values in zip(*columns, strict=True)]

    def _apply(self, edit: Edit | OtherModel) -> None:
        if isinstance(edit, OtherModel):
            self._see(edit.after)
            return
        before = len(self.cells)
        cells = self._with_states(self.cells, edit.rows, edit.after)
        if edit.added:
            rows = pd.DataFrame([dict(cell.columns) for cell in edit.added]).assign(
                cell_id=range(before + 1, before + 1 + len(edit.added))
            )
            cells = cell_table.conform(pd.concat([cells, rows[list(cells.columns)]], ignore_index=True))
            self.masks.extend(cell.mask for cell in edit.added)
            further = np.stack([cell.embedding for cell in edit.added]).astype(np.float16)
            # A slide without a cell does not know how long the embeddings are.
            self._embeddings = [*self._embeddings, further] if before else [further]
        self._changed(cells, edit.rows, before)

    def _take_back(self, edit: Edit | OtherModel) -> None:
        if isinstance(edit, OtherModel):
            self._see(edit.before)
            return
        before = len(self.cells)
        left = before - len(edit.added)
        cells = self._with_states(self.cells, edit.rows, edit.before)
        if edit.added:
            cells = cells.iloc[:left].reset_index(drop=True)
            del self.masks[left:]
            self._embeddings = [self.embeddings[:left]]
        self._changed(cells, edit.rows, before)

    def _see(self, seen: Seen) -> None:
        self.count, self._embeddings, self._space = seen.count, [seen.embeddings], None
        self.cells, self._differential = seen.cells, None
        self._tell(Change(tuple(range(len(self.cells))), len(self.cells), len(self.cells), by_model=True))

    def _changed(self, cells: pd.DataFrame, rows: tuple[int, ...], before: int) -> None:
        self.cells, self._differential = cells, None
        if len(cells) != before:
            self._space = None
        self._tell(Change((*rows, *range(before, len(cells))), before, len(cells)))

    @staticmethod
    def _with_states(
        cells: pd.DataFrame, rows: tuple[int, ...], states: tuple[CellState, ...]
    ) -> pd.DataFrame:
        """Give a new table: what others hold of the old one stays as it was."""
        if not rows:
            return cells
        columns = {name: cells[name].to_numpy(object, copy=True) for name in _STATE}
        for name, column in columns.items():
            for row, state in zip(rows, states, strict=True):
                column[row] = getattr(state, name)
        return cells.assign(
            **{name: pd.Series(column, cells.index, dtype=object) for name, column in columns.items()}
        )

    def _tell(self, change: Change) -> None:
        for listener in list(self.listeners):
            listener(change)
