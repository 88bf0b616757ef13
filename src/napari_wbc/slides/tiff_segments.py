"""Windows of a TIFF page, decoded from just the tiles or strips that they touch."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.slides.broken import DECODING_ERRORS, reason
from napari_wbc.slides.embedded_size import JPEG2000, WEBP, embedded_size
from napari_wbc.slides.pixels import rgb_from_ycc

#: Numbers of TIFF's compressions.
JPEG, APERIO_YCC = (6, 7, 34892, 33007), 33003
#: None, LZW, Deflate, PackBits, LZMA, Zstandard; their decoders are told how large a tile is.
_BOUNDED = (1, 5, 8, 32773, 32946, 34925, 34926, 50000, 50013)
_END_OF_JPEG = b"\xff\xd9"
# Decoded segments that stay in memory: neighbouring windows overlap by their halo.
_CACHE_BYTES = 64 << 20
# A single strip may hold a whole image; above this it is not decoded.
_SEGMENT_BYTES = 1 << 30
# Tables and colour profiles may come with a tile, however small it is.
_SEGMENT_SLACK = 1 << 24


class SegmentFile:
    """An open TIFF whose segments several threads may read at once, with a small cache of decoded ones.

    Parameters
    ----------
    path : pathlib.Path
        The TIFF.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._cache: OrderedDict[int, NDArray[np.generic]] = OrderedDict()
        self._cached_bytes = 0

    def close(self) -> None:
        """Close the file and drop the cache."""
        with self._lock:
            self._cache.clear()
            self._cached_bytes = 0
            self._file.close()

    def bytes_at(self, offset: int, size: int) -> bytes:
        """Read from the file.

        Parameters
        ----------
        offset, size : int
            Where and how many bytes.

        Returns
        -------
        bytes
            All of them.

        Raises
        ------
        InputError
            When the file ends before.
        """
        try:
            found = self._read(offset, size)
        except (OSError, ValueError) as error:
            raise InputError(f"{self.path}: cannot be read ({reason(error)})") from None
        if len(found) < size:
            raise InputError(f"{self.path}: the file is truncated")
        return found

    def _read(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):  # has no shared position, so it needs no lock and survives a fork
            return os.pread(self._file.fileno(), size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def segment(
        self, offset: int, size: int, decode: Callable[[bytes], NDArray[np.generic]], place: str
    ) -> NDArray[np.generic]:
        """Decode a tile or strip, or take it from the cache.

        Parameters
        ----------
        offset, size : int
            Where it lies in the file and how many bytes it has.
        decode : callable
            Makes pixels of these bytes.
        place : str
            Where it lies in the image, for the message.

        Returns
        -------
        numpy.ndarray, shape (height, width, samples)
            Not to be changed.

        Raises
        ------
        InputError
            When it is broken.
        """
        with self._lock:
            if offset in self._cache:
                self._cache.move_to_end(offset)
                return self._cache[offset]
        encoded = self.bytes_at(offset, size)
        try:
            segment = decode(encoded)
        except DECODING_ERRORS as error:
            raise InputError(f"{self.path}: the file is broken at {place} ({reason(error)})") from None
        with self._lock:
            if offset not in self._cache:
                self._cache[offset] = segment
                self._cached_bytes += segment.nbytes
            while self._cached_bytes > _CACHE_BYTES and len(self._cache) > 1:
                self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
        return segment


class PageWindows:
    """One page of a TIFF as something to cut windows from.

    Parameters
    ----------
    file : SegmentFile
        The file.
    page : tifffile.TiffPage or TiffFrame
        One of its pages.
    level : int
        Which level of the file it belongs to, for messages.

    Raises
    ------
    InputError
        When the file ends before the page's pixels do, or they cannot be read in parts.
    """

    def __init__(self, file: SegmentFile, page: Any, level: int) -> None:
        keyframe = page.keyframe
        self._file, self._level, self._compression = file, level, int(keyframe.compression)
        # Asked for now, as both may look into the file, which tifffile has open only while the slide is opened.
        self._decode, self._tables = keyframe.decode, page.jpegtables
        self._own_size = self._compression in (*JPEG, *JPEG2000, *WEBP)
        if not self._own_size and self._compression not in _BOUNDED:
            raise InputError(
                f"{file.path}: compressed in a way that is not read here (number {self._compression}); rewrite it, for "
                "example with: vips tiffsave IN OUT.tif --tile --pyramid --compression jpeg"
            )
        self.rows, self.columns = int(keyframe.imagelength), int(keyframe.imagewidth)
        self.planes = int(keyframe.samplesperpixel) if keyframe.planarconfig == 2 else 1
        self.samples = 1 if keyframe.planarconfig == 2 else int(keyframe.samplesperpixel)
        self.dtype = np.dtype(keyframe.dtype).newbyteorder("=")
        if keyframe.is_tiled:
            self._height, self._width = int(keyframe.tilelength), int(keyframe.tilewidth)
        else:
            self._height, self._width = min(int(keyframe.rowsperstrip), self.rows), self.columns
        offsets = np.asarray(page.dataoffsets, np.int64)
        counts = np.asarray(page.databytecounts, np.int64)
        across, down = -(-self.columns // self._width), -(-self.rows // self._height)
        if len(offsets) != len(counts) or len(offsets) < self.planes * across * down:
            raise InputError(
                f"{file.path}: the file is truncated or broken (its list of tiles is incomplete)"
            )
        if int((offsets + counts).max(initial=0)) > file.path.stat().st_size:
            raise InputError(f"{file.path}: the file is truncated (its pixels go on beyond its end)")
        self._across, self._down = across, down
        self._offsets, self._counts = offsets, counts
        self._raw_dtype = np.dtype(keyframe.parent.byteorder + self.dtype.char)
        in_a_row = bool((offsets[:-1] + counts[:-1] == offsets[1:]).all())
        self._raw = bool(keyframe.is_contiguous) and not keyframe.is_tiled and in_a_row
        segment_bytes = self._height * self._width * self.samples * self.dtype.itemsize
        if not self._raw and segment_bytes > _SEGMENT_BYTES:
            raise InputError(
                f"{file.path}: the image is too large to be read without tiles; rewrite it, for example "
                "with: vips tiffsave IN OUT.tif --tile --pyramid"
            )
        if not self._raw and int(counts.max(initial=0)) > 2 * segment_bytes + _SEGMENT_SLACK:
            raise InputError(f"{file.path}: the file is broken (a tile is larger packed than it is unpacked)")

    def cut(self, y: int, x: int, height: int, width: int) -> NDArray[np.generic]:
        """Pixels of a window inside the page.

        Parameters
        ----------
        y, x, height, width : int
            px.

        Returns
        -------
        numpy.ndarray, shape (height, width, planes x samples)
            As stored; tiles that the file leaves out are white, as the glass is.
        """
        if self._raw:
            return self._cut_raw(y, x, height, width)
        white = np.iinfo(self.dtype).max if np.issubdtype(self.dtype, np.integer) else 1
        out = np.empty((height, width, self.planes * self.samples), self.dtype)
        for row in range(y // self._height, (y + height - 1) // self._height + 1):
            for column in range(x // self._width, (x + width - 1) // self._width + 1):
                for plane in range(self.planes):
                    index = (plane * self._down + row) * self._across + column
                    top, left = row * self._height, column * self._width
                    y0, x0 = max(y, top), max(x, left)
                    y1, x1 = min(y + height, top + self._height), min(x + width, left + self._width)
                    part = out[y0 - y : y1 - y, x0 - x : x1 - x, plane : plane + self.samples]
                    if self._counts[index] == 0:
                        part[:] = white
                        continue
                    segment = self._segment(index)[y0 - top : y1 - top, x0 - left : x1 - left]
                    if segment.shape != part.shape:
                        part[:] = white
                    part[: segment.shape[0], : segment.shape[1]] = segment
        return out

    def _segment(self, index: int) -> NDArray[np.generic]:
        def decode(encoded: bytes) -> NDArray[np.generic]:
            if self._compression in JPEG and _END_OF_JPEG not in encoded:
                # The decoder would fill the rest of the tile with grey and say nothing.
                raise ValueError("a JPEG without its end")
            if self._own_size:
                size = embedded_size(encoded, self._compression)
                # Decoders make room for what a picture says of itself: 500 bytes may ask for 12 GB.
                if size is None or size[0] > 2 * self._height + 64 or size[1] > 2 * self._width + 64:
                    raise ValueError(f"the picture in it has another size: {size}")
            pixels: NDArray[np.generic] = self._decode(encoded, index, jpegtables=self._tables)[0][0]
            ycc = self._compression == APERIO_YCC and not _comes_as_rgb(encoded)
            return rgb_from_ycc(pixels) if ycc else pixels

        row, column = divmod(index % (self._down * self._across), self._across)
        place = f"y={row * self._height}, x={column * self._width} of level {self._level}"
        return self._file.segment(int(self._offsets[index]), int(self._counts[index]), decode, place)

    def _cut_raw(self, y: int, x: int, height: int, width: int) -> NDArray[np.generic]:
        """Cut rows from uncompressed pixels without touching the rest; one strip may hold a whole slide."""
        px = self.samples * self.dtype.itemsize
        out = np.empty((height, width, self.planes * self.samples), self.dtype)
        for plane in range(self.planes):
            start = int(self._offsets[0]) + ((plane * self.rows + y) * self.columns + x) * px
            for row in range(height):
                line = self._file.bytes_at(start + row * self.columns * px, width * px)
                pixels = np.frombuffer(line, self._raw_dtype).reshape(width, self.samples)
                out[row, :, plane : plane + self.samples] = pixels
        return out


def _comes_as_rgb(codestream: bytes) -> bool:
    """Whether the decoder of JPEG 2000 takes a picture for YCbCr by itself: where its colours are coarser."""
    start = codestream.find(b"\xff\x4f\xff\x51")
    # After the sizes, three bytes per channel: its depth, and how many px it is wide and high.
    return codestream[start + 46 : start + 48] != b"\x01\x01"
