"""CIELAB on batches of tensors (white D65, observer 2°, sRGB), the same numbers as scikit-image's."""

from __future__ import annotations

import torch
from torch import Tensor

# IEC 61966-2-1, as in scikit-image.
_XYZ_OF_RGB = torch.tensor(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_WHITE = torch.tensor([0.95047, 1.0, 1.08883])
_LAB_OF_ROOTS = torch.tensor([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])


def rgb_to_lab(images: Tensor) -> Tensor:
    """Convert images ``(n, 3, height, width)`` in 0..1 to L* (0..100), a* and b*."""
    linear = torch.where(images > 0.04045, ((images + 0.055) / 1.055).clamp_min(1e-4) ** 2.4, images / 12.92)
    xyz = _mixed(linear, _XYZ_OF_RGB / _WHITE[:, None])
    roots = torch.where(xyz > 0.008856, xyz.clamp_min(1e-4) ** (1.0 / 3.0), 7.787 * xyz + 16.0 / 116.0)
    lab = _mixed(roots, _LAB_OF_ROOTS)
    lab[:, 0] -= 16.0
    return lab


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Convert back to 0..1; colours outside sRGB are clipped."""
    shifted = torch.cat([lab[:, :1] + 16.0, lab[:, 1:]], 1)
    roots = _mixed(shifted, torch.linalg.inv(_LAB_OF_ROOTS))
    xyz = torch.where(roots > 0.2068966, roots**3, (roots - 16.0 / 116.0) / 7.787)
    linear = _mixed(xyz, torch.linalg.inv(_XYZ_OF_RGB / _WHITE[:, None])).clamp_(0.0, 1.0)
    bright = 1.055 * linear.clamp_min(1e-4) ** (1.0 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, bright, linear * 12.92).clamp_(0.0, 1.0)


def _mixed(images: Tensor, matrix: Tensor) -> Tensor:
    return (matrix.to(images.device) @ images.flatten(2)).view_as(images)
