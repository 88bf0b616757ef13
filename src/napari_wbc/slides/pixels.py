"""From whatever an image stores to 8-bit RGB, in the same way for every window of a slide."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError

RGB_TYPES = "uint8, uint16 or float in 0..1"
#: px. A slide of 75 mm at 0.02 µm per px has 3,750,000; a side beyond this is a damaged number.
LARGEST_SIDE = 1 << 22


def check_layout(shape: tuple[int, ...], dtype: np.dtype[np.generic], what: str) -> None:
    """Refuse what is no colour image.

    Parameters
    ----------
    shape : tuple of int
        Of the whole image, channels last.
    dtype : numpy.dtype
        Of its pixels.
    what : str
        The image's name, for the message.

    Raises
    ------
    InputError
        For grey or multichannel images and for pixel types other than uint8, uint16 and float.
    """
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 2)):
        raise InputError(f"{what}: the image is grey; a stained smear in colour (RGB) is needed")
    if len(shape) != 3:
        raise InputError(
            f"{what}: the image has {len(shape)} dimensions {shape}; (height, width, 3) is needed"
        )
    if shape[2] not in (3, 4):
        if shape[0] in (3, 4):
            raise InputError(
                f"{what}: the shape {shape} has its channels first; move them last, "
                "(height, width, 3), for example with numpy.moveaxis(image, 0, -1)"
            )
        raise InputError(f"{what}: the image has {shape[2]} channels; RGB or RGBA is needed")
    if min(shape) < 1:
        raise InputError(f"{what}: the image has no pixels (shape {shape})")
    if max(shape) > LARGEST_SIDE:
        raise InputError(f"{what}: {shape[0]} x {shape[1]} px is no size of a slide; the file is broken")
    if dtype.newbyteorder("=") not in (np.uint8, np.uint16) and not np.issubdtype(dtype, np.floating):
        raise InputError(f"{what}: pixels of type {dtype} cannot be used; give {RGB_TYPES}")


def bit_depth(samples: Iterable[NDArray[np.generic]]) -> int:
    """Bits that 16-bit pixels really use, from pixels sampled over the slide.

    Cameras store 10, 12 or 14 bits in 16. A bright-field smear has a bright background, so its largest value
    tells which; the next of 8, 10, 12, 14, 16 bits that holds it is taken.

    Parameters
    ----------
    samples : iterable of numpy.ndarray of uint16
        Any shapes.

    Returns
    -------
    int
        8, 10, 12, 14 or 16.
    """
    largest = max((int(sample.max()) for sample in samples if sample.size), default=0)
    return next(bits for bits in (8, 10, 12, 14, 16) if largest < 1 << bits)


def to_rgb8(pixels: NDArray[np.generic], bits: int, what: str) -> NDArray[np.uint8]:
    """Make 8-bit RGB; RGBA is laid on white.

    Parameters
    ----------
    pixels : numpy.ndarray, shape (height, width, 3 or 4)
        uint8, uint16, or float in 0..1; alpha is not premultiplied.
    bits : int
        Bits that uint16 pixels use: 2**bits - 1 becomes 255. Not used for the other types.
    what : str
        The image's name, for messages.

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width, 3)
        A copy, rounded to the nearest value.

    Raises
    ------
    InputError
        For float pixels that are not a number or outside 0..1.
    """
    pixels = np.asarray(pixels, pixels.dtype.newbyteorder("="))
    if pixels.dtype == np.uint8:
        if pixels.shape[2] == 3:
            return np.array(pixels, dtype=np.uint8, order="C")
        if pixels[..., 3].min() == 255:
            return np.array(pixels[..., :3], dtype=np.uint8, order="C")
    if pixels.dtype == np.uint16:
        full = np.float32((1 << bits) - 1)
        scaled = pixels.astype(np.float32) / full
        if pixels.shape[2] == 4:
            # Alpha uses all 16 bits whatever the camera's depth, or the same depth as the colours.
            alpha = pixels[..., 3].astype(np.float32)
            scaled[..., 3] = alpha / (full if alpha.max() <= full else np.float32(65535))
    elif pixels.dtype == np.uint8:
        scaled = pixels.astype(np.float32) / np.float32(255)
    else:
        scaled = pixels.astype(np.float32)
        if not np.isfinite(scaled).all():
            raise InputError(f"{what}: the image holds NaN or infinite pixels; fill them first")
        if scaled.min() < 0 or scaled.max() > 1:
            raise InputError(
                f"{what}: float pixels reach from {scaled.min():.4g} to {scaled.max():.4g}; "
                "scale them to 0..1 or give uint8"
            )
    scaled = np.clip(scaled, 0, 1)
    colour = scaled[..., :3]
    if scaled.shape[2] == 4:
        alpha = scaled[..., 3:]
        colour = colour * alpha + (1 - alpha)
    rgb: NDArray[np.uint8] = np.rint(colour * 255).astype(np.uint8)
    return rgb


def block_means(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Reduce an image to the means of whole blocks, rounded; what fills no block is left out.

    Parameters
    ----------
    pixels : numpy.ndarray of uint8, shape (height, width, 3)
        RGB.
    factor : int
        Side of a block, px.

    Returns
    -------
    numpy.ndarray of uint8, shape (height // factor, width // factor, 3)

    Examples
    --------
    >>> block_means(np.array([[[1, 2, 3], [3, 2, 1], [9, 9, 9]]] * 2, np.uint8), 2)
    array([[[2, 2, 2]]], dtype=uint8)
    """
    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    blocks = pixels[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
    means: NDArray[np.uint8] = np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)
    return means


def rgb_from_ycc(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """RGB from the YCbCr of JPEG (full range, ITU-R BT.601).

    Parameters
    ----------
    pixels : numpy.ndarray of uint8, shape (height, width, 3)
        Luminance, blue and red difference, the differences about 128.

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width, 3)

    Examples
    --------
    >>> rgb_from_ycc(np.array([[[76, 85, 255]]], np.uint8))
    array([[[254,   0,   0]]], dtype=uint8)
    """
    y, blue, red = (pixels[..., k].astype(np.float32) for k in range(3))
    blue -= 128
    red -= 128
    colours = [y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue]
    rgb: NDArray[np.uint8] = np.rint(np.clip(np.stack(colours, axis=2), 0, 255)).astype(np.uint8)
    return rgb
