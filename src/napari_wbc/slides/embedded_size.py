"""How large the picture in a tile says that it is: asked before a decoder makes room for it."""

from __future__ import annotations

import io

# Start of frame: baseline, extended, progressive, lossless and their arithmetic kin.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG2000_SIZE = b"\xff\x4f\xff\x51"
#: Numbers of TIFF's compressions that :func:`embedded_size` knows.
JPEG2000, WEBP = (33003, 33004, 33005, 34712), (34927, 50001)


def embedded_size(encoded: bytes, compression: int) -> tuple[int, int] | None:
    """Read height and width from the head of a JPEG, JPEG 2000 or WebP.

    Parameters
    ----------
    encoded : bytes
        The tile or strip.
    compression : int
        As the TIFF tells it.

    Returns
    -------
    tuple of int or None
        None where it tells no size, so that it cannot be decoded either.

    Examples
    --------
    >>> embedded_size(bytes.fromhex("ffd8ffc0000b0800100020"), 7)
    (16, 32)
    """
    if compression in WEBP:
        from PIL import Image

        with Image.open(io.BytesIO(encoded), formats=("WEBP",)) as image:
            return image.height, image.width
    if compression in JPEG2000:
        start = encoded.find(_JPEG2000_SIZE) + 8
        if start < 8 or start + 16 > len(encoded):
            return None
        right, bottom, left, top = (int.from_bytes(encoded[start + 4 * k :][:4], "big") for k in range(4))
        return bottom - top, right - left
    return _jpeg_size(encoded)


def _jpeg_size(encoded: bytes) -> tuple[int, int] | None:
    place, found = 2, None
    while place + 9 <= len(encoded) and encoded[place] == 0xFF:
        marker = encoded[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == 0xDA:
            break
        if marker in _FRAMES:
            size = tuple(int.from_bytes(encoded[place + k : place + k + 2], "big") for k in (5, 7))
            # Whichever of several the decoder goes by, none may be too large.
            found = size if found is None else (max(found[0], size[0]), max(found[1], size[1]))
        place += 2 + int.from_bytes(encoded[place + 2 : place + 4], "big")
    return found  # type: ignore[return-value]
