"""The part that all adapters share: windows are checked, cut from a level, and made 8-bit RGB."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.slides.levels import levels_of
from napari_wbc.slides.pixels import bit_depth, check_layout, to_rgb8
from napari_wbc.slides.slide import RGB, Level, check_window

_SAMPLE_PX = 512


class StoredSlide(ABC):
    """A slide whose levels are stored arrays of (height, width, channels).

    An adapter calls ``__init__`` when it knows its levels and defines :meth:`_cut`; file adapters take
    ``(path, name)`` so that a pickled slide opens the file anew.
    """

    #: Whether :meth:`_cut` gives arrays that nobody else holds: large windows are not copied once more then.
    _cuts_copies = False
    #: What the file was like before it was opened (:mod:`napari_wbc.slides.unchanged`); empty: a folder, an array.
    as_opened: tuple[object, ...] = ()

    def __init__(
        self,
        *,
        name: str,
        path: Path | None,
        shapes: list[tuple[int, int]],
        channels: int,
        dtype: np.dtype[np.generic],
        um_per_px: float | None = None,
        bits: int | None = None,
    ) -> None:
        self.name = name
        self.path = path
        check_layout((*shapes[0], channels), dtype, self._what)
        self.levels: tuple[Level, ...]
        self.levels, self._stored = levels_of(shapes)
        self.shape: tuple[int, int] = shapes[0]
        self.metadata_um_per_px = um_per_px
        if dtype.newbyteorder("=") == np.uint16 and bits is None:
            level = len(self.levels) - 1
            stored = self._stored[level]
            bits = bit_depth(self._cut(stored, *w)[..., :3] for w in self.sample_windows(level))
        self._bits = bits or 8

    @property
    def _what(self) -> str:
        return str(self.path) if self.path is not None else self.name

    @abstractmethod
    def _cut(self, level: int, y: int, x: int, height: int, width: int) -> NDArray[np.generic]:
        """Pixels as stored, shape (height, width, 3 or 4); the window lies inside the level.

        Here ``level`` counts the ``shapes``, of which ``levels`` leaves out what is no reduced copy.
        """

    def sample_windows(self, level: int) -> list[tuple[int, int, int, int]]:
        """Lay up to nine windows over a level, from corner to corner.

        Parameters
        ----------
        level : int
            Which of ``levels``.

        Returns
        -------
        list of tuple of int
            ``(y, x, height, width)``, at most 512 px a side; one window of all of it where it is smaller.
        """
        rows, columns = self.levels[level].shape
        height, width = min(rows, _SAMPLE_PX), min(columns, _SAMPLE_PX)
        return [
            (y, x, height, width)
            for y in sorted({round(f * (rows - height)) for f in (0, 0.5, 1)})
            for x in sorted({round(f * (columns - width)) for f in (0, 0.5, 1)})
        ]

    def read(self, level: int, y: int, x: int, height: int, width: int) -> RGB:
        """See :meth:`napari_wbc.slides.Slide.read`."""
        check_window(self.levels, level, y, x, height, width)
        pixels = self._cut(self._stored[level], y, x, height, width)
        if self._cuts_copies and pixels.dtype == np.uint8 and pixels.shape[2] == 3:
            rgb: RGB = np.ascontiguousarray(pixels)
            return rgb
        return to_rgb8(pixels, self._bits, self._what)

    def close(self) -> None:  # noqa: B027 - most adapters hold no file
        """Let go of the file."""

    def __reduce__(self) -> tuple[Callable[..., StoredSlide], tuple[object, ...]]:
        # A worker may run in another folder.
        path = self.path.absolute() if self.path is not None else None
        return _open_again, (type(self), path, self.name)

    def __repr__(self) -> str:
        height, width = self.shape
        return f"<{type(self).__name__} {self.name!r} {height} x {width} px, {len(self.levels)} level(s)>"


def _open_again(kind: Callable[[Path, str], StoredSlide], path: Path, name: str) -> StoredSlide:
    """Open a slide in another process, perhaps on another computer."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    return kind(path, name)
