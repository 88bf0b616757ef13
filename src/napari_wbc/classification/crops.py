"""From windows around cells to the network's input: cut to size, normalised by their own background.

Training, validation and prediction all go this way; only the augmentation of training comes in between.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_wbc.errors import InputError
from napari_wbc.slides.crops import WINDOW_UM, resize

#: Where the background of a crop is put (of 1); a little room stays above for brighter spots.
WHITE = 0.92
#: The background is this quantile of each channel. A crop around a leukocyte nearly always shows some.
BACKGROUND_QUANTILE = 0.95


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


def to_tensor(crops: NDArray[np.uint8] | Tensor, device: str = "cpu") -> Tensor:
    """Turn crops into a float tensor ``(n, 3, height, width)`` in 0..1, taken to a device as bytes."""
    pixels = torch.as_tensor(crops)
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise InputError(
            f"crops must be uint8 of shape (n, height, width, 3), not {crops.dtype} of shape {tuple(crops.shape)}; "
            "convert them to 8-bit RGB first"
        )
    return pixels.to(device).permute(0, 3, 1, 2).contiguous().float().div_(255.0)


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
    if sample.device.type == "cpu":
        # The same value as kthvalue gives, ten times faster.
        background = torch.from_numpy(np.partition(sample.numpy(), rank - 1, axis=2)[..., rank - 1].copy())
    else:
        background = sample.kthvalue(rank, dim=2).values
    background = background.clamp_min(0.05)
    return (images * (white / background)[:, :, None, None]).clamp_(0.0, 1.0)


def middle(images: Tensor, size_px: int, view: float = 1.0) -> Tensor:
    """Cut the middle of images and resize it.

    Parameters
    ----------
    images : torch.Tensor, shape (n, 3, side, side)
        Windows around cells.
    size_px : int
        Side of the result.
    view : float, optional
        Side of the middle, as a share of the side of the window. The rest of the window is there for the background.
    """
    margin = round(images.shape[-1] * (1.0 - view) / 2.0)
    if margin:
        images = images[..., margin:-margin, margin:-margin]
    if images.shape[-2:] == (size_px, size_px):
        return images
    return functional.interpolate(
        images, (size_px, size_px), mode="bilinear", antialias=True, align_corners=False
    )


def network_input(images: Tensor) -> Tensor:
    """Scale images in 0..1 to what the network takes, [-1, 1]."""
    return images * 2.0 - 1.0


def prepare(
    crops: NDArray[np.uint8] | Tensor,
    size_px: int,
    quantile: float = BACKGROUND_QUANTILE,
    white: float = WHITE,
    *,
    view: float = 1.0,
    device: str = "cpu",
) -> Tensor:
    """Turn crops into what the network is fed, when nothing is augmented.

    Parameters
    ----------
    crops : numpy.ndarray or torch.Tensor of uint8, shape (n, side, side, 3)
        Windows around cells.
    size_px : int
        Side of the network's input.
    quantile, white : float, optional
        As in :func:`normalise_background`; a bundle names its own.
    view : float, optional
        Share of the window's side that the network sees, as in :func:`middle`.
    device : {"cpu", "cuda"}
        Where the result is wanted.

    Returns
    -------
    torch.Tensor, shape (n, 3, size_px, size_px)
        In [-1, 1]. Each image depends on its own crop alone, to the last bit.

    Examples
    --------
    >>> import numpy as np
    >>> images = prepare(np.full((2, 128, 128, 3), 200, np.uint8), 96)
    >>> tuple(images.shape)
    (2, 3, 96, 96)
    """
    images = normalise_background(to_tensor(crops, device), quantile, white)
    return network_input(middle(images, size_px, view))


def turned(images: Tensor, orientation: int) -> Tensor:
    """Turn images by quarters; from 4 on, the mirror images: pixels change their places, nothing else.

    Parameters
    ----------
    images : torch.Tensor, shape (n, 3, side, side)
        Square.
    orientation : int
        0 to 7; 0 is the images themselves.

    Returns
    -------
    torch.Tensor
        The same shape.
    """
    if orientation == 0:
        return images
    quarters = torch.rot90(images, orientation % 4, (2, 3))
    return (quarters.flip(3) if orientation >= 4 else quarters).contiguous()
