"""A review: what a person does to the cells of a count, with undo, a log and a signature."""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wbc.errors import InputError
from napari_wbc.review.edits import CellState, Change, Edit, NewCell
from napari_wbc.review.flags import DRAWN, MERGED, SPLIT, flagged, joined
from napari_wbc.review.log import LOG_FILE, ChangeLog
from napari_wbc.review.opinion import Opinion
from napari_wbc.review.other_model import OtherModel, Seen
from napari_wbc.review.reviewed_cells import ReviewedCells

if TYPE_CHECKING:
    from napari_wbc.count_result import CountResult


class ReviewSession(ReviewedCells):
    """The cells of one slide under review; every edit can be undone, and is kept.

    Cells, masks, differential and listeners are those of :class:`~napari_wbc.review.reviewed_cells.ReviewedCells`.

    Parameters
    ----------
    result : CountResult
        What the model found.
    folder : str or Path, optional
        Where the changes are kept (:func:`napari_wbc.review.folder.save_session` makes it); without it they are kept in
        memory only.
    user : str, optional
        Who makes the changes; the name of the login by default.

    Examples
    --------
    >>> import napari_wbc as wbc
    >>> from napari_wbc.review import ReviewSession
    >>> session = ReviewSession(wbc.count("smear.png"))  # doctest: +SKIP
    >>> session.relabel([0, 3], "monocyte")  # doctest: +SKIP
    >>> session.undo()  # doctest: +SKIP
    'label of 2 cells'
    """

    def __init__(
        self, result: CountResult, folder: str | Path | None = None, *, user: str | None = None
    ) -> None:
        super().__init__(result)
        self.folder = Path(folder) if folder is not None else None
        self.user = user or _login()
        self._done: list[Edit | OtherModel] = []
        self._undone: list[Edit | OtherModel] = []
        self._signature: dict[str, str] | None = None
        self._result: CountResult | None = None
        self._first_model: dict[str, Any] = dict(result.run.get("model", {}))
        self._log = ChangeLog(self.folder / LOG_FILE) if self.folder is not None else None
        for number, entry in enumerate(self._log.entries if self._log is not None else (), 1):
            try:
                self._replay(entry)
            except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
                assert self._log is not None
                raise InputError(
                    f"{self._log.path}: line {number} does not fit the cells of this review: {error}"
                ) from None

    # ---- what was done -------------------------------------------------------------------------------------

    @property
    def changes(self) -> int:
        """Edits that hold, those that were undone left out."""
        return len(self._done)

    def result(self) -> CountResult:
        """Give the count as it is now, to be written as every count is; ``run.json`` tells of the review."""
        if self._result is None:
            self._result = self._made_result()
        return self._result

    def _made_result(self) -> CountResult:
        if not self.changes and self._signature is None:
            return self.count
        run = {**self.count.run, "cells": len(self.cells), "review": self.record()}
        return replace(
            self.count,
            cells=self.cells,
            masks=list(self.masks),
            embeddings=self.embeddings,
            differential=self.differential(),
            run=run,
        )

    def record(self) -> dict[str, Any]:
        """Say who changed how much, for ``run.json``."""
        status = Counter(self.cells["status"])
        return {
            "changes": self.changes,
            "kinds": dict(Counter(edit.kind for edit in self._done)),
            "models": [{"name": of.get("name"), "sha256": of.get("sha256")} for of in self.models],
            "cells_reviewed": status["reviewed"],
            "cells_excluded": status["excluded"],
            "by": sorted({str(e["by"]) for e in self._entries if "by" in e} | {self.user}),
            "log_chain": self._log.sha256 if self._log is not None else None,
            "signed": self._signature,
        }

    @property
    def models(self) -> list[Mapping[str, Any]]:
        """Entries ``model`` of ``run.json`` of those that have seen the cells, the one that counted them first."""
        return [self._first_model, *(e.opinion.model for e in self._done if isinstance(e, OtherModel))]

    # ---- edits ---------------------------------------------------------------------------------------------

    def relabel(self, rows: Sequence[int], label: str) -> None:
        """Give cells another class; they count as reviewed, and excluded ones count again.

        Parameters
        ----------
        rows : sequence of int
            Of the cell table.
        label : str
            One of the known classes, or one of the user's own.

        Raises
        ------
        InputError
            The review is signed, there is no such row, or the label is no name.
        """
        if not label.strip() or not label.isprintable() or len(label) > 64:
            raise InputError(f"{label!r} is no name of a class; give 1 to 64 letters, digits, _ or blanks")
        self._set("relabel", rows, lambda was: CellState(label, "reviewed", was.flags))

    def accept(self, rows: Sequence[int]) -> None:
        """Say that the labels of cells are right."""
        self._set("accept", rows, lambda was: CellState(was.label, "reviewed", was.flags))

    def exclude(self, rows: Sequence[int]) -> None:
        """Take cells out of the count; they stay in the table."""
        self._set("exclude", rows, lambda was: CellState(was.label, "excluded", was.flags))

    def include(self, rows: Sequence[int]) -> None:
        """Take excluded cells back into the count; those of a split or merger stay out."""
        rows = [
            row
            for row, was in zip(rows, self._states(rows), strict=True)
            if not {SPLIT, MERGED} & set(was.flags.split(";"))
        ]
        self._set("include", rows, lambda was: CellState(was.label, "reviewed", was.flags))

    def add(self, cell: NewCell) -> int:
        """Add a cell that the segmentation missed.

        Returns
        -------
        int
            Its row.
        """
        self._do(Edit("add", (), (), (), (flagged(cell, DRAWN),)))
        return len(self.cells) - 1

    def split(self, row: int, parts: Sequence[NewCell]) -> tuple[int, ...]:
        """Take the parts of a cell as cells of their own.

        Returns
        -------
        tuple of int
            Their rows.

        Raises
        ------
        InputError
            Fewer than two parts, or the review is signed.
        """
        if len(parts) < 2:
            raise InputError("a cell is split into two or more; draw the line right across it")
        return self._replace("split", (row,), SPLIT, parts)

    def merge(self, rows: Sequence[int], whole: NewCell) -> int:
        """Take several cells as one.

        Returns
        -------
        int
            Its row.

        Raises
        ------
        InputError
            Fewer than two cells, or the review is signed.
        """
        if len(set(rows)) < 2:
            raise InputError("select two or more cells to merge them")
        return self._replace("merge", tuple(sorted(set(rows))), MERGED, (whole,))[0]

    def see_with(self, opinion: Opinion) -> None:
        """See the cells with another model: what it says takes the place of what the last one said.

        Cells, masks and everything that a person said of them stay. As every edit it can be undone.

        Parameters
        ----------
        opinion : Opinion
            Of :func:`napari_wbc.review.opinion.ask_model`.

        Raises
        ------
        InputError
            Cells came or went since the model was asked, or the review is signed.
        """
        self._check_unsigned()
        if len(opinion) != len(self.cells):
            raise InputError(
                f"{opinion.model['name']} has seen {len(opinion)} cells, and there are {len(self.cells)} now; "
                "let it look again"
            )
        if self.folder is not None and not (self.folder / opinion.file).is_file():
            opinion = opinion.kept(self.folder)
        self._do(OtherModel(opinion, Seen(self.count, self.cells, self.embeddings)))

    # ---- back and forth ------------------------------------------------------------------------------------

    @property
    def undo_text(self) -> str:
        """What :meth:`undo` would take back; empty where there is nothing."""
        return self._done[-1].text if self._done else ""

    @property
    def redo_text(self) -> str:
        """What :meth:`redo` would do again; empty where there is nothing."""
        return self._undone[-1].text if self._undone else ""

    def undo(self) -> str:
        """Take the last edit back.

        Returns
        -------
        str
            What it was; empty where there was nothing to take back.
        """
        self._check_unsigned()
        if not self._done:
            return ""
        self._write({"do": "undo"})
        return self._undo().text

    def redo(self) -> str:
        """Do again what was taken back last.

        Returns
        -------
        str
            What it was; empty where there was nothing.
        """
        self._check_unsigned()
        if not self._undone:
            return ""
        self._write({"do": "redo"})
        return self._redo().text

    # ---- signature -----------------------------------------------------------------------------------------

    @property
    def signature(self) -> dict[str, str] | None:
        """``by``, ``at``, ``note`` and ``cells_sha256`` of a signed review; None while it is open."""
        return self._signature

    def sign(self, name: str, note: str = "") -> None:
        """Sign the review; nothing can be changed until :meth:`unlock`.

        Parameters
        ----------
        name : str
            Who answers for it.
        note : str, optional
            What should stand beside the signature.

        Raises
        ------
        InputError
            No name, or it is signed already.
        """
        self._check_unsigned()
        if not name.strip():
            raise InputError("a signature needs a name")
        entry = {
            "do": "sign",
            "by": name.strip(),
            "at": _now(),
            "note": note,
            "cells_sha256": self.cells_sha256(),
        }
        self._write(entry)
        self._replay(entry)
        self._tell(Change((), len(self.cells), len(self.cells)))

    def unlock(self, name: str) -> None:
        """Open a signed review again; signature and unlocking both stay in the log."""
        if self._signature is None:
            return
        entry = {"do": "unlock", "by": name.strip() or self.user, "at": _now()}
        self._write(entry)
        self._replay(entry)
        self._tell(Change((), len(self.cells), len(self.cells)))

    # ---- inside --------------------------------------------------------------------------------------------

    @property
    def _entries(self) -> list[dict[str, Any]]:
        return self._log.entries if self._log is not None else []

    def _set(self, kind: str, rows: Sequence[int], new: Callable[[CellState], CellState]) -> None:
        once = list(dict.fromkeys(int(row) for row in rows))
        every = zip(once, self._states(once), strict=True)
        changed = {row: (was, new(was)) for row, was in every if new(was) != was}
        self._check_unsigned()
        if changed:
            before, after = zip(*changed.values(), strict=True)
            self._do(Edit(kind, tuple(changed), before, after))

    def _replace(
        self, kind: str, rows: tuple[int, ...], flag: str, parts: Sequence[NewCell]
    ) -> tuple[int, ...]:
        before = tuple(self._states(rows))
        after = tuple(CellState(was.label, "excluded", joined(was.flags, flag)) for was in before)
        first = len(self.cells)
        self._do(Edit(kind, rows, before, after, tuple(flagged(part, DRAWN) for part in parts)))
        return tuple(range(first, len(self.cells)))

    def _do(self, edit: Edit | OtherModel) -> None:
        self._check_unsigned()
        # Written before it is done: what is on the screen is always on the disk as well.
        self._write({**edit.to_plain(), "by": self.user, "at": _now()})
        self._undone.clear()
        self._done.append(edit)
        self._apply(edit)

    def _undo(self) -> Edit | OtherModel:
        edit = self._done.pop()
        self._undone.append(edit)
        self._take_back(edit)
        return edit

    def _redo(self) -> Edit | OtherModel:
        edit = self._undone.pop()
        self._done.append(edit)
        self._apply(edit)
        return edit

    def _replay(self, entry: dict[str, Any]) -> None:
        what = entry["do"]
        if what == "undo":
            self._undo()
        elif what == "redo":
            self._redo()
        elif what == "sign":
            self._signature = {name: str(entry[name]) for name in ("by", "at", "note", "cells_sha256")}
        elif what == "unlock":
            self._signature = None
        elif what == OtherModel.kind:
            assert self.folder is not None
            opinion = Opinion.read(self.folder, str(entry["file"]), str(entry["file_sha256"]))
            if len(opinion) != len(self.cells):
                raise ValueError("there were other cells when the model saw them")
            change = OtherModel(opinion, Seen(self.count, self.cells, self.embeddings))
            self._undone.clear()
            self._done.append(change)
            self._apply(change)
        else:
            edit = Edit.from_plain(entry)
            if tuple(self._states(edit.rows)) != tuple(edit.before):
                raise ValueError("the cells were others when it was written")
            self._undone.clear()
            self._done.append(edit)
            self._apply(edit)

    def _write(self, entry: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.append(entry)

    def _tell(self, change: Change) -> None:
        self._result = None
        super()._tell(change)

    def _check_unsigned(self) -> None:
        if self._signature is not None:
            raise InputError(
                f"the review was signed by {self._signature['by']} on {self._signature['at'][:10]}; "
                "unlock it to change something"
            )


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
