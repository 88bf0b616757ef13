"""PNG, JPEG, BMP and WebP through Pillow: decoded once, kept in memory."""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.slides.base import StoredSlide

# Pillow raises above this (twice its warning limit): about 540 MB of RGB. Formats without tiles have to be
# decoded as a whole, so a larger image is either a bomb or belongs into a tiled file.
_MAX_PX = 178_956_970

_filters = threading.Lock()


class RasterSlide(StoredSlide):
    """An image in a format without tiles.

    The EXIF orientation is ignored, as napari's and scikit-image's readers do, so that the coordinates of
    cells fit the image that the viewer shows.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str
        What to call the slide.

    Raises
    ------
    InputError
        When it is broken, not in colour, or larger than 179 megapixels.
    """

    def __init__(self, path: Path, name: str) -> None:
        pixels = _decode(path)
        self._levels = [pixels]
        super().__init__(
            name=name,
            path=path,
            shapes=[pixels.shape[:2]],
            channels=pixels.shape[2] if pixels.ndim == 3 else 1,
            dtype=pixels.dtype,
        )

    def _cut(self, level: int, y: int, x: int, height: int, width: int) -> NDArray[np.generic]:
        return self._levels[level][y : y + height, x : x + width]


def _decode(path: Path) -> NDArray[np.generic]:
    from PIL import Image, UnidentifiedImageError

    try:
        with _filters, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the limit below replaces the warning at half of it
            image = Image.open(path, formats=("PNG", "JPEG", "BMP", "DIB", "WEBP", "MPO"))
    except Image.DecompressionBombError:
        raise InputError(
            f"{path}: more than {_MAX_PX // 10**6} megapixels in a format that cannot be read in parts; "
            "convert it to a tiled TIFF, for example with: vips tiffsave IN OUT.tif --tile --pyramid"
        ) from None
    except (UnidentifiedImageError, SyntaxError, ValueError, struct.error, OSError) as error:
        raise InputError(
            f"{path}: not an image that can be read, or broken at its beginning ({error})"
        ) from None
    with image:
        if image.mode.startswith(("1", "L", "I", "F")) and image.mode != "LAB":
            raise InputError(f"{path}: the image is grey; a stained smear in colour (RGB) is needed")
        if image.mode not in ("RGB", "RGBA", "P", "PA", "RGBX"):
            raise InputError(f"{path}: the colours are {image.mode}; save the image as RGB")
        try:
            if image.format == "PNG" and _png_bits(path) == 16:
                import imagecodecs

                # Pillow would cut 16 bits to 8 without knowing how many of them are used.
                decoded: NDArray[np.generic] = imagecodecs.png_decode(path.read_bytes())
                return decoded
            if image.mode in ("P", "PA"):
                return np.asarray(image.convert("RGBA"))
            return np.asarray(image if image.mode in ("RGB", "RGBA") else image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, RuntimeError) as error:
            raise InputError(f"{path}: the file is truncated or broken ({error})") from None


def _png_bits(path: Path) -> int:
    """Bits per channel, from the fixed place in a PNG's first chunk."""
    with path.open("rb") as file:
        head = file.read(25)
    return head[24]
