"""The light of another microscope: gamma, gains, casts, vignetting, the edge of a phone's view."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_wbc.training.augmentation.draws import Draws


def light_field(n: int, draws: Draws, strength: float) -> Tensor:
    """Draw exposure, colour cast and vignetting.

    Crops come with their background at a fixed white, so what is drawn is what that leaves over. Vignetting falls
    with the square of the distance from an optical axis that may lie far outside the crop: mostly a slope, sometimes
    a bowl.

    Parameters
    ----------
    n : int
        Number of crops.
    draws : Draws
        Source of randomness.
    strength : float
        0 is none, 1 the usual one: exposure 0.94 to 1.04, each channel 0.96 to 1.04, and up to 25 % between two
        opposite corners.

    Returns
    -------
    torch.Tensor, shape (n, 3, 4)
        For :func:`napari_wbc.training.augmentation.colour.recoloured`.
    """
    gain = draws.uniform((n, 1, 1), -0.04, 0.06)
    cast = draws.uniform((n, 3, 1), -0.04, 0.04)
    angle = draws.uniform((n, 1, 1), 0.0, 2.0 * math.pi)
    slope = draws.uniform((n, 1, 1), 0.0, 0.12)
    bowl = draws.uniform((n, 1, 1), 0.0, 0.04)
    vignette = torch.cat([slope * torch.sin(angle), slope * torch.cos(angle), bowl], 2).expand(n, 3, 3)
    return strength * torch.cat([gain + cast, vignette], 2)


def tone(n: int, draws: Draws, depth: float, strength: float) -> tuple[Tensor, Tensor, Tensor]:
    """Draw the factor of the optical density, saturation and stray light, each of shape ``(n,)``.

    The factor lies between ``exp(-depth)`` and ``exp(depth)``. At strength 1 the saturation lies between 0.74 and 1.35,
    and stray light makes up to 40 % of all, mostly little: simple objectives and dirty ones lift the dark nuclei and
    leave pale cells as they are, which no factor on a stain does.
    """
    deeper = torch.exp(draws.uniform((n,), -depth, depth))
    saturation = torch.exp(draws.uniform((n,), -0.3, 0.3) * strength)
    glare = draws.uniform((n,), 0.0, 1.0).square_() * min(0.9, 0.4 * strength)
    return deeper, saturation, glare


def view_edge(images: Tensor, draws: Draws, *, probability: float) -> Tensor:
    """Darken one side of some crops beyond a round edge, as at the rim of an eyepiece seen by a phone.

    Changes ``images`` in place and gives them back.
    """
    chosen = draws.share(len(images), probability)
    m = len(chosen)
    if not m:
        return images
    height, width = images.shape[-2:]
    y = torch.linspace(-1.0, 1.0, height, device=images.device).view(1, 1, height, 1)
    x = torch.linspace(-1.0, 1.0, width, device=images.device).view(1, 1, 1, width)
    angle = draws.uniform((m, 1, 1, 1), 0.0, 2.0 * math.pi)
    radius = draws.uniform((m, 1, 1, 1), 3.0, 10.0)
    # From the centre of the crop to the edge, in half sides: the cell itself stays in the light.
    distance = draws.uniform((m, 1, 1, 1), 0.7, 1.2)
    softness = draws.uniform((m, 1, 1, 1), 0.03, 0.25)
    dark = draws.uniform((m, 1, 1, 1), 0.0, 0.6)
    centre_y, centre_x = (distance - radius) * torch.sin(angle), (distance - radius) * torch.cos(angle)
    beyond = torch.hypot(y - centre_y, x - centre_x) - radius
    inside = torch.sigmoid(-beyond / softness)
    images[chosen] *= dark + (1.0 - dark) * inside
    return images
