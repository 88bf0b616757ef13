"""What the dock widget "Review cells" does: which cells are shown in which order, and what keys do to them. No Qt."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_wbc.execution.progress import CancelToken
from napari_wbc.gui.review.alike import Alike, Likely
from napari_wbc.gui.review.cell_maker import CellMaker, Start
from napari_wbc.gui.review.cell_text import cell_text
from napari_wbc.gui.review.made import Made, Measured
from napari_wbc.gui.workspace import Workspace
from napari_wbc.leukocytes import UNIDENTIFIED, class_of
from napari_wbc.review.edits import Change
from napari_wbc.review.order import ORDERS, label_choices, ordered_rows, rows_with
from napari_wbc.review.session import ReviewSession
from napari_wbc.review.similar import likely_rows, similar_rows, typical_rows

if TYPE_CHECKING:
    import pandas as pd

#: Keys of the classes that most differentials have; the others are in the menu.
CLASS_KEYS: dict[str, str] = {
    "1": "neutrophil_segmented",
    "2": "neutrophil_band",
    "3": "lymphocyte",
    "4": "monocyte",
    "5": "eosinophil",
    "6": "basophil",
    "7": "metamyelocyte",
    "8": "myelocyte",
    "9": "promyelocyte",
    "0": UNIDENTIFIED,
    "G": "immature_granulocyte",
    "L": "blast",
    "R": "lymphocyte_reactive",
    "E": "erythroblast",
    "P": "platelet",
    "D": "artifact",
}
#: Cells that are shown as examples of a class.
EXAMPLES = 4
#: Cosine from which cells are proposed as alike, at first.
ALIKE = 0.8
_MOST_ALIKE = 400


class ReviewController:
    """Between the review of the chosen slide and the gallery.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    start : callable
        See :data:`napari_wbc.gui.review.cell_maker.Start`; what the generator yields last comes back to :meth:`take`.

    Attributes
    ----------
    maker : CellMaker
        Adds, splits and merges cells.

    Signals
    -------
    listed()
        Other cells are shown, or in another order.
    edited(Change)
        Cells are others.
    state_changed()
        Another slide, selection, signature, or something to undo.
    """

    listed = Signal()
    edited = Signal(object)
    state_changed = Signal()

    def __init__(self, workspace: Workspace, start: Start) -> None:
        self.workspace = workspace
        self.order = "informative"
        self.label: str | None = None
        self.left_only = False
        self.alike: Alike | None = None
        self.likely: Likely | None = None
        self.rows: NDArray[np.intp] = np.zeros(0, np.intp)
        self.maker = CellMaker(workspace, start, lambda: self.reason)
        self._start = start

    def connect(self) -> None:
        """Begin to listen."""
        self.workspace.join(self)
        self.workspace.chosen.connect(self._on_chosen)
        self.workspace.edited.connect(self._on_edited)
        self.workspace.selected.connect(self._on_selected)
        self.workspace.excluded_shown.connect(self._on_excluded_shown)
        self._on_chosen()

    def disconnect(self) -> None:
        """Stop listening."""
        self.workspace.chosen.disconnect(self._on_chosen)
        self.workspace.edited.disconnect(self._on_edited)
        self.workspace.selected.disconnect(self._on_selected)
        self.workspace.excluded_shown.disconnect(self._on_excluded_shown)
        self.workspace.leave(self)

    # ---- what is shown -------------------------------------------------------------------------------------

    @property
    def session(self) -> ReviewSession | None:
        """The review of the chosen slide."""
        return self.workspace.session

    @property
    def cells(self) -> pd.DataFrame | None:
        """Its cell table."""
        return self.session.cells if self.session is not None else None

    @property
    def choices(self) -> list[str]:
        """The classes to label with."""
        if self.session is None:
            return []
        return label_choices(self.session.cells, self.session.profile)

    @property
    def keys(self) -> dict[str, str]:
        """Keys and the classes that they give."""
        choices = self.choices
        return {key: name for key, name in CLASS_KEYS.items() if name in choices}

    @property
    def reason(self) -> str:
        """Why nothing can be changed; empty when it can."""
        workspace = self.workspace
        if workspace.image is None:
            return "Open an image and count its leukocytes first (Count leukocytes)."
        if workspace.image is workspace.busy:
            return f"{workspace.busy.name} is being counted."
        if self.session is None:
            return f"Count the leukocytes of {workspace.image.name} first."
        signature = self.session.signature
        if signature is not None:
            note = f" ({signature['note']})" if signature["note"] else ""
            return f"Signed by {signature['by']} on {signature['at'][:10]}{note}: locked."
        return ""

    @property
    def progress(self) -> tuple[int, int]:
        """Cells that a person has looked at, and all of them."""
        session = self.session
        return (int(session.reviewed.sum()), len(session.cells)) if session is not None else (0, 0)

    def set_order(self, order: str) -> None:
        """Sort by one of :data:`napari_wbc.review.order.ORDERS`."""
        if order not in ORDERS:
            raise ValueError(f"{order!r} is no order")
        self.order = order
        self.refresh()

    def set_label(self, label: str | None) -> None:
        """Show the cells of one class; None: of all."""
        self.label = label
        self.refresh()

    def set_left_only(self, left_only: bool) -> None:
        """Show only cells that nobody has looked at."""
        self.left_only = left_only
        self.refresh()

    def refresh(self) -> None:
        """Choose and sort the cells anew; edits alone leave every cell where it is."""
        self.alike = self.likely = None
        self._list()

    def groups(self) -> list[tuple[str, int]]:
        """Headings of the gallery, and how many of :attr:`rows` stand under each."""
        cells = self.cells
        if cells is None:
            return []
        if self.alike is not None:
            n = len(self.alike.seeds)
            return [("Selected", n), ("Similar, the nearest first", len(self.rows) - n)]
        if self.likely is not None:
            return [(f"Perhaps {class_of(self.likely.label).title}, the likeliest first", len(self.rows))]
        if self.order != "class" or not len(self.rows):
            return []
        labels = cells["label"].to_numpy(object)[self.rows]
        edges = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1), len(labels)]
        return [(class_of(labels[a]).title, int(b - a)) for a, b in pairwise(edges)]

    def notes(self) -> list[str]:
        """Short texts for all cells of the table: what they are sorted by, or how alike they are."""
        cells = self.cells
        if cells is None:
            return []
        if self.alike is not None:
            notes = np.full(len(cells), "", object)
            notes[self.alike.rows] = [f"{cosine:.2f}" for cosine in self.alike.cosine]
            return list(notes)
        if self.likely is not None:
            notes = np.full(len(cells), "", object)
            notes[self.likely.rows] = [f"{chance:.2f}" for chance in self.likely.chance]
            return list(notes)
        column = "novelty" if self.order == "novelty" else "confidence"
        return [f"{value:.2f}" for value in cells[column].to_numpy(float)]

    def describe(self, row: int) -> str:
        """Give all that is to be said about a cell, in lines."""
        cells = self.cells
        if cells is None or not 0 <= row < len(cells):
            return ""
        return cell_text(cells.iloc[[row]])

    def examples(self, row: int) -> NDArray[np.intp]:
        """Give cells of the slide that stand for the class of a cell."""
        session = self.session
        if session is None:
            return np.zeros(0, np.intp)
        label = str(session.cells["label"].iloc[row])
        if label == UNIDENTIFIED:
            label = str(session.cells["model_label"].iloc[row])
        found = typical_rows(session.cells, session.embeddings, label, most=EXAMPLES + 1)
        return found[found != row][:EXAMPLES]

    # ---- looking -------------------------------------------------------------------------------------------

    def next(self) -> None:
        """Select the cell that a look at tells most, of those that nobody has looked at, and go there."""
        session = self.session
        if session is None:
            return
        among = rows_with(session.cells, [self.label] if self.label else None, left=True)
        among = among[~np.isin(among, self.workspace.selection)] if len(among) > 1 else among
        if not len(among):
            self.workspace.message.emit("Every cell has been looked at.", False)
            return
        order = "informative" if self.order in ("class", "number") else self.order
        row = int(self._ordered(session, order, among)[0])
        if row not in self.rows:
            self.refresh()
        self.workspace.pick((row,))

    def show_alike(self) -> None:
        """Propose the cells that resemble the selected ones, to be labelled in one gesture."""
        session, seeds = self.session, self.workspace.selection
        if session is None or not seeds:
            self.workspace.message.emit(
                "Select one or several cells first; then those like them are shown.", False
            )
            return
        rows, cosine = similar_rows(session.cells, session.embeddings, seeds, most=_MOST_ALIKE)
        self.alike, self.likely = Alike(tuple(seeds), rows, cosine, ALIKE), None
        self._list()
        self.workspace.select(self.alike.chosen)

    def show_likely(self, label: str) -> None:
        """Show the cells that may be of a class and that nobody has looked at, and select the likeliest."""
        session = self.session
        if session is None:
            return
        rows, chance = likely_rows(session.cells, session.embeddings, label, most=_MOST_ALIKE)
        title = class_of(label).title
        if not len(rows):
            self.workspace.message.emit(
                f"No cell of this image that is left to look at may be of the class {title}; try another image.",
                False,
            )
            return
        self.alike, self.likely = None, Likely(label, rows, chance)
        self._list()
        self.workspace.pick((int(rows[0]),))

    def set_least(self, least: float) -> None:
        """Propose only cells that are at least so alike."""
        if self.alike is not None:
            self.alike = Alike(self.alike.seeds, self.alike.rows, self.alike.cosine, least)
            self.workspace.select(self.alike.chosen)

    # ---- changing ------------------------------------------------------------------------------------------

    def relabel(self, label: str, listed: NDArray[np.intp] | None = None) -> None:
        """Give the selected cells a class; a single one is followed by the next.

        Parameters
        ----------
        label : str
            The class.
        listed : numpy.ndarray of int, optional
            Rows in the order that says which is the next; by default that of the gallery.
        """
        rows = self._selected()
        if rows:
            self.workspace.edit(lambda session: session.relabel(rows, label))
            self._advance(rows, listed)

    def accept(self, listed: NDArray[np.intp] | None = None) -> None:
        """Say that the labels of the selected cells are right; see :meth:`relabel`."""
        rows = self._selected()
        if rows:
            self.workspace.edit(lambda session: session.accept(rows))
            self._advance(rows, listed)

    def exclude(self) -> None:
        """Take the selected cells out of the count; if all of them are out, bring them back."""
        rows, cells = self._selected(), self.cells
        if rows and cells is not None:
            out = bool((cells["status"].iloc[list(rows)] == "excluded").all())
            self.workspace.edit(lambda session: session.include(rows) if out else session.exclude(rows))

    def undo(self) -> None:
        """Take the last edit back."""
        text = self.workspace.edit(lambda session: session.undo())
        if text is not None:
            self.workspace.message.emit(f"Undone: {text}" if text else "There is nothing to undo.", False)

    def redo(self) -> None:
        """Do again what was taken back."""
        text = self.workspace.edit(lambda session: session.redo())
        if text is not None:
            self.workspace.message.emit(f"Done again: {text}" if text else "There is nothing to redo.", False)

    def take(self, made: Made | Measured) -> None:
        """Take what ``start`` brought: put new cells into the review and select them, or sort the cells."""
        if isinstance(made, Made):
            self.maker.take(made)
        elif made.session is self.session and self.order == "teaching" and not (self.alike or self.likely):
            self._list()

    def sign(self, name: str, note: str = "") -> None:
        """Sign the review."""
        self.workspace.edit(lambda session: session.sign(name, note))
        self.state_changed.emit()

    def unlock(self, name: str) -> None:
        """Open a signed review again."""
        self.workspace.edit(lambda session: session.unlock(name))
        self.state_changed.emit()

    # ---- inside --------------------------------------------------------------------------------------------

    def _selected(self) -> tuple[int, ...]:
        if self.session is not None and not self.workspace.selection:
            self.workspace.message.emit("Select a cell first: in the gallery, the table or the image.", False)
        return self.workspace.selection

    def _advance(self, rows: Sequence[int], listed: NDArray[np.intp] | None) -> None:
        """After a single cell, select the one behind it in the list that nobody has looked at."""
        if self.alike is not None:
            self.refresh()
            return
        cells = self.cells
        listed = self.rows if listed is None else listed
        place = np.flatnonzero(listed == rows[0])
        if len(rows) != 1 or cells is None or not len(place):
            return
        behind = listed[place[0] + 1 :]
        left = behind[(cells["status"].to_numpy(object)[behind] == "model")]
        if len(left):
            self.workspace.pick((int(left[0]),))

    def _list(self) -> None:
        session = self.session
        if session is None:
            self.rows = np.zeros(0, np.intp)
        elif self.alike is not None:
            self.rows = np.concatenate([np.array(self.alike.seeds, np.intp), self.alike.rows])
        elif self.likely is not None:
            self.rows = self.likely.rows
        else:
            among = rows_with(
                session.cells,
                [self.label] if self.label else None,
                left=self.left_only,
                excluded=self.workspace.shows_excluded,
            )
            self.rows = self._ordered(session, self.order, among)
        self.listed.emit()

    def _ordered(self, session: ReviewSession, order: str, among: NDArray[np.intp]) -> NDArray[np.intp]:
        """Sort cells; until it is known how they lie to each other, by what is known without.

        Which labels teach most depends on what the model has learned from those before: a preview knows.
        """
        space, cells = None, session.cells
        if order == "teaching":
            if session.knows_space:
                space = session.space()
                if self.workspace.current is not None:
                    cells = self.workspace.current.cells
            else:
                order = "informative"
                self._measure(session)
        return ordered_rows(cells, order, session.profile, among=among, space=space)

    def _measure(self, session: ReviewSession) -> None:
        def steps(_cancel: CancelToken) -> Generator[Any]:
            session.space()
            yield Measured(session)

        self._start("Measuring how the cells lie to each other", steps)

    def _on_chosen(self) -> None:
        if self.session is not None and self.label not in (None, *self.session.cells["label"].unique()):
            self.label = None
        self.refresh()
        self.state_changed.emit()

    def _on_edited(self, change: Change) -> None:
        if change.n_cells != change.n_before:
            there = self.rows[self.rows < change.n_cells]
            self.rows = np.concatenate([there, np.arange(change.n_before, change.n_cells, dtype=np.intp)])
            self.listed.emit()
        else:
            self.edited.emit(change)
        self.state_changed.emit()

    def _on_excluded_shown(self, shown: bool) -> None:  # noqa: ARG002 - the signal's signature
        self.refresh()

    def _on_selected(self, rows: tuple[int, ...]) -> None:  # noqa: ARG002 - the signal's signature
        self.state_changed.emit()
