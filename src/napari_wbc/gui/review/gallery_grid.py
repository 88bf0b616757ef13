"""Where the items of a gallery lie: sections of lines of items, reckoned with numbers only.

An item's *place* counts the items as they are shown, from 0. A heading stands above each section; every section
begins a new line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """A grid of equal items.

    Attributes
    ----------
    sizes : tuple of int
        Items per section, each at least 1.
    columns : int
        Items per line.
    width, height : int
        Of an item with the gap to the next one, px.
    heading : int
        Height of the headings, px; 0: there are none.
    margin : int
        Around everything, px.
    """

    sizes: tuple[int, ...]
    columns: int
    width: int
    height: int
    heading: int = 0
    margin: int = 0
    _first: NDArray[np.intp] = field(init=False, repr=False, compare=False)
    _line: NDArray[np.intp] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sizes = np.asarray(self.sizes, np.intp)
        lines = -(-sizes // self.columns)
        # The first place and the first line of each section, and behind the last one.
        object.__setattr__(self, "_first", np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp))
        object.__setattr__(self, "_line", np.concatenate([[0], np.cumsum(lines)]).astype(np.intp))

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return int(self._first[-1])

    @property
    def n_lines(self) -> int:
        """How many lines of items there are."""
        return int(self._line[-1])

    @property
    def total_height(self) -> int:
        """Of everything, px."""
        return self.n_lines * self.height + len(self.sizes) * self.heading + 2 * self.margin

    def section_top(self, section: int) -> int:
        """Give the upper edge of a section, which is that of its heading, px."""
        return self.margin + int(self._line[section]) * self.height + section * self.heading

    def corner(self, place: int) -> tuple[int, int]:
        """Give the upper left corner of an item: x and y, px."""
        section = self._section_of(place)
        line, column = divmod(place - int(self._first[section]), self.columns)
        top = self.section_top(section) + self.heading + line * self.height
        return self.margin + column * self.width, top

    def line_of(self, place: int) -> int:
        """Give the line that an item is in, counted through all sections."""
        section = self._section_of(place)
        return int(self._line[section]) + (place - int(self._first[section])) // self.columns

    def beside(self, place: int, lines: int) -> int:
        """Give the item so many lines below (negative: above) an item, in its column or the last before it."""
        section = self._section_of(place)
        column = (place - int(self._first[section])) % self.columns
        line = min(max(self.line_of(place) + lines, 0), self.n_lines - 1)
        section = int(np.searchsorted(self._line, line, "right")) - 1
        first = int(self._first[section]) + (line - int(self._line[section])) * self.columns
        return min(first + column, int(self._first[section + 1]) - 1)

    def sections_between(self, top: int, bottom: int) -> range:
        """Give the sections of which something lies in top <= y < bottom."""
        tops = self.margin + self._line * self.height + np.arange(len(self._line)) * self.heading
        begin = max(int(np.searchsorted(tops, top, "right")) - 1, 0)
        end = min(int(np.searchsorted(tops, bottom, "left")), len(self.sizes))
        return range(begin, max(begin, end))

    def lines_between(self, top: int, bottom: int) -> range:
        """Give the places of all items in lines that lie, in part at least, in top <= y < bottom."""
        begin, end = self.n_items, 0
        for section in self.sections_between(top, bottom):
            first, last = self._lines_in(section, top, bottom)
            if first < last:
                start, stop = int(self._first[section]), int(self._first[section + 1])
                begin = min(begin, start + first * self.columns)
                end = max(end, min(start + last * self.columns, stop))
        return range(begin, max(begin, end))

    def inside(self, left: int, top: int, right: int, bottom: int) -> NDArray[np.intp]:
        """Give the places of all items that a rectangle touches, right and bottom not included."""
        low = max((left - self.margin) // self.width, 0)
        high = min(-(-(right - self.margin) // self.width), self.columns)
        found = [np.zeros(0, np.intp)]
        for section in self.sections_between(top, bottom):
            first, last = self._lines_in(section, top, bottom)
            if first < last and low < high:
                places = np.arange(first, last)[:, None] * self.columns + np.arange(low, high)
                found.append(places[places < self.sizes[section]] + int(self._first[section]))
        return np.concatenate(found)

    def at(self, x: int, y: int) -> int | None:
        """Give the place of the item at a point."""
        places = self.inside(x, y, x + 1, y + 1)
        return int(places[0]) if len(places) and x >= self.margin else None

    def _section_of(self, place: int) -> int:
        return int(np.searchsorted(self._first, place, "right")) - 1

    def _lines_in(self, section: int, top: int, bottom: int) -> tuple[int, int]:
        """Give the first line of a section that reaches below ``top``, and the first that begins at ``bottom``."""
        edge = self.section_top(section) + self.heading
        first = max((top - edge) // self.height, 0)
        last = min(-(-(bottom - edge) // self.height), -(-self.sizes[section] // self.columns))
        return first, max(first, last)


def grid_for(
    n_items: int,
    groups: Sequence[tuple[str, int]],
    *,
    available: int,
    width: int,
    height: int,
    heading: int,
    margin: int,
) -> Grid:
    """Lay items out in a width.

    Parameters
    ----------
    n_items : int
        How many.
    groups : sequence of (str, int)
        Heading and number of items of each section; empty: one section without a heading.
    available : int
        Width of the view, px.
    width, height, heading, margin : int
        As in :class:`Grid`.
    """
    columns = max(1, (available - 2 * margin) // width)
    if groups:
        return Grid(tuple(n for _, n in groups), columns, width, height, heading, margin)
    return Grid((n_items,) if n_items else (), columns, width, height, 0, margin)
