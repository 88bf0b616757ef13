"""One pass over the pixels for all that stain and light change.

In optical density, stains add up and light multiplies: a factor on a stain, a turn of the hue, gamma and saturation are
3 x 3 matrices, gains, casts and vignetting are sums. They are multiplied out per crop, so that the pixels are visited
once, whatever the number of changes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_wbc.classification.crops import WHITE

#: Darker values are taken as this, one step of an 8-bit camera.
DARKEST = 1.0 / 255.0


def density(images: Tensor) -> Tensor:
    """Give the optical density (natural logarithm) of images in 0..1."""
    return images.clamp_min(DARKEST).log_().neg_()


def recoloured(densities: Tensor, matrix: Tensor, field: Tensor, glare: Tensor | None = None) -> Tensor:
    """Mix the channels of optical density, add a field and stray light, and give the light that is left.

    All is relative to the background, which lies at a fixed white in every crop: a matrix leaves it where it is.

    Parameters
    ----------
    densities : torch.Tensor, shape (n, 3, height, width)
        From :func:`density`.
    matrix : torch.Tensor, shape (n, 3, 3)
        New channels from old ones.
    field : torch.Tensor, shape (n, 3, 4)
        Coefficients of 1, y, x and y² + x² (from -1 to 1 over the crop) that are added to each channel.
    glare : torch.Tensor, shape (n,), optional
        Share of the light that is stray light of the colour of the background.

    Returns
    -------
    torch.Tensor, shape (n, 3, height, width)
        In 0..1.
    """
    n, channels, height, width = densities.shape
    y = torch.linspace(-1.0, 1.0, height, device=densities.device).view(height, 1).expand(height, width)
    x = torch.linspace(-1.0, 1.0, width, device=densities.device).expand(height, width)
    basis = torch.stack([torch.ones_like(x), y, x, y**2 + x**2]).view(4, -1)
    # M (D - w) + w, with the density w of the background, is M D + (w - M w).
    constant = field[:, :, :1] - math.log(WHITE) * (1.0 - matrix.sum(dim=2, keepdim=True))
    field = torch.cat([constant, field[:, :, 1:]], 2)
    light = (field @ basis).baddbmm_(matrix, densities.view(n, channels, -1)).neg_().exp_()
    if glare is not None:
        stray = glare[:, None, None]
        light = light.mul_(1.0 - stray).add_(WHITE * stray)
    return light.clamp_(0.0, 1.0).view(n, channels, height, width)


def chroma(turn: Tensor, factor: Tensor) -> Tensor:
    """Give matrices that turn all colours about the grey axis and stretch their distance from it.

    Parameters
    ----------
    turn : torch.Tensor, shape (n,)
        Angle, radians; positive from red to green.
    factor : torch.Tensor, shape (n,)
        Above 1 is more saturated.

    Returns
    -------
    torch.Tensor, shape (n, 3, 3)
        Rodrigues' rotation about (1, 1, 1), stretched at right angles to it.
    """
    device = turn.device
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=device) / math.sqrt(
        3.0
    )
    grey = torch.full((3, 3), 1.0 / 3.0, device=device)
    cos, sin = (factor * torch.cos(turn))[:, None, None], (factor * torch.sin(turn))[:, None, None]
    return grey + cos * (torch.eye(3, device=device) - grey) + sin * cross
