"""ConvNeXt of the atto size: layer normalisation by design, small enough to be trained from scratch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_wbc.classification.backbone import Network

#: Blocks and channels of each stage (timm's ``convnext_atto``; the design is that of https://arxiv.org/abs/2201.03545).
_STAGES = ((2, 40), (2, 80), (6, 160), (2, 320))
_EPSILON = 1e-6


class ConvNeXtAtto(Network):
    """ConvNeXt-atto, 3.4 million weights; names as in torchvision's ConvNeXt, so that weights of its kind fit.

    Parameters
    ----------
    n_classes : int
        Number of outputs.
    dropout : float, optional
        Before the last layer.
    mixstyle : float, optional
        Probability of :class:`~napari_wbc.classification.backbone.MixStyle`, in training.
    """

    def __init__(self, n_classes: int, dropout: float = 0.2, mixstyle: float = 0.0) -> None:
        last = _STAGES[-1][1]
        super().__init__(
            _features(),
            nn.LayerNorm(last, eps=_EPSILON),
            last,
            n_classes,
            stage_ends=(2, 4, 6),
            mixed_after=(1, 3),
            dropout=dropout,
            mixstyle=mixstyle,
        )
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)


class _ChannelNorm(nn.LayerNorm):
    """Layer normalisation of the channels of each pixel of ``(n, channels, height, width)``."""

    def forward(self, images: Tensor) -> Tensor:
        # Channels lie side by side in memory (channels_last), so neither permutation moves anything.
        normed = functional.layer_norm(
            images.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps
        )
        return normed.permute(0, 3, 1, 2)


class _Permuted(nn.Module):
    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, images: Tensor) -> Tensor:
        return images.permute(self.order)


class _Block(nn.Module):
    """Filter each channel over 7 x 7 px, then mix the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels),
            _Permuted(0, 2, 3, 1),
            nn.LayerNorm(channels, eps=_EPSILON),
            nn.Linear(channels, 4 * channels),
            nn.GELU(),
            nn.Linear(4 * channels, channels),
            _Permuted(0, 3, 1, 2),
        )
        self.layer_scale = nn.Parameter(torch.full((channels, 1, 1), 1e-6))

    def forward(self, images: Tensor) -> Tensor:
        change: Tensor = self.layer_scale * self.block(images)
        return images + change


def _features() -> nn.Sequential:
    layers: list[nn.Module] = []
    before = 0
    for blocks, channels in _STAGES:
        if before:
            layers.append(
                nn.Sequential(_ChannelNorm(before, eps=_EPSILON), nn.Conv2d(before, channels, 2, 2))
            )
        else:
            layers.append(nn.Sequential(nn.Conv2d(3, channels, 4, 4), _ChannelNorm(channels, eps=_EPSILON)))
        layers.append(nn.Sequential(*(_Block(channels) for _ in range(blocks))))
        before = channels
    features = nn.Sequential(*layers)
    for module in features.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return features
