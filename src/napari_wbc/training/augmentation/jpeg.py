"""What JPEG does to an image, on batches of tensors: quantised 8 x 8 cosine transforms.

ITU-T T.81 (1992): its example tables (annex K), scaled by a quality from 1 to 100 as in libjpeg. Entropy coding loses
nothing and is left out.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_wbc.training.augmentation.draws import Draws

_LUMINANCE = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMINANCE = torch.full((8, 8), 99)
_CHROMINANCE[:4, :4] = torch.tensor([[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]])
_TABLES = torch.stack([_LUMINANCE, _CHROMINANCE, _CHROMINANCE]).float()
#: Y, Cb and Cr of red, green and blue (JFIF), without the offset of 128.
_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def _cosines() -> Tensor:
    """Give the orthonormal cosine transform of 8 values, a frequency in each row."""
    k, i = torch.arange(8.0)[:, None], torch.arange(8.0)[None, :]
    matrix = torch.cos(math.pi * (2 * i + 1) * k / 16) * 0.5
    matrix[0] /= math.sqrt(2.0)
    return matrix


# Of a flattened block of 8 x 8: one matrix product instead of two small ones.
_BLOCK_COSINES = torch.kron(_cosines(), _cosines())


def quantisation(quality: Tensor) -> Tensor:
    """Give the steps of luminance and both chrominances, shape ``(n, 3, 8, 8)``, for qualities of 1 to 100."""
    quality = quality[:, None, None, None]
    scale = torch.where(quality < 50, 5000.0 / quality, 200.0 - 2.0 * quality)
    return torch.floor((_TABLES.to(quality.device) * scale + 50.0) / 100.0).clamp(1.0, 255.0)


def compressed(images: Tensor, quality: Tensor) -> Tensor:
    """Give images as they come back from JPEG, without subsampled colours.

    Parameters
    ----------
    images : torch.Tensor, shape (n, 3, height, width)
        In 0..1.
    quality : torch.Tensor, shape (n,)
        From 1 to 100.

    Examples
    --------
    >>> grey = torch.full((1, 3, 16, 16), 0.5)
    >>> bool((compressed(grey, torch.tensor([90.0])) - grey).abs().max() < 0.01)
    True
    """
    n, _, height, width = images.shape
    device = images.device
    ycc = (_YCC.to(device) @ (images.flatten(2) * 255.0)).view_as(images)
    ycc[:, 0] -= 128.0
    padded = functional.pad(ycc, (0, -width % 8, 0, -height % 8), mode="replicate")
    rows, columns = padded.shape[2] // 8, padded.shape[3] // 8
    blocks = padded.view(n, 3, rows, 8, columns, 8).permute(0, 1, 2, 4, 3, 5).reshape(n, 3, -1, 64)
    cosines = _BLOCK_COSINES.to(device)
    steps = quantisation(quality).view(n, 3, 1, 64)
    blocks = ((blocks @ cosines.T).div_(steps).round_().mul_(steps)) @ cosines
    ycc = blocks.view(n, 3, rows, columns, 8, 8).permute(0, 1, 2, 4, 3, 5).reshape(padded.shape)
    ycc = ycc[:, :, :height, :width].contiguous()
    ycc[:, 0] += 128.0
    rgb: Tensor = torch.linalg.inv(_YCC).to(device) @ ycc.flatten(2)
    return rgb.div_(255.0).clamp_(0.0, 1.0).view_as(images)


def jpeg(images: Tensor, draws: Draws, *, probability: float) -> Tensor:
    """Compress some crops at qualities from 40 to 95, in place."""
    chosen = draws.share(len(images), probability)
    if len(chosen):
        images[chosen] = compressed(images[chosen], draws.uniform((len(chosen),), 40.0, 95.0))
    return images
