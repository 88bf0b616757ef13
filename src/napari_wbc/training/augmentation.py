"""Augmentation of whole batches of tensors: geometry, stain, light, optics, cut-out.

Each function takes images ``(n, 3, height, width)`` in 0..1 and gives images of the same kind; randomness comes from
the generator alone, so a run can be repeated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# Optical density of haematoxylin, eosin and a residual (Ruifrok and Johnston 2001), the rows of scikit-image's
# ``rgb_from_hed``. As axes for jitter they need not fit a Romanowsky stain exactly.
_STAINS = torch.tensor([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Strengths; the defaults are those of the shipped model.

    Attributes
    ----------
    scale : tuple of float
        Range of the zoom.
    shift : float
        Largest shift, as a share of the side.
    stain_swap : float
        Probability that a crop takes the stain statistics of another one of its batch.
    stain_jitter : float
        Spread of the factor on each stain.
    hue : float
        Spread of the rotation of all colours about the grey axis of optical density, in radians: from the blue
        violet of one lab to the magenta of another. Background stays white, and the colours of nucleus, granules
        and red cells keep their relation, which is what a class can be told by anywhere.
    light : float
        Strength of gamma, gains, saturation and vignetting.
    optics : float
        Probability of blur, and of down- and up-sampling.
    noise : float
        Largest standard deviation of the sensor noise.
    cutout : float
        Probability that a patch is blanked.
    """

    scale: tuple[float, float] = (0.8, 1.25)
    shift: float = 0.08
    stain_swap: float = 0.5
    stain_jitter: float = 0.25
    hue: float = 0.35
    light: float = 1.0
    optics: float = 0.4
    noise: float = 0.03
    cutout: float = 0.2

    def __call__(self, images: Tensor, size_px: int, generator: torch.Generator) -> Tensor:
        """Augment a batch and bring it to the network's size.

        Parameters
        ----------
        images : torch.Tensor, shape (n, 3, height, width)
            In 0..1, background normalised.
        size_px : int
            Side of the result.
        generator : torch.Generator
            Source of all randomness.
        """
        images = geometry(images, size_px, generator, scale=self.scale, shift=self.shift)
        images = stain(images, generator, swap=self.stain_swap, jitter=self.stain_jitter, hue=self.hue)
        images = light(images, generator, strength=self.light)
        images = optics(images, generator, probability=self.optics, noise=self.noise)
        return cutout(images, generator, probability=self.cutout)


def _uniform(generator: torch.Generator, shape: tuple[int, ...], low: float, high: float) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low


def geometry(
    images: Tensor, size_px: int, generator: torch.Generator, *, scale: tuple[float, float], shift: float
) -> Tensor:
    """Rotate by any angle, flip, zoom and shift; beyond the border the image is mirrored."""
    n = len(images)
    angle = _uniform(generator, (n,), 0.0, 2.0 * math.pi)
    zoom = torch.exp(_uniform(generator, (n,), math.log(scale[0]), math.log(scale[1])))
    flip = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    offset = _uniform(generator, (n, 2), -2.0 * shift, 2.0 * shift)
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    matrix = torch.stack(
        [torch.stack([cos * flip, -sin, offset[:, 0]], 1), torch.stack([sin * flip, cos, offset[:, 1]], 1)], 1
    )
    grid = functional.affine_grid(matrix, [n, 3, size_px, size_px], align_corners=False)
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def stain(
    images: Tensor, generator: torch.Generator, *, swap: float, jitter: float, hue: float = 0.0
) -> Tensor:
    """Vary the stain in optical density: take another crop's statistics, scale each stain, turn the hue."""
    n = len(images)
    density = -torch.log10(images.clamp_min(1.0 / 255.0))
    axes = _STAINS / _STAINS.norm(dim=1, keepdim=True)
    amounts = torch.einsum("nchw,cs->nshw", density, torch.linalg.inv(axes))
    mean = amounts.mean(dim=(2, 3), keepdim=True)
    spread = amounts.std(dim=(2, 3), keepdim=True).clamp_min(1e-3)
    other = torch.randperm(n, generator=generator)
    # A mixture of the two stains: halfway stains are labs, too.
    part = _uniform(generator, (n, 1, 1, 1), 0.3, 1.0) * (
        torch.rand((n, 1, 1, 1), generator=generator) < swap
    )
    new_mean = mean + part * (mean[other] - mean)
    new_spread = spread * (spread[other] / spread).clamp(0.4, 2.5) ** part
    factor = 1.0 + jitter * torch.randn((n, 3, 1, 1), generator=generator).clamp(-2.0, 2.0)
    amounts = ((amounts - mean) / spread * new_spread + new_mean) * factor
    mixing = axes @ _hue_rotation(hue * torch.randn(n, generator=generator).clamp(-2.0, 2.0))
    return torch.pow(10.0, -torch.einsum("nshw,nsc->nchw", amounts, mixing)).clamp(0.0, 1.0)


def _hue_rotation(angle: Tensor) -> Tensor:
    """Give the rotations about the grey axis (1, 1, 1), shape ``(n, 3, 3)`` (Rodrigues' formula)."""
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3.0)
    grey = torch.full((3, 3), 1.0 / 3.0)
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    return cos * torch.eye(3) + sin * cross + (1.0 - cos) * grey


def light(images: Tensor, generator: torch.Generator, *, strength: float) -> Tensor:
    """Vary saturation, gamma, exposure, colour cast and vignetting."""
    if strength == 0:
        return images
    n, _, height, width = images.shape
    grey = images.mean(dim=1, keepdim=True)
    saturation = 1.0 + strength * _uniform(generator, (n, 1, 1, 1), -0.5, 0.4)
    images = (grey + (images - grey) * saturation).clamp(1e-4, 1.0)
    gamma = torch.exp(strength * _uniform(generator, (n, 1, 1, 1), -0.35, 0.35))
    gain = 1.0 + strength * _uniform(generator, (n, 1, 1, 1), -0.12, 0.08)
    cast = 1.0 + strength * _uniform(generator, (n, 3, 1, 1), -0.08, 0.08)
    # A plane rather than a disc: a crop sees a small part of the field.
    y = torch.linspace(-1.0, 1.0, height).view(1, 1, height, 1)
    x = torch.linspace(-1.0, 1.0, width).view(1, 1, 1, width)
    slope = strength * _uniform(generator, (2, n, 1, 1, 1), -0.1, 0.1)
    return (images**gamma * gain * cast * (1.0 + slope[0] * y + slope[1] * x)).clamp(0.0, 1.0)


def optics(images: Tensor, generator: torch.Generator, *, probability: float, noise: float) -> Tensor:
    """Blur, lose resolution and add sensor noise."""
    n, channels, height, width = images.shape
    blurred = torch.nonzero(torch.rand(n, generator=generator) < probability).ravel()
    sigma = _uniform(generator, (len(blurred),), 0.3, 1.6)
    if len(blurred):
        offsets = torch.arange(-4, 5).float()
        kernels = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
        kernels = (kernels / kernels.sum(dim=1, keepdim=True)).repeat_interleave(channels, 0)
        flat = functional.pad(images[blurred], (4, 4, 4, 4), mode="reflect").reshape(
            1, -1, height + 8, width + 8
        )
        flat = functional.conv2d(flat, kernels[:, None, :, None], groups=flat.shape[1])
        flat = functional.conv2d(flat, kernels[:, None, None, :], groups=flat.shape[1])
        images = images.index_copy(0, blurred, flat.reshape(-1, channels, height, width))
    # One coarser resolution per batch, for some of its crops, is enough over many batches and much cheaper.
    coarse = max(16, int(height * float(torch.rand(1, generator=generator) * 0.5 + 0.4)))
    chosen = torch.rand(n, generator=generator) < probability * 0.5
    if chosen.any():
        small = functional.interpolate(images[chosen], (coarse, coarse), mode="bilinear", antialias=True)
        images = images.clone()
        images[chosen] = functional.interpolate(small, (height, width), mode="bilinear")
    level = _uniform(generator, (n, 1, 1, 1), 0.0, noise)
    return (images + level * torch.randn(images.shape, generator=generator)).clamp(0.0, 1.0)


def cutout(images: Tensor, generator: torch.Generator, *, probability: float) -> Tensor:
    """Blank a rectangle with the mean colour of its crop."""
    n, _, height, width = images.shape
    side = _uniform(generator, (2, n, 1, 1), 0.1, 0.3)
    centre = torch.rand((2, n, 1, 1), generator=generator)
    y = torch.linspace(0.0, 1.0, height).view(1, height, 1)
    x = torch.linspace(0.0, 1.0, width).view(1, 1, width)
    inside = ((y - centre[0]).abs() < side[0] / 2) & ((x - centre[1]).abs() < side[1] / 2)
    inside &= torch.rand((n, 1, 1), generator=generator) < probability
    return torch.where(inside[:, None], images.mean(dim=(2, 3), keepdim=True), images)
