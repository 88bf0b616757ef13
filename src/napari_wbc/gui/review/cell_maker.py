"""Cells that the user adds, splits or merges: made beside the GUI thread, then put into the review. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.execution.progress import CancelToken
from napari_wbc.gui.review.made import Made
from napari_wbc.gui.workspace import Workspace
from napari_wbc.review.edits import NewCell
from napari_wbc.review.session import ReviewSession

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model

#: Runs a generator beside the GUI thread: takes a title and a function of a cancel token; tells whether it could be
#: started.
Start = Callable[[str, Callable[[CancelToken], Generator[Any]]], bool]


class CellMaker:
    """Makes cells of the chosen slide and has the model of its count classify them.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    start : callable
        See :data:`Start`; what the generator yields last comes back to :meth:`take`.
    reason : callable
        Gives why nothing can be changed; empty when it can.
    """

    def __init__(self, workspace: Workspace, start: Start, reason: Callable[[], str]) -> None:
        self._workspace, self._start, self._reason = workspace, start, reason
        self._model: Model | None = None

    def add(self, corners: NDArray[np.floating]) -> None:
        """Add a cell with an outline, level-0 px."""
        from napari_wbc.review.new_cells import drawn_cell

        self._make("add", (), lambda session, model: (drawn_cell(session, model, corners),))

    def split(self, line: NDArray[np.floating] | None = None) -> None:
        """Split the selected cell at its neck, or along a line, level-0 px."""
        from napari_wbc.review.new_cells import split_cell

        rows = self._workspace.selection
        if len(rows) != 1:
            self._workspace.message.emit("Select one cell to split it.", False)
            return
        self._make("split", rows, lambda session, model: tuple(split_cell(session, model, rows[0], line)))

    def is_without_neck(self) -> bool:
        """Tell whether the only selected cell is narrow nowhere, so that a line must tell where to split it."""
        from napari_wbc.errors import InputError
        from napari_wbc.segmentation.drawn import split_mask

        session, rows = self._workspace.session, self._workspace.selection
        if session is None or self._reason() or len(rows) != 1:
            return False
        try:
            split_mask(session.masks[rows[0]])
        except InputError:
            return True
        return False

    def merge(self) -> None:
        """Make one cell of the selected ones."""
        from napari_wbc.review.new_cells import merged_cell

        rows = self._workspace.selection
        if len(rows) < 2:
            self._workspace.message.emit("Select two or more cells to merge them.", False)
            return
        self._make("merge", rows, lambda session, model: (merged_cell(session, model, rows),))

    def take(self, made: Made) -> None:
        """Put what was made into the review, and select it."""
        if made.session is not self._workspace.session:
            return
        if made.kind == "add":
            rows = self._workspace.edit(lambda session: (session.add(made.cells[0]),))
        elif made.kind == "split":
            rows = self._workspace.edit(lambda session: session.split(made.rows[0], made.cells))
        else:
            rows = self._workspace.edit(lambda session: (session.merge(made.rows, made.cells[0]),))
        if rows:
            self._workspace.select(rows)

    def _make(
        self,
        kind: str,
        rows: tuple[int, ...],
        cells: Callable[[ReviewSession, Model], tuple[NewCell, ...]],
    ) -> None:
        session = self._workspace.session
        if session is None or self._reason():
            self._workspace.message.emit(self._reason(), True)
            return

        def steps(cancel: CancelToken) -> Generator[Any]:
            model = self._model_of(session)
            cancel.check()
            yield Made(kind, rows, cells(session, model), session)

        started = self._start(f"{kind.capitalize()} …", steps)
        line = "Classifying what was made …" if started else "Wait until the last change is done."
        self._workspace.message.emit(line, False)

    def _model_of(self, session: ReviewSession) -> Model:
        from napari_wbc.provenance import model_of_run

        if self._model is None or self._model.sha256 != session.count.run["model"]["sha256"]:
            self._model = model_of_run(session.count.run)
        return self._model
