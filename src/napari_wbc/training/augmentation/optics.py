"""The optics and the camera of another microscope: blur, colour fringes, few pixels, noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_wbc.training.augmentation.draws import Draws


def optics(
    images: Tensor, draws: Draws, *, probability: float, fringe: float, sharpen: float = 0.0
) -> Tensor:
    """Blur some crops, shift their colours against each other, take pixels from them; sharpen some of the others.

    Changes ``images`` in place and gives them back.

    Parameters
    ----------
    images : torch.Tensor, shape (n, 3, side, side)
        In 0..1.
    draws : Draws
        Source of randomness.
    probability : float
        Of a blur of up to 2.5 % of the side (0.5 µm of 20); half of these crops also lose up to 60 % of their pixels
        per side.
    fringe : float
        Probability of colour fringes: red and blue shifted apart by up to 2.5 % of the side, as with simple
        objectives and phones.
    sharpen : float
        Probability of unsharp masking, as cameras and scanners do it, of crops that are not blurred: the difference to
        a blur of up to 1.2 % of the side is added up to three times.
    """
    n, _, side, _ = images.shape
    either = draws.share(n, min(1.0, probability + sharpen))
    blurred = either[: round(len(either) * probability / max(1e-9, probability + sharpen))]
    sharpened, fringed = either[len(blurred) :], draws.share(n, fringe)
    coarse = blurred[: len(blurred) // 2]
    if len(blurred):
        sigma = draws.uniform((len(blurred), 1), 0.003, 0.025) * side
        kernel = gaussian_rows(side, sigma, torch.zeros_like(sigma))
        pitch = 1.0 / draws.uniform((len(coarse),), 0.4, 0.9)
        kernel[: len(coarse)] = resampled_rows(side, pitch)[:, None] @ kernel[: len(coarse)]
        images[blurred] = along_rows_and_columns(images[blurred], kernel, kernel)
    if len(sharpened):
        sigma = draws.uniform((len(sharpened), 1), 0.003, 0.012) * side
        amount = draws.uniform((len(sharpened), 1, 1, 1), 0.3, 3.0)
        kernel = gaussian_rows(side, sigma, torch.zeros_like(sigma))
        clear = images[sharpened]
        smooth = along_rows_and_columns(clear, kernel, kernel)
        images[sharpened] = clear.lerp_(smooth, -amount).clamp_(0.0, 1.0)
    if len(fringed):
        angle = draws.uniform((len(fringed), 1), 0.0, 2.0 * math.pi)
        apart = draws.uniform((len(fringed), 1), 0.0, 0.0125) * side
        # Red one way, blue the other, green stays.
        shift = apart * torch.tensor([1.0, 0.0, -1.0], device=images.device)
        sharp = torch.full_like(shift, 0.5)
        images[fringed] = along_rows_and_columns(
            images[fringed],
            gaussian_rows(side, sharp, shift * torch.sin(angle)),
            gaussian_rows(side, sharp, shift * torch.cos(angle)),
        )
    return images


def along_rows_and_columns(images: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Apply a matrix along the columns and one along the rows: any separable filter, shift or change of pixels.

    Parameters
    ----------
    images : torch.Tensor, shape (n, 3, side, side)
        In 0..1.
    vertical, horizontal : torch.Tensor, shape (n, 3 or 1, side, side)
        Each row holds the weights of one new pixel.
    """
    return (vertical @ (images @ horizontal.transpose(2, 3))).clamp_(0.0, 1.0)


def gaussian_rows(side: int, sigma: Tensor, shift: Tensor) -> Tensor:
    """Give matrices ``(..., side, side)`` that blur a line by ``sigma`` px and shift it by ``shift`` px.

    Weights that fall outside are shared out to the others, so that borders do not darken.
    """
    # A row is the next one moved by a pixel: the Gaussian is evaluated once per line, not once per pixel.
    distance = torch.arange(1 - side, side, device=sigma.device, dtype=sigma.dtype) + shift[..., None]
    profile = torch.exp(-0.5 * (distance / sigma[..., None]) ** 2)
    weights = profile.unfold(-1, side, 1).flip(-2)
    return weights / weights.sum(dim=-1, keepdim=True).clamp_min(1e-20)


def resampled_rows(side: int, pitch: Tensor) -> Tensor:
    """Give matrices ``(n, side, side)`` that sample a line every ``pitch`` px and interpolate back linearly.

    The samples are triangular means, as in an antialiased bilinear resize.
    """
    line = torch.arange(side, device=pitch.device, dtype=pitch.dtype) + 0.5
    step = pitch[:, None, None]
    # Coarse pixels beyond the end get no weight from any fine one.
    centres = (line[None, :] * step)[:, 0]
    near = (1.0 - (line[:, None] - centres[:, None, :]).abs() / step).clamp_min(0.0)
    near = near * (centres < side)[:, None, :]
    coarse = near / near.sum(dim=1, keepdim=True).clamp_min(1e-6)
    back = near / near.sum(dim=2, keepdim=True).clamp_min(1e-6)
    return back @ coarse.transpose(1, 2)


def sensor_noise(images: Tensor, draws: Draws, *, noise: float) -> Tensor:
    """Add noise of a standard deviation between 0 and ``noise``, independent in each pixel and channel.

    Evenly distributed rather than Gaussian: a network sees no difference, and it costs a fifth. Changes ``images`` in
    place and gives them back.
    """
    if noise <= 0.0:
        return images
    # The standard deviation of the 256 values is 73.9.
    level = draws.uniform((len(images), 1, 1, 1), 0.0, noise / 73.9)
    return images.addcmul_(draws.bytes(tuple(images.shape)).to(images.dtype).add_(0.5), level).clamp_(
        0.0, 1.0
    )
