"""A whole slide in DICOM, as small as readers take it: one file per level, tiles of JPEG in the order of rows."""

from __future__ import annotations

import struct
from pathlib import Path

import imagecodecs
import numpy as np

from pyramid_files import reduced

_STORAGE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_JPEG = "1.2.840.10008.1.2.4.50"
_ROOT = "1.2.826.0.1.3680043.8.498"
_LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")


def write_dicom(
    folder: Path,
    image: np.ndarray,
    *,
    um_per_px: float = 0.25,
    factors: tuple[int, ...] = (4,),
    tile: int = 128,
) -> Path:
    """Write the levels of a slide; gives the file of the finest."""
    folder.mkdir()
    for number, factor in enumerate((1, *factors)):
        (folder / f"{number}.dcm").write_bytes(
            _instance(reduced(image, factor), number, um_per_px * factor, tile)
        )
    return folder / "0.dcm"


def _instance(image: np.ndarray, number: int, um_per_px: float, tile: int) -> bytes:
    height, width = image.shape[:2]
    frames = []
    for y in range(0, height, tile):
        for x in range(0, width, tile):
            part = image[y : y + tile, x : x + tile]
            missing = (0, tile - part.shape[0]), (0, tile - part.shape[1]), (0, 0)
            full = np.ascontiguousarray(np.pad(part, missing, mode="edge"))
            frames.append(imagecodecs.jpeg8_encode(full, level=95, subsampling="422"))
    name = f"{_ROOT}.1.{number + 1}"
    about = [
        (
            0x0008,
            0x0008,
            b"CS",
            ["ORIGINAL\\PRIMARY\\VOLUME\\NONE", "DERIVED\\PRIMARY\\VOLUME\\RESAMPLED"][number > 0],
        ),
        (0x0008, 0x0016, b"UI", _STORAGE),
        (0x0008, 0x0018, b"UI", name),
        (0x0008, 0x0060, b"CS", "SM"),
        (0x0020, 0x000D, b"UI", f"{_ROOT}.2"),
        (0x0020, 0x000E, b"UI", f"{_ROOT}.3"),
        (0x0020, 0x0052, b"UI", f"{_ROOT}.4"),
        (0x0020, 0x9311, b"CS", "TILED_FULL"),
        (0x0028, 0x0002, b"US", 3),
        (0x0028, 0x0004, b"CS", "YBR_FULL_422"),
        (0x0028, 0x0006, b"US", 0),
        (0x0028, 0x0008, b"IS", str(len(frames))),
        (0x0028, 0x0010, b"US", tile),
        (0x0028, 0x0011, b"US", tile),
        (0x0028, 0x0100, b"US", 8),
        (0x0028, 0x0101, b"US", 8),
        (0x0028, 0x0102, b"US", 7),
        (0x0028, 0x0103, b"US", 0),
        (0x0048, 0x0006, b"UL", width),
        (0x0048, 0x0007, b"UL", height),
        (0x0048, 0x0303, b"UL", 1),
    ]
    spacing = f"{um_per_px / 1000:.9g}"
    measures = _element(0x0028, 0x0030, b"DS", f"{spacing}\\{spacing}")
    shared = _element(0x0028, 0x9110, b"SQ", _item(measures))
    body = b"".join(_element(*line) for line in about)
    body += _element(0x5200, 0x9229, b"SQ", _item(shared)) + _pixels(frames)
    meta = b"".join(
        _element(0x0002, element, vr, value)
        for element, vr, value in [
            (0x0001, b"OB", b"\0\1"),
            (0x0002, b"UI", _STORAGE),
            (0x0003, b"UI", name),
            (0x0010, b"UI", _JPEG),
            (0x0012, b"UI", f"{_ROOT}.9"),
        ]
    )
    return b"\0" * 128 + b"DICM" + _element(0x0002, 0x0000, b"UL", len(meta)) + meta + body


def _element(group: int, element: int, vr: bytes, value: str | int | bytes) -> bytes:
    if isinstance(value, int):
        packed = struct.pack("<H" if vr == b"US" else "<I", value)
    else:
        packed = value.encode() if isinstance(value, str) else value
        packed += (b"\0" if vr in (b"UI", b"OB") else b" ") * (len(packed) % 2) if vr != b"SQ" else b""
    length = struct.pack("<HI", 0, len(packed)) if vr in _LONG else struct.pack("<H", len(packed))
    return struct.pack("<HH", group, element) + vr + length + packed


def _item(content: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def _pixels(frames: list[bytes]) -> bytes:
    frames = [frame + b"\0" * (len(frame) % 2) for frame in frames]
    starts = np.cumsum([0, *(len(frame) + 8 for frame in frames[:-1])])
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    offsets = _item(struct.pack(f"<{len(starts)}I", *map(int, starts)))
    return head + offsets + b"".join(map(_item, frames)) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
