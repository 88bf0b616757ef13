"""Where a cell lies in its crop: turned, flipped, zoomed, shifted."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_wbc.classification.crops import middle
from napari_wbc.training.augmentation.draws import Draws


def geometry(
    images: Tensor,
    size_px: int,
    draws: Draws,
    *,
    view: float,
    turn: float,
    flip: float,
    scale: tuple[float, float],
    shift: float,
) -> Tensor:
    """Turn, flip, zoom and shift each crop and bring it to a size.

    With nothing to draw, the crops are resized exactly as for a prediction.

    Parameters
    ----------
    images : torch.Tensor, shape (n, 3, height, width)
        In 0..1.
    size_px : int
        Side of the result.
    draws : Draws
        Source of randomness.
    view : float
        Share of the side of a crop that is seen where nothing is zoomed.
    turn : float
        Largest angle, degrees; 180 is any orientation.
    flip : float
        Probability of a mirror image.
    scale : tuple of float
        Range of the zoom, drawn evenly in its logarithm.
    shift : float
        Largest shift, as a share of the side.

    Returns
    -------
    torch.Tensor, shape (n, 3, size_px, size_px)
        New memory, contiguous.
    """
    if turn == 0 and flip == 0 and shift == 0 and scale == (1.0, 1.0):
        return middle(images, size_px, view).clone(memory_format=torch.contiguous_format)
    n = len(images)
    angle = draws.uniform((n,), -math.radians(turn), math.radians(turn))
    zoom = torch.exp(draws.uniform((n,), math.log(scale[0]), math.log(scale[1]))) / view
    mirror = torch.ones(n, device=images.device)
    mirror[draws.share(n, flip)] = -1.0
    offset = draws.uniform((n, 2), -2.0 * shift, 2.0 * shift) * view
    return placed(images, size_px, angle, zoom, mirror, offset)


def placed(
    images: Tensor, size_px: int, angle: Tensor, zoom: Tensor, mirror: Tensor, offset: Tensor
) -> Tensor:
    """Sample crops at turned, zoomed and shifted places; beyond the border they are mirrored.

    Parameters
    ----------
    images : torch.Tensor, shape (n, 3, height, width)
        In 0..1.
    size_px : int
        Side of the result.
    angle, zoom, mirror : torch.Tensor, shape (n,)
        Angle in radians; factor of enlargement; 1, or -1 for the mirror image.
    offset : torch.Tensor, shape (n, 2)
        Shift along x and y, in half sides.
    """
    n = len(images)
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    matrix = torch.stack([cos * mirror, -sin, offset[:, 0], sin * mirror, cos, offset[:, 1]], 1).view(n, 2, 3)
    # Centres of the pixels from -1 to 1, the convention of ``align_corners=False``; torch's own affine_grid is
    # several times slower.
    line = (torch.arange(size_px, device=images.device) * 2 + 1) / size_px - 1.0
    y, x = torch.meshgrid(line, line, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], 2).view(-1, 3)
    grid = (places @ matrix.transpose(1, 2)).view(n, size_px, size_px, 2)
    return functional.grid_sample(
        images.contiguous(), grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def cutout(images: Tensor, draws: Draws, *, probability: float) -> Tensor:
    """Blank a rectangle of some crops with the mean colour of the crop, so that no single spot decides.

    Changes ``images`` in place and gives them back.
    """
    chosen = draws.share(len(images), probability)
    if not len(chosen):
        return images
    height, width = images.shape[-2:]
    part = images[chosen]
    side = draws.uniform((2, len(chosen), 1, 1), 0.1, 0.3)
    centre = draws.uniform((2, len(chosen), 1, 1), 0.0, 1.0)
    y = torch.linspace(0.0, 1.0, height, device=images.device).view(1, height, 1)
    x = torch.linspace(0.0, 1.0, width, device=images.device).view(1, 1, width)
    inside = ((y - centre[0]).abs() < side[0] / 2) & ((x - centre[1]).abs() < side[1] / 2)
    images[chosen] = torch.where(inside[:, None], part.mean(dim=(2, 3), keepdim=True), part)
    return images
