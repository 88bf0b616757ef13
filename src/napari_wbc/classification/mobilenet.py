"""MobileNetV2, without normalisation layers or with batch normalisation put back for comparison."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from napari_wbc.classification.backbone import Network

#: Expansion, channels, blocks and first stride of each group of blocks (table 2 of https://arxiv.org/abs/1801.04381).
_GROUPS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_FIRST, _LAST = 32, 1280


class MobileNetV2(Network):
    """MobileNetV2.

    Trainable batch normalisation was reported as the main cause of failure on unseen stains
    (https://arxiv.org/abs/2303.01777). Here it is folded into the convolutions, which therefore have a bias, and
    nothing is left whose statistics a new stain could upset. On our laboratories left out it made no difference that
    three seeds could tell from chance (docs/classification.md).

    Parameters
    ----------
    n_classes : int
        Number of outputs.
    dropout : float, optional
        Before the last layer.
    normalisation : {"none", "batch"}
        "batch" puts a trainable batch normalisation behind every convolution, to measure what it costs. Behind
        weights into which one is folded already, it must first be calibrated
        (:func:`napari_wbc.training.batch_norm.calibrate_batch_norm`).
    mixstyle : float, optional
        Probability of :class:`~napari_wbc.classification.backbone.MixStyle`, in training.
    """

    def __init__(
        self, n_classes: int, dropout: float = 0.2, normalisation: str = "none", mixstyle: float = 0.0
    ) -> None:
        super().__init__(
            _features(nn.BatchNorm2d if normalisation == "batch" else _no_norm),
            nn.Identity(),
            _LAST,
            n_classes,
            stage_ends=(2, 7, 14),
            # A quarter and an eighth of the image's resolution, as in the paper.
            mixed_after=(3, 6),
            dropout=dropout,
            mixstyle=mixstyle,
        )


def _no_norm(channels: int) -> nn.Module:  # noqa: ARG001
    return nn.Identity()


_Norm = Callable[[int], nn.Module]


def _convolution(
    inputs: int, outputs: int, kernel: int, norm: _Norm, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Build a convolution with ReLU6; without normalisation, an identity stands where torchvision has one."""
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups),
        norm(outputs),
        nn.ReLU6(inplace=True),
    )


class _InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow; names as in torchvision, so that its weights fit."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int, norm: _Norm) -> None:
        super().__init__()
        wide = inputs * expansion
        widen = [_convolution(inputs, wide, 1, norm)] if expansion != 1 else []
        self.conv = nn.Sequential(
            *widen,
            _convolution(wide, wide, 3, norm, stride, groups=wide),
            nn.Conv2d(wide, outputs, 1),
            norm(outputs),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        filtered: Tensor = self.conv(images)
        return images + filtered if self.shortcut else filtered


def _features(norm: _Norm) -> nn.Sequential:
    layers: list[nn.Module] = [_convolution(3, _FIRST, 3, norm, stride=2)]
    channels = _FIRST
    for expansion, outputs, blocks, stride in _GROUPS:
        for block in range(blocks):
            layers.append(_InvertedResidual(channels, outputs, stride if block == 0 else 1, expansion, norm))
            channels = outputs
    features = nn.Sequential(*layers, _convolution(channels, _LAST, 1, norm))
    for module in features.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            # By the inputs: of a depthwise convolution torch would count all channels as outputs.
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return features
