"""Long work that has to be done on the GUI thread, a little at a time, so that the window stays alive."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import perf_counter

from napari_wbc.gui.job import Later

#: How long one turn works, and how long others have the thread then.
_TURN_S, _PAUSE_MS = 0.012, 10


class Slices:
    """Works through iterators, one after the other, in short turns of the event loop.

    Parameters
    ----------
    later : callable
        Calls a function after so many ms.
    """

    def __init__(self, later: Later) -> None:
        self._later = later
        self._work: deque[Iterator[None]] = deque()
        self._called = False

    @property
    def busy(self) -> bool:
        """Whether something is left to do."""
        return bool(self._work)

    def begin(self, work: Iterator[None]) -> None:
        """Do this after what is left; every step of the iterator should take some milliseconds at most."""
        self._work.append(work)
        self._call()

    def stop(self) -> None:
        """Leave undone what is left."""
        self._work.clear()

    def _call(self) -> None:
        if not self._called:
            self._called = True
            self._later(_PAUSE_MS, self._turn)

    def _turn(self) -> None:
        self._called = False
        end = perf_counter() + _TURN_S
        while self._work and perf_counter() < end:
            work = self._work[0]
            try:
                next(work)
            except StopIteration:
                # The step itself may have stopped everything.
                if self._work and self._work[0] is work:
                    self._work.popleft()
        if self._work:
            self._call()
