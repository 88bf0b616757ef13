"""Edits of the cell table: plain data that can be applied, taken back and written down."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.masks import CellMask

#: What a person can do to cells.
KINDS = ("relabel", "accept", "exclude", "include", "add", "split", "merge")


@dataclass(frozen=True, slots=True)
class CellState:
    """What an edit can change about a cell; columns of the cell table.

    Attributes
    ----------
    label, status, flags : str
        See :mod:`napari_wbc.cell_table`.
    """

    label: str
    status: str
    flags: str


@dataclass(frozen=True, slots=True, eq=False)
class NewCell:
    """A cell that a person added.

    Attributes
    ----------
    columns : dict
        Its row of the cell table, without ``cell_id``.
    mask : CellMask
        Its pixels.
    embedding : numpy.ndarray of float16, shape (d,)
        Features of the classifier.
    """

    columns: Mapping[str, Any]
    mask: CellMask
    embedding: NDArray[np.float16]

    def to_plain(self) -> dict[str, Any]:
        """Give values for JSON."""
        return {
            "columns": {name: _plain(value) for name, value in self.columns.items()},
            "bbox": list(self.mask.bbox),
            "cell_runs": _packed(self.mask.cell_runs),
            "nucleus_runs": _packed(self.mask.nucleus_runs),
            "embedding": _packed(np.ascontiguousarray(self.embedding, "<f2").tobytes()),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> NewCell:
        """Read back what :meth:`to_plain` gave."""
        y0, x0, y1, x1 = (int(n) for n in plain["bbox"])
        return cls(
            dict(plain["columns"]),
            CellMask.from_runs(
                (y0, x0, y1, x1), _unpacked(plain["cell_runs"]), _unpacked(plain["nucleus_runs"])
            ),
            np.frombuffer(_unpacked(plain["embedding"]), "<f2").astype(np.float16),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """One gesture of a person.

    Attributes
    ----------
    kind : str
        One of ``KINDS``.
    rows : tuple of int
        Rows of the cell table that change.
    before, after : tuple of CellState
        One per row.
    added : tuple of NewCell
        Cells that come behind the last row.
    """

    kind: str
    rows: tuple[int, ...]
    before: tuple[CellState, ...]
    after: tuple[CellState, ...]
    added: tuple[NewCell, ...] = field(default=())

    @property
    def text(self) -> str:
        """What was done, for people.

        Examples
        --------
        >>> was, now = CellState("lymphocyte", "model", ""), CellState("monocyte", "reviewed", "")
        >>> Edit("relabel", (3, 7), (was, was), (now, now)).text
        'label of 2 cells'
        """
        n = len(self.rows)
        cells = f"cell {self.rows[0] + 1}" if n == 1 else f"{n:,} cells"
        words = {
            "accept": "check of",
            "exclude": "exclusion of",
            "include": "return of",
            "relabel": "label of",
        }
        if self.kind in words:
            return f"{words[self.kind]} {cells}"
        if self.kind == "add":
            return "added cell" if len(self.added) == 1 else f"{len(self.added)} added cells"
        return f"{'split' if self.kind == 'split' else 'merger'} of {cells}"

    def to_plain(self) -> dict[str, Any]:
        """Give values for JSON; states that many cells share are written once."""
        plain: dict[str, Any] = {
            "do": self.kind,
            "cells": [row + 1 for row in self.rows],
            "was": _shared(self.before),
            "is": _shared(self.after),
        }
        if self.added:
            plain["added"] = [cell.to_plain() for cell in self.added]
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Edit:
        """Read back what :meth:`to_plain` gave.

        Raises
        ------
        ValueError, KeyError, TypeError
            It is no edit.
        """
        kind = str(plain["do"])
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no edit")
        rows = tuple(int(cell) - 1 for cell in plain["cells"])
        return cls(
            kind,
            rows,
            _each(plain["was"], len(rows)),
            _each(plain["is"], len(rows)),
            tuple(NewCell.from_plain(cell) for cell in plain.get("added", [])),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the cell table.

    Attributes
    ----------
    rows : tuple of int
        Rows that are others now, those that were appended among them.
    n_before, n_cells : int
        Rows of the table before and now; where there are less, the last ones are gone.
    by_model : bool
        Whether another model sees the cells now, so that every row and the columns are others.
    """

    rows: tuple[int, ...]
    n_before: int
    n_cells: int
    by_model: bool = False


def _shared(states: tuple[CellState, ...]) -> list[list[str]]:
    plain = [[state.label, state.status, state.flags] for state in states]
    return plain[:1] if len(set(states)) == 1 else plain


def _each(plain: list[list[str]], n: int) -> tuple[CellState, ...]:
    states = tuple(CellState(*map(str, state)) for state in plain)
    states = states * n if len(states) == 1 else states
    if len(states) != n:
        raise ValueError(f"{len(states)} states of {n} cells")
    return states


def _packed(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
