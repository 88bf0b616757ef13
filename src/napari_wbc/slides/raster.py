"""PNG, JPEG, BMP and WebP through Pillow: decoded once, kept in memory."""

from __future__ import annotations

import threading
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.slides.base import StoredSlide
from napari_wbc.slides.broken import DECODING_ERRORS, reason
from napari_wbc.slides.metadata import um_from_resolution

if TYPE_CHECKING:
    from PIL import Image

#: px: about 540 MB of RGB. Formats without tiles have to be decoded as a whole, so a larger image is either a bomb or
#: belongs into a tiled file. Pillow raises above it too, unless another program in the same process told it not to.
LARGEST_PX = 178_956_970
# Of a file, read at a time, bytes.
_PIECE = 1 << 20

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
        pixels, um_per_px = _decode(path)
        self._levels = [pixels]
        super().__init__(
            name=name,
            path=path,
            shapes=[pixels.shape[:2]],
            channels=pixels.shape[2] if pixels.ndim == 3 else 1,
            dtype=pixels.dtype,
            um_per_px=um_per_px,
        )

    def _cut(self, level: int, y: int, x: int, height: int, width: int) -> NDArray[np.generic]:
        return self._levels[level][y : y + height, x : x + width]


def open_raster(path: Path, *, further: tuple[str, ...] = ()) -> Image.Image:
    """Open an image with Pillow, not yet decoded; only formats whose readers start no other program.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    further : tuple of str, optional
        Formats beside PNG, JPEG, BMP and WebP, by Pillow's names.

    Raises
    ------
    InputError
        When it is none of these, larger than 179 megapixels, or a PNG whose checksums are wrong.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with _filters, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the limit below replaces the warning at half of it
            image = Image.open(path, formats=("PNG", "JPEG", "BMP", "DIB", "WEBP", *further))
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not an image that can be read, or broken at its beginning") from None
    except DECODING_ERRORS as error:
        raise InputError(
            f"{path}: not an image that can be read, or broken at its beginning ({reason(error)})"
        ) from None
    if image.width * image.height > LARGEST_PX:
        image.close()
        raise _too_large(path)
    if image.format == "PNG":
        try:
            _check_png(path)
        except InputError:
            image.close()
            raise
    return image


def _too_large(path: Path) -> InputError:
    return InputError(
        f"{path}: more than {LARGEST_PX // 10**6} megapixels in a format that cannot be read in parts; "
        "convert it to a tiled TIFF, for example with: vips tiffsave IN OUT.tif --tile --pyramid"
    )


def _check_png(path: Path) -> None:
    """Compare the checksums of a PNG, which Pillow leaves aside where the pixels are: other cells would be seen."""
    with path.open("rb") as file:
        file.seek(8)
        while lead := file.read(8):
            length, kind, crc = int.from_bytes(lead[:4], "big"), lead[4:], zlib.crc32(lead[4:])
            while length > 0 and (piece := file.read(min(length, _PIECE))):
                crc, length = zlib.crc32(piece, crc), length - len(piece)
            stored = file.read(4)
            if length or len(stored) < 4:
                break
            if crc != int.from_bytes(stored, "big"):
                raise InputError(f"{path}: the file is truncated or broken (a checksum is wrong)")
            if kind == b"IEND":
                return
    raise InputError(f"{path}: the file is truncated or broken (its end is missing)")


def _decode(path: Path) -> tuple[NDArray[np.generic], float | None]:
    image = open_raster(path)
    with image:
        x_dpi, y_dpi = (float(n) for n in image.info.get("dpi", (0, 0)))
        um_per_px = um_from_resolution(y_dpi, x_dpi, 25400.0)
        if image.mode.startswith(("1", "L", "I", "F")) and image.mode != "LAB":
            raise InputError(f"{path}: the image is grey; a stained smear in colour (RGB) is needed")
        if image.mode not in ("RGB", "RGBA", "P", "PA", "RGBX"):
            raise InputError(f"{path}: the colours are {image.mode}; save the image as RGB")
        try:
            if image.format == "PNG" and _png_bits(path) == 16:
                import imagecodecs

                # Pillow would cut 16 bits to 8 without knowing how many of them are used.
                return imagecodecs.png_decode(path.read_bytes()), um_per_px
            if image.mode in ("P", "PA"):
                return np.asarray(image.convert("RGBA")), um_per_px
            pixels = np.asarray(image if image.mode in ("RGB", "RGBA") else image.convert("RGB"))
            return pixels, um_per_px
        except DECODING_ERRORS as error:
            raise InputError(f"{path}: the file is truncated or broken ({reason(error)})") from None


def _png_bits(path: Path) -> int:
    """Bits per channel, from the fixed place in a PNG's first chunk."""
    with path.open("rb") as file:
        head = file.read(25)
    return head[24]
