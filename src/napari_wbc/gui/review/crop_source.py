"""Crops of cells for the gallery: read beside the GUI thread when somebody looks at them, kept while there is room."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from queue import Empty
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal
from qtpy.QtGui import QImage

from napari_wbc.gui.review.crop_reader import CropPlan, CropReader
from napari_wbc.slides.slide import Slide

#: What a crop shows: the part of the classifier's window that its network sees, so that people and model look at
#: the same picture.
SHOWN_UM = 20.0
SHOWN_PX = 128
#: Crops in memory; about 2,000 of them.
CACHE_BYTES = 128 << 20

_TICK_MS = 25
# One tick turns no more crops into images than fit into this, so that scrolling stays smooth while they pour in.
_BUDGET_S = 0.008
_BYTES_PER_PX = 4


class CropSource(QObject):
    """The pictures of the rows of a cell table.

    A thread of its own reads the windows; it knows neither Qt nor viewer. A timer on the GUI thread fetches what was
    read, so that nothing can arrive after :meth:`shutdown`. Both run only while something is awaited.

    The slide may be the one that a count is reading at the same time: slides can be read from several threads at
    once (see :class:`napari_wbc.slides.Slide`; the TIFF and whole-slide adapters lock their small caches, the others
    cut from arrays). It stays open, for it belongs to whoever opened it: call :meth:`clear` or :meth:`shutdown`
    before it is closed. A window that cannot be read is :meth:`problem`, and the others go on.

    Parameters
    ----------
    parent : QObject, optional
        As in Qt.
    window_um : float, optional
        Side of what a crop shows, µm.
    size_px : int, optional
        Side of the crops, px.
    cache_bytes : int, optional
        Room for crops; those not looked at for longest go first.

    Signals
    -------
    arrived(tuple of int)
        Rows whose crop, or the news that there is none, has come.
    """

    arrived = Signal(object)

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        window_um: float = SHOWN_UM,
        size_px: int = SHOWN_PX,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        super().__init__(parent)
        self.window_um, self.size_px = window_um, size_px
        self._room = max(1, cache_bytes // (size_px * size_px * _BYTES_PER_PX))
        self._plan: CropPlan | None = None
        self._crops: OrderedDict[int, QImage] = OrderedDict()
        self._problems: dict[int, str] = {}
        self._awaited: dict[int, None] = {}  # in the order of the wishes
        self._reader: CropReader | None = CropReader()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._fetch)
        # However the widget goes, the thread is told.
        weakref.finalize(self, self._reader.stop)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.shutdown)

    @property
    def cached_bytes(self) -> int:
        """Memory that the crops take."""
        return sum(image.sizeInBytes() for image in self._crops.values())

    def set_slide(self, slide: Slide, centres: NDArray[np.floating], um_per_px: float) -> None:
        """Show the cells of another slide.

        Parameters
        ----------
        slide : Slide
            Where to read.
        centres : array, shape (n, 2)
            ``(y, x)`` in level-0 px, one per row of the cell table.
        um_per_px : float
            Of level 0.
        """
        self.clear()
        self._plan = CropPlan(slide, np.array(centres, float), um_per_px, self.window_um, self.size_px)

    def set_centres(self, centres: NDArray[np.floating]) -> None:
        """Take the cell table of the same slide anew: rows were added, taken away or moved.

        Crops of rows whose cell has stayed where it was are kept.
        """
        if self._plan is None:
            return
        before, after = self._plan.centres, np.array(centres, float)
        common = min(len(before), len(after))
        same = set(np.flatnonzero((before[:common] == after[:common]).all(axis=1)).tolist())
        self._plan = replace(self._plan, centres=after)
        self._crops = OrderedDict((row, crop) for row, crop in self._crops.items() if row in same)
        self._problems = {row: problem for row, problem in self._problems.items() if row in same}
        self._await([row for row in self._awaited if row < len(after)])

    def clear(self, wait_s: float = 2.0) -> None:
        """Forget the slide and its crops, and wait for the window that is being read: the slide can be closed then.

        Parameters
        ----------
        wait_s : float, optional
            How long to wait at most.
        """
        self._plan = None
        self._crops = OrderedDict()
        self._problems = {}
        self._awaited = {}
        if self._reader is not None:
            self._reader.forget(wait_s)

    def want(self, rows: Sequence[int]) -> None:
        """Read the crops of these rows, the first ones first, unless they are here; earlier wishes are dropped."""
        if self._plan is None:
            return
        self._fetch()
        # More than there is room for would push out the first of them, which are those that are looked at.
        rows = [int(row) for row in rows[: self._room] if 0 <= row < len(self._plan.centres)]
        for row in reversed(rows):
            if row in self._crops:
                self._crops.move_to_end(row)
        self._await([row for row in rows if row not in self._crops and row not in self._problems])

    def crop(self, row: int) -> QImage | None:
        """Give the crop of a row, as far as it has come."""
        image = self._crops.get(row)
        if image is not None:
            self._crops.move_to_end(row)
        return image

    def problem(self, row: int) -> str:
        """Say why there is no crop of a row; empty as long as that is not known."""
        return self._problems.get(row, "")

    def shutdown(self, wait_s: float = 2.0) -> None:
        """Stop the thread; nothing arrives any more.

        Parameters
        ----------
        wait_s : float, optional
            How long to wait for the window that it is reading; it is left to end by itself after that.
        """
        reader, self._reader = self._reader, None
        self._timer.stop()
        self._awaited = {}
        self._plan = None
        if reader is not None:
            reader.stop()
            reader.join(wait_s)

    def _await(self, rows: Sequence[int]) -> None:
        self._awaited = dict.fromkeys(rows)
        if self._reader is None or self._plan is None:
            return
        self._reader.want(self._plan, rows)
        # Started again it would begin to count anew, and never ring while somebody scrolls.
        if rows and not self._timer.isActive():
            self._timer.start()

    def _fetch(self) -> None:
        """Take what was read, but for what nobody waits for any more."""
        deadline = perf_counter() + _BUDGET_S
        rows = []
        while self._reader is not None and perf_counter() < deadline:
            try:
                read = self._reader.done.get_nowait()
            except Empty:
                break
            if read.plan is not self._plan or read.row not in self._awaited:
                continue
            del self._awaited[read.row]
            if read.pixels is None:
                self._problems[read.row] = read.problem
            else:
                self._crops[read.row] = _image(read.pixels)
                self._crops.move_to_end(read.row)
                while len(self._crops) > self._room:
                    self._crops.popitem(last=False)
            rows.append(read.row)
        if not self._awaited:
            self._timer.stop()
        if rows:
            self.arrived.emit(tuple(rows))


def _image(pixels: NDArray[np.uint8]) -> QImage:
    side = pixels.shape[0]
    rgb = QImage(np.ascontiguousarray(pixels).tobytes(), side, side, 3 * side, QImage.Format.Format_RGB888)
    # This makes it independent of the array, whose memory goes, and it is scaled in half the time.
    return rgb.convertToFormat(QImage.Format.Format_RGB32)
