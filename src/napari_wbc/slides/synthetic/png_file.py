"""PNG, written row by row."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from napari_wbc.slides.synthetic.parameters import SmearParameters
from napari_wbc.slides.synthetic.reduction import Strip

_STRIP_PX = 256
_RGB, _UP_FILTER, _PER_METRE = 2, 2, 1


def write_png(path: Path, parameters: SmearParameters, strips: Callable[[int], Iterator[Strip]]) -> None:
    """Write a PNG that carries its scale (``pHYs``: px per metre)."""
    pack = zlib.compressobj(3)
    above = np.zeros((1, parameters.width, 3), np.uint8)
    per_metre = round(1e6 / parameters.um_per_px)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        header = struct.pack(">IIBBBBB", parameters.width, parameters.height, 8, _RGB, 0, 0, 0)
        _chunk(file, b"IHDR", header)
        _chunk(file, b"pHYs", struct.pack(">IIB", per_metre, per_metre, _PER_METRE))
        for strip in strips(_STRIP_PX):
            # The difference to the row above packs better than the row itself.
            rows = np.empty((len(strip), 1 + 3 * parameters.width), np.uint8)
            rows[:, 0] = _UP_FILTER
            rows[:, 1:] = (strip - np.concatenate([above, strip[:-1]])).reshape(len(strip), -1)
            above = strip[-1:]
            _chunk(file, b"IDAT", pack.compress(rows.tobytes()))
        _chunk(file, b"IDAT", pack.flush())
        _chunk(file, b"IEND", b"")


def _chunk(file: BinaryIO, kind: bytes, content: bytes) -> None:
    if not content and kind == b"IDAT":
        return
    file.write(struct.pack(">I", len(content)) + kind + content)
    file.write(struct.pack(">I", zlib.crc32(kind + content)))
