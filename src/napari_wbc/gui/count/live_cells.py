"""The cells of a count that goes on: they appear in the viewer while it runs. No Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import perf_counter

from napari_wbc.gui.workspace import Shown, Workspace
from napari_wbc.pipeline import CellsFound

# Cells appear while the count runs, but no more than a sixth of the time goes into drawing them.
_LIVE_MS = 150
_LIVE_SHARE = 5


class LiveCells:
    """Draws the cells that were found so far, and counts them.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer; its busy image is the one that is being counted.
    drawn : callable
        Told the cells per class whenever cells were drawn.
    """

    def __init__(self, workspace: Workspace, drawn: Callable[[dict[str, int]], None]) -> None:
        self._workspace, self._drawn = workspace, drawn
        self._counts: Counter[str] = Counter()
        self._wanted, self._ms = False, _LIVE_MS

    @property
    def shown(self) -> Shown | None:
        """What the viewer shows of the image that is being counted."""
        busy = self._workspace.busy
        return self._workspace.shown.get(busy) if busy is not None else None

    def begin(self) -> None:
        """Count from nothing."""
        self._counts = Counter()

    def stop(self) -> None:
        """Draw nothing more."""
        self._wanted = False

    def add(self, found: CellsFound) -> None:
        """Take further cells; they are drawn soon."""
        shown = self.shown
        if shown is None:
            return
        shown.layers.add(found.cells, found.masks)
        self._counts.update(found.cells["label"])
        if not self._wanted:
            self._wanted = True
            self._workspace.later(self._ms, self._draw)

    def _draw(self) -> None:
        shown = self.shown
        if shown is None or not self._wanted:
            return
        self._wanted = False
        before = perf_counter()
        shown.layers.refresh()
        self._drawn(dict(self._counts))
        self._ms = max(_LIVE_MS, int(1000 * _LIVE_SHARE * (perf_counter() - before)))
