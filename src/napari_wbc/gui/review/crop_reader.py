"""The thread behind a crop source: reads the window of one cell after the other, the newest wish first."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import WbcError
from napari_wbc.slides.crops import crop_cells
from napari_wbc.slides.slide import Slide

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class CropPlan:
    """Which windows to cut.

    Attributes
    ----------
    slide : Slide
        Where to read. It is not closed here: it belongs to whoever opened it.
    centres : numpy.ndarray, shape (n, 2)
        ``(y, x)`` of the cells in level-0 px, one per row of the cell table.
    um_per_px : float
        Of level 0.
    window_um : float
        Side of the windows, µm.
    size_px : int
        Side of the crops, px.
    """

    slide: Slide
    centres: NDArray[np.floating]
    um_per_px: float
    window_um: float
    size_px: int

    def cut(self, row: int) -> NDArray[np.uint8]:
        """Read the crop of one row; shape (size_px, size_px, 3)."""
        crops = crop_cells(
            self.slide,
            self.centres[row : row + 1],
            um_per_px=self.um_per_px,
            window_um=self.window_um,
            size_px=self.size_px,
        )
        return crops[0]


@dataclass(frozen=True, eq=False)
class ReadCrop:
    """What came of a wish.

    Attributes
    ----------
    plan : CropPlan
        That the row belongs to.
    row : int
        Of the cell table.
    pixels : numpy.ndarray of uint8, shape (size_px, size_px, 3), or None
        None where the slide cannot be read.
    problem : str
        Why not.
    """

    plan: CropPlan
    row: int
    pixels: NDArray[np.uint8] | None
    problem: str = ""


class CropReader:
    """Reads in a thread that knows nothing of Qt, and is there only while something is wished for.

    What was read waits in ``done`` until somebody takes it.
    """

    def __init__(self) -> None:
        self.done: SimpleQueue[ReadCrop] = SimpleQueue()
        self._wishes: deque[tuple[CropPlan, int]] = deque()
        self._something = threading.Condition()
        self._stopped = self._reading = False
        self._thread: threading.Thread | None = None

    def want(self, plan: CropPlan, rows: Sequence[int]) -> None:
        """Read these rows, in this order; what was wished before and is not begun yet is forgotten."""
        with self._something:
            if self._stopped:
                return
            self._wishes = deque((plan, row) for row in rows)
            if self._wishes and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="napari-wbc crops", daemon=True)
                self._thread.start()

    def forget(self, wait_s: float) -> None:
        """Drop all wishes, and wait for the window that is being read: its slide may be closed after that."""
        with self._something:
            self._wishes.clear()
            self._something.wait_for(lambda: not self._reading, wait_s)

    def stop(self) -> None:
        """Tell the thread to end after the window that it is reading."""
        with self._something:
            self._stopped = True
            self._wishes.clear()

    def join(self, wait_s: float) -> bool:
        """Wait for the thread after :meth:`stop`; tell whether it has ended."""
        thread = self._thread
        if thread is not None:
            thread.join(wait_s)
        return thread is None or not thread.is_alive()

    def _work(self) -> None:
        while True:
            with self._something:
                if self._stopped or not self._wishes:
                    self._thread = None
                    return
                plan, row = self._wishes.popleft()
                self._reading = True
            read = _read(plan, row)
            with self._something:
                self._reading = False
                self._something.notify_all()
            self.done.put(read)


def _read(plan: CropPlan, row: int) -> ReadCrop:
    try:
        return ReadCrop(plan, row, plan.cut(row))
    except WbcError as error:
        return ReadCrop(plan, row, None, str(error).splitlines()[0])
    except Exception as error:  # noqa: BLE001 - one bad window must not end the thread that reads all others
        _log.warning("the crop of row %d cannot be read", row, exc_info=True)
        return ReadCrop(plan, row, None, f"cannot be read ({type(error).__name__})")
