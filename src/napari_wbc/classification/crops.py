"""Windows of a fixed size in µm around the cells, and the normalisation by their background."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_wbc.errors import InputError
from napari_wbc.slides import Slide, read_padded

#: Every crop shows this many µm, in training and in prediction.
WINDOW_UM = 25.0
#: Where the background of a crop is put (of 1); a little room stays above for brighter spots.
WHITE = 0.92
#: The background is this quantile of each channel. A crop around a leukocyte nearly always shows some.
BACKGROUND_QUANTILE = 0.95


def crop_cells(
    slide: Slide,
    centres: NDArray[np.floating],
    *,
    um_per_px: float,
    window_um: float = WINDOW_UM,
    size_px: int = 96,
) -> NDArray[np.uint8]:
    """Cut windows of a fixed physical size around cells.

    Parameters
    ----------
    slide : Slide
        Where to read.
    centres : numpy.ndarray, shape (n, 2)
        ``(y, x)`` of the cells in level-0 pixels.
    um_per_px : float
        Of level 0.
    window_um : float, optional
        Side of the window, µm.
    size_px : int, optional
        Side of the crops given back, px.

    Returns
    -------
    numpy.ndarray of uint8, shape (n, size_px, size_px, 3)
        Beyond the slide's border the image is mirrored.
    """
    crops = np.empty((len(centres), size_px, size_px, 3), np.uint8)
    # Read from the coarsest level that still has at least the resolution wanted.
    wanted = window_um / um_per_px / size_px
    level = max((i for i, item in enumerate(slide.levels) if item.downsample <= wanted * 1.01), default=0)
    downsample = slide.levels[level].downsample
    side = max(2, round(window_um / um_per_px / downsample))
    for i, (y, x) in enumerate(np.asarray(centres, float)):
        top = round(y / downsample - side / 2)
        left = round(x / downsample - side / 2)
        crops[i] = resize(read_padded(slide, level, top, left, side, side), size_px)
    return crops


def centre_crop(
    image: NDArray[np.uint8], um_per_px: float, size_px: int, window_um: float = WINDOW_UM
) -> NDArray[np.uint8]:
    """Cut the window around the centre of a single-cell image, mirrored where the image is smaller.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (height, width, 3)
        The cell is at its centre.
    um_per_px : float
        Of the image.
    size_px : int
        Side of the crop given back, px.
    """
    height, width = image.shape[:2]
    side = max(2, round(window_um / um_per_px))
    rows = _mirrored(np.arange(side) + (height - side) // 2, height)
    columns = _mirrored(np.arange(side) + (width - side) // 2, width)
    return resize(image[np.ix_(rows, columns)], size_px)


def _mirrored(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    if length == 1:
        return np.zeros_like(index)
    period = 2 * length - 2
    index = np.abs(index) % period
    return np.where(index < length, index, period - index)


def resize(image: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """Resize a square image without aliasing."""
    if image.shape[:2] == (size_px, size_px):
        return image
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((size_px, size_px), Image.Resampling.LANCZOS))


def to_tensor(crops: NDArray[np.uint8]) -> Tensor:
    """Turn crops into a float tensor ``(n, 3, height, width)`` in 0..1."""
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[3] != 3:
        raise InputError(
            f"crops must be uint8 of shape (n, height, width, 3), not {crops.dtype} of shape {crops.shape}; "
            "convert them to 8-bit RGB first"
        )
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float().div_(255.0)


def normalise_background(
    images: Tensor, quantile: float = BACKGROUND_QUANTILE, white: float = WHITE
) -> Tensor:
    """Divide each crop by its own background, channel by channel.

    Light, exposure and the cast of a camera multiply the whole crop; dividing by the background removes them. The
    crop alone decides, so the result does not depend on how a slide was tiled.

    Parameters
    ----------
    images : torch.Tensor, shape (n, 3, height, width)
        In 0..1.
    quantile : float, optional
        Of each channel, taken as the background.
    white : float, optional
        Where the background is put.

    Returns
    -------
    torch.Tensor
        The same shape, in 0..1, with the background at a fixed white.
    """
    # Every third pixel settles a quantile as well as all of them, at a ninth of the cost.
    sample = images[:, :, 1::3, 1::3].flatten(2)
    rank = max(1, round(quantile * sample.shape[2]))
    background = sample.kthvalue(rank, dim=2).values.clamp_min(0.05)
    return (images * (white / background)[:, :, None, None]).clamp_(0.0, 1.0)


def network_input(images: Tensor, size_px: int) -> Tensor:
    """Resize images in 0..1 to the network's input and scale them to [-1, 1]."""
    if images.shape[-2:] != (size_px, size_px):
        images = functional.interpolate(
            images, (size_px, size_px), mode="bilinear", antialias=True, align_corners=False
        )
    return images * 2.0 - 1.0
