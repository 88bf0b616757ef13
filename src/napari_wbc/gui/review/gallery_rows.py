"""What the gallery knows about the rows of a cell table: labels, notes and marks; no Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_wbc.leukocytes import class_of

#: Marks of a row, as they are called in words.
MARKS = ("reviewed", "excluded", "uncertain")


class GalleryRows:
    """Labels, notes and marks, one per row of the cell table.

    Parameters
    ----------
    labels : sequence of str
        Names of classes.
    notes : sequence of str, optional
        Short texts.
    marks : mapping of str to array of bool
        For each of ``MARKS``; None: no row has it.
    """

    def __init__(
        self, labels: Sequence[str], notes: Sequence[str] | None, marks: Mapping[str, ArrayLike | None]
    ) -> None:
        n = len(labels)
        self._labels: NDArray[Any] = np.array(labels, object)
        self._notes: NDArray[Any] = np.full(n, "", object) if notes is None else np.array(notes, object)
        self._marks = {
            name: np.zeros(n, bool) if values is None else np.array(values, bool)
            for name, values in ((name, marks.get(name)) for name in MARKS)
        }

    def __len__(self) -> int:
        return len(self._labels)

    def update(
        self,
        rows: Sequence[int],
        labels: Sequence[str],
        notes: Sequence[str] | None,
        marks: Mapping[str, ArrayLike | None],
    ) -> None:
        """Take other labels, notes and marks for some rows; what is None stays."""
        index = np.asarray(rows, np.intp)
        self._labels[index] = np.asarray(labels, object)
        if notes is not None:
            self._notes[index] = np.asarray(notes, object)
        for name, values in marks.items():
            if values is not None:
                self._marks[name][index] = values

    def label(self, row: int) -> str:
        """Give the class of a row."""
        return str(self._labels[row])

    def note(self, row: int) -> str:
        """Give the short text of a row."""
        return str(self._notes[row])

    def has(self, mark: str, row: int) -> bool:
        """Tell whether a row has a mark."""
        return bool(self._marks[mark][row])

    def text(self, row: int) -> str:
        """Describe a row in words: class, note and marks."""
        marks = [name for name in MARKS if self.has(name, row)]
        return ", ".join(part for part in (class_of(self.label(row)).title, self.note(row), *marks) if part)
