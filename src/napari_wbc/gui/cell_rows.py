"""Sorting and filtering of cell tables with 100,000 rows: words become numbers once, the rest is NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.cell_table import second_guesses
from napari_wbc.gui.cell_looks import CellLooks
from napari_wbc.leukocytes import class_of

_WORDS = ("label", "status", "flags")
_NUMBERS = ("cell_id", "confidence", "novelty", "nucleus_area_um2", "cell_area_um2")


@dataclass(frozen=True, slots=True)
class CellFilter:
    """Which cells are listed; all conditions hold at once.

    Attributes
    ----------
    text : str
        Each of its words is part of the class (title, name or abbreviation), of the flags or of the status, or begins
        the number of the cell.
    label : str or None
        The class.
    unsure : bool
        Only uncertain cells, as in the report.
    below : float or None
        Only cells of lower confidence.
    """

    text: str = ""
    label: str | None = None
    unsure: bool = False
    below: float | None = None


class CellRows:
    """The columns of a cell table that are listed.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.
    """

    def __init__(self, cells: pd.DataFrame) -> None:
        self.looks = CellLooks.of(cells)
        self._cells = cells
        self._words = {name: _Words(cells[name].to_numpy(object)) for name in _WORDS}
        self._numbers = {name: cells[name].to_numpy() for name in _NUMBERS}
        self._second: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.looks)

    def value(self, column: str, row: int) -> Any:
        """Give a value of the table; of the column ``second`` the pair of label and probability."""
        if column == "second":
            # For the few rows that are seen at a time this is quicker than to reckon it for all of them.
            part = self._cells.iloc[[row]] if self._second is None else self._second.iloc[[row]]
            guess = (second_guesses(part) if self._second is None else part).iloc[0]
            return str(guess["label"]), float(guess["probability"])
        words = self._words.get(column)
        return words.at(row) if words is not None else self._numbers[column][row]

    @property
    def labels(self) -> list[str]:
        """The classes that there are."""
        words = self._words["label"]
        return [words.names[code] for code in np.flatnonzero(np.bincount(words.codes))]

    def update(self, cells: pd.DataFrame, rows: Sequence[int]) -> None:
        """Take a later state of the same table; it may be longer or shorter.

        Parameters
        ----------
        cells : pandas.DataFrame
            The cell table now.
        rows : sequence of int
            Rows whose class, status or flags changed; appended ones need not be among them.
        """
        n, n_before = len(cells), len(self)
        changed = np.array(sorted({*(row for row in rows if row < n), *range(n_before, n)}), np.intp)
        self.looks = self.looks.updated(cells, changed.tolist())
        self._cells = cells
        for name, words in self._words.items():
            words.put(changed, cells[name].to_numpy(object)[changed], n)
        self._numbers = {name: cells[name].to_numpy() for name in _NUMBERS}
        if n != n_before:
            self._second = None

    def matching(self, chosen: CellFilter) -> NDArray[np.bool_]:
        """Tell which rows a filter lets through."""
        label, status, flags = (self._words[name] for name in _WORDS)
        result = np.ones(len(self), bool)
        for word in chosen.text.casefold().split():
            result &= (
                label.holding(word, _class_words)
                | status.holding(word, str.casefold)
                | flags.holding(word, _flag_words)
                | self._numbered(word)
            )
        if chosen.label is not None:
            result &= label.equal_to(chosen.label)
        if chosen.unsure:
            result &= self.looks.unsure
        if chosen.below is not None:
            result &= self._numbers["confidence"] < chosen.below
        return result

    def ordered(self, column: str, rows: NDArray[np.intp], *, descending: bool) -> NDArray[np.intp]:
        """Sort rows; equal values keep their order, unknown ones come last."""
        if column == "second":
            if self._second is None:
                self._second = second_guesses(self._cells)
            values = self._second["probability"].to_numpy()
        elif column in self._words:
            values = self._words[column].ranks(_shown_class if column == "label" else str)
        else:
            values = self._numbers[column]
        values = values[rows]
        return rows[np.argsort(-values if descending else values, kind="stable")]

    def _numbered(self, word: str) -> NDArray[np.bool_]:
        result = np.zeros(len(self), bool)
        if word.isdecimal() and word.lstrip("0") == word:
            number, ids = int(word), self._numbers["cell_id"]
            while number <= len(self):
                # 12 begins 12, 120 to 129, 1200 to 1299 ...
                size = 10 ** (len(str(number)) - len(word))
                result |= (ids >= number) & (ids < number + size)
                number *= 10
        return result


class _Words:
    """A column of words: a number for each, and the words by their numbers."""

    def __init__(self, values: NDArray[np.object_]) -> None:
        codes, names = pd.factorize(values)
        self.codes: NDArray[np.int32] = codes.astype(np.int32)
        self.names: list[str] = [str(name) for name in names]

    def at(self, row: int) -> str:
        return self.names[self.codes[row]]

    def put(self, rows: NDArray[np.intp], values: NDArray[np.object_], n: int) -> None:
        codes = np.zeros(n, np.int32)
        kept = min(n, len(self.codes))
        codes[:kept] = self.codes[:kept]
        for row, value in zip(rows, values, strict=True):
            if value not in self.names:
                self.names.append(str(value))
            codes[row] = self.names.index(value)
        self.codes = codes

    def equal_to(self, name: str) -> NDArray[np.bool_]:
        """Tell which rows hold this word."""
        return np.array([known == name for known in self.names], bool)[self.codes]

    def holding(self, part: str, read_as: Callable[[str], str]) -> NDArray[np.bool_]:
        """Tell in which rows what people may call the word has this part."""
        return np.array([part in read_as(name) for name in self.names], bool)[self.codes]

    def ranks(self, shown: Callable[[str], str]) -> NDArray[np.int32]:
        """Rank the rows by what people read."""
        texts = [shown(name) for name in self.names]
        places = {text: place for place, text in enumerate(sorted(set(texts)))}
        return np.array([places[text] for text in texts], np.int32)[self.codes]


def _shown_class(name: str) -> str:
    return class_of(name).title


def _class_words(name: str) -> str:
    known = class_of(name)
    return f"{known.title} {name} {known.abbreviation}".casefold()


def _flag_words(flags: str) -> str:
    return f"{flags} {flags.replace('_', ' ')}".casefold()
