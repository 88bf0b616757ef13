"""PNG, JPEG, BMP and WebP through Pillow: decoded once, kept in memory."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.slides.base import StoredSlide
from napari_wbc.slides.broken import DECODING_ERRORS, reason
from napari_wbc.slides.metadata import um_from_resolution

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


def _decode(path: Path) -> tuple[NDArray[np.generic], float | None]:
    from PIL import Image, UnidentifiedImageError

    try:
        with _filters, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the limit below replaces the warning at half of it
            image = Image.open(path, formats=("PNG", "JPEG", "BMP", "DIB", "WEBP"))
    except Image.DecompressionBombError:
        raise InputError(
            f"{path}: more than {_MAX_PX // 10**6} megapixels in a format that cannot be read in parts; "
            "convert it to a tiled TIFF, for example with: vips tiffsave IN OUT.tif --tile --pyramid"
        ) from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not an image that can be read, or broken at its beginning") from None
    except DECODING_ERRORS as error:
        raise InputError(
            f"{path}: not an image that can be read, or broken at its beginning ({reason(error)})"
        ) from None
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
