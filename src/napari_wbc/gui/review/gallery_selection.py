"""Which items of a gallery are selected, and what clicks and keys make of that; no Qt."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


class GallerySelection:
    """Selected rows among the rows that are shown.

    A *place* is where a row is shown: ``order[place]`` is the row.

    Attributes
    ----------
    order : numpy.ndarray of intp
        The rows shown, in their order.
    place_of : numpy.ndarray of intp
        Where each row of the table is shown; -1: nowhere.
    current : int or None
        The place that the keyboard moves from.
    """

    def __init__(self) -> None:
        self.order: NDArray[np.intp] = np.zeros(0, np.intp)
        self.place_of: NDArray[np.intp] = np.zeros(0, np.intp)
        self.current: int | None = None
        self._anchor: int | None = None
        self._chosen: NDArray[np.bool_] = np.zeros(0, bool)

    @property
    def rows(self) -> tuple[int, ...]:
        """The selected rows, as they are shown."""
        return tuple(self.order[self._chosen].tolist())

    @property
    def chosen(self) -> NDArray[np.bool_]:
        """Which places are selected; a copy."""
        return self._chosen.copy()

    def __contains__(self, place: int) -> bool:
        return bool(self._chosen[place])

    def show(self, order: NDArray[np.intp], n_rows: int) -> None:
        """Show other rows, or the same in another order; what is still shown stays selected.

        Where the current row is gone, the one that took its place becomes current.
        """
        rows, at = self.order[self._chosen], self.current
        row = None if at is None else int(self.order[at])
        self.order = order
        self.place_of = np.full(n_rows, -1, np.intp)
        self.place_of[order] = np.arange(len(order))
        self._chosen = np.zeros(len(order), bool)
        self._chosen[self._places(rows)] = True
        self.current = self._anchor = None
        if row is not None and at is not None and len(order):
            still = row < n_rows and self.place_of[row] >= 0
            self.current = self._anchor = int(self.place_of[row]) if still else min(at, len(order) - 1)

    def set_rows(self, rows: Iterable[int]) -> None:
        """Select these rows and no others; the first that is shown becomes current."""
        places = self._places(np.fromiter(rows, np.intp))
        self._chosen[:] = False
        self._chosen[places] = True
        if len(places):
            self.current = self._anchor = int(places[0])

    def only(self, place: int) -> None:
        """Select one item."""
        self._chosen[:] = False
        self._chosen[place] = True
        self.current = self._anchor = place

    def toggle(self, place: int) -> None:
        """Turn one item over and leave the others."""
        self._chosen[place] = not self._chosen[place]
        self.current = self._anchor = place

    def reach(self, place: int, *, add: bool = False) -> None:
        """Select from where the last selection began up to an item."""
        anchor = place if self._anchor is None else self._anchor
        if not add:
            self._chosen[:] = False
        self._chosen[min(anchor, place) : max(anchor, place) + 1] = True
        self.current, self._anchor = place, anchor

    def set_places(self, places: NDArray[np.intp], base: NDArray[np.bool_]) -> None:
        """Select what a rubber band touches, beside what was selected before."""
        self._chosen = base.copy()
        self._chosen[places] = True
        if len(places):
            self.current = self._anchor = int(places[-1])

    def all(self) -> None:
        """Select everything that is shown."""
        self._chosen[:] = True

    def none(self) -> None:
        """Select nothing."""
        self._chosen[:] = False

    def _places(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        known = rows[(rows >= 0) & (rows < len(self.place_of))]
        places = self.place_of[known]
        return places[places >= 0]
