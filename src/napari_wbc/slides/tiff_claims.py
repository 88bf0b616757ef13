"""What a TIFF claims of its tags and tiles, held against the file: libraries in C make room for it before they look.

Openslide, libtiff and GLib below it end the process where there is no room. Asked before any of them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

#: Bytes that a tag, or a tile as stored or as RGBA, may have in any file: 30 million tiles, or 8192 x 8192 px. A strip
#: may be a whole level of an NDPI.
_MOST = 1 << 28
#: Directories, and tags in one: a scanner writes some dozens of both.
_MOST_LISTED = 1024
#: Values that several directories share, bytes.
_SLACK = 1 << 20
#: Beyond this an NDPI, which calls itself a classic TIFF, has offsets of its own.
_CLASSIC = 1 << 32
#: Bytes of a value, by the type of its tag; 1 for types that nobody knows.
_BYTES = np.ones(1 << 16, np.uint64)
_BYTES[[3, 8]], _BYTES[[4, 9, 11, 13]], _BYTES[[5, 10, 12, 16, 17, 18]] = 2, 4, 8
#: Types of whole numbers as NumPy calls them; a negative one is taken for a very large one, which fits nowhere.
_WHOLE = {1: "u1", 3: "u2", 4: "u4", 6: "u1", 8: "u2", 9: "u4", 13: "u4", 16: "u8", 17: "u8", 18: "u8"}
_SAMPLES, _TILE_WIDTH, _TILE_LENGTH = 277, 322, 323
#: Offsets with byte counts: of strips, of tiles.
_STORED = ((273, 279), (324, 325))


def tags_fit(path: Path) -> bool:
    """Tell whether no tag of a TIFF claims to hold more than the file does, or than any tag needs.

    Directories are gone through as far as they lie in the file, those that a tag points at left out; what is no TIFF
    claims nothing, nor does an NDPI of more than 4 GB.

    Parameters
    ----------
    path : pathlib.Path
        Any file.

    Returns
    -------
    bool
        False also where there are too many directories to be those of a slide.
    """
    with path.open("rb") as file:
        tiff = _opened(file, path)
        return tiff is None or tiff.directories() is not None


def tiles_fit(path: Path) -> bool:
    """Tell whether every strip and tile of a TIFF lies within the file and is none that fills the memory.

    Parameters
    ----------
    path : pathlib.Path
        As for :func:`tags_fit`.

    Returns
    -------
    bool
        False also where a tag claims too much. A tile without bytes, which stands for glass, may claim to lie anywhere.
    """
    with path.open("rb") as file:
        tiff = _opened(file, path)
        if tiff is None:
            return True
        directories = tiff.directories()
        return directories is not None and all(map(tiff.tiles_fit, directories))


def _opened(file: BinaryIO, path: Path) -> _Tiff | None:
    size, head = path.stat().st_size, file.read(4)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or (size >= _CLASSIC and path.suffix.lower() == ".ndpi"):
        return None
    return _Tiff(file, size, order, big=head[2:] == struct.pack(f"{order}H", 43))


@dataclass(frozen=True)
class _Tiff:
    """A file as TIFF: how large it is, its byte order, and whether it is a BigTIFF."""

    file: BinaryIO
    size: int
    order: str
    big: bool

    def directories(self) -> list[NDArray[np.void]] | None:
        """Give the entries of every directory; None where there are too many, or one claims too much."""
        room = 8 if self.big else 4
        entry = np.dtype(
            [
                ("tag", f"{self.order}u2"),
                ("type", f"{self.order}u2"),
                ("count", f"{self.order}u{room}"),
                ("value", f"V{room}"),
            ]
        )
        found: list[NDArray[np.void]] = []
        seen: set[int] = set()
        claimed = 0
        offset = self._number(room, f"u{room}")
        while 0 < offset < self.size and offset not in seen:
            seen.add(offset)
            lead = 8 if self.big else 2
            tags = self._number(offset, f"u{lead}")
            if tags > _MOST_LISTED or len(found) == _MOST_LISTED:
                return None
            content = self._read(offset + lead, tags * entry.itemsize)
            entries = np.frombuffer(content, entry, count=len(content) // entry.itemsize)
            counts, of_each = entries["count"].astype(np.uint64), _BYTES[entries["type"]]
            if (counts > min(self.size, _MOST) // of_each).any():
                return None
            claimed += int((counts * of_each).sum())
            # Many that claim the same bytes of a small file would take long.
            if claimed > 2 * self.size + _SLACK:
                return None
            found.append(entries)
            offset = self._number(offset + lead + tags * entry.itemsize, f"u{room}")
        return found

    def tiles_fit(self, entries: NDArray[np.void]) -> bool:
        """Tell whether what a directory says of its strips and tiles is possible."""
        for tag in (_SAMPLES, _TILE_WIDTH, _TILE_LENGTH, *(tag for pair in _STORED for tag in pair)):
            # Readers differ in which of two they go by.
            if np.count_nonzero(entries["tag"] == tag) > 1:
                return False
        width, length, samples = (
            int(values[0]) if len(values) else 0
            for values in (self._values(entries, tag) for tag in (_TILE_WIDTH, _TILE_LENGTH, _SAMPLES))
        )
        # Whatever is stored, it is decoded to four samples or more.
        if width * length * max(4, samples) > _MOST:
            return False
        for (of_offsets, of_counts), most in zip(_STORED, (self.size, min(self.size, _MOST)), strict=True):
            offsets, counts = self._values(entries, of_offsets), self._values(entries, of_counts)
            if (counts > most).any():
                return False
            both = min(len(offsets), len(counts))
            stored = counts[:both] > 0
            if (offsets[:both][stored] > self.size - counts[:both][stored]).any():
                return False
        return True

    def _values(self, entries: NDArray[np.void], tag: int) -> NDArray[np.uint64]:
        """Read the whole numbers of a tag as far as the file holds them; none where it has others, or is not there."""
        found = entries[entries["tag"] == tag]
        if not len(found) or int(found[0]["type"]) not in _WHOLE:
            return np.empty(0, np.uint64)
        dtype = np.dtype(self.order + _WHOLE[int(found[0]["type"])])
        size, content = int(found[0]["count"]) * dtype.itemsize, found[0]["value"].tobytes()
        if size > len(content):
            content = self._read(int(np.frombuffer(content, f"{self.order}u{len(content)}")[0]), size)
        return np.frombuffer(content, dtype, count=min(size, len(content)) // dtype.itemsize).astype(
            np.uint64
        )

    def _number(self, place: int, kind: str) -> int:
        dtype = np.dtype(self.order + kind)
        content = self._read(place, dtype.itemsize)
        return int(np.frombuffer(content, dtype)[0]) if len(content) == dtype.itemsize else 0

    def _read(self, place: int, size: int) -> bytes:
        self.file.seek(min(place, self.size))
        return self.file.read(size)
