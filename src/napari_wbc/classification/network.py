"""The convolutional networks.

They are built here and not taken from torchvision: importing that brings in triton, whose copy of LLVM crashes a
process in which the software renderer of Mesa has loaded another one, as napari does on many Linux machines.
"""

from __future__ import annotations

from torch import Tensor, nn

from napari_wbc.errors import ModelError

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


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Build a convolution with ReLU6; the identity stands where torchvision has a normalisation."""
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups),
        nn.Identity(),
        nn.ReLU6(inplace=True),
    )


class _InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow; names as in torchvision, so that its weights fit."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        widen = [_convolution(inputs, wide, 1)] if expansion != 1 else []
        self.conv = nn.Sequential(
            *widen,
            _convolution(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, outputs, 1),
            nn.Identity(),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        filtered: Tensor = self.conv(images)
        return images + filtered if self.shortcut else filtered


def _features() -> nn.Sequential:
    layers: list[nn.Module] = [_convolution(3, _FIRST, 3, stride=2)]
    channels = _FIRST
    for expansion, outputs, blocks, stride in _GROUPS:
        for block in range(blocks):
            layers.append(_InvertedResidual(channels, outputs, stride if block == 0 else 1, expansion))
            channels = outputs
    features = nn.Sequential(*layers, _convolution(channels, _LAST, 1))
    for module in features.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            nn.init.zeros_(module.bias)
    return features


class MobileNetV2(nn.Module):
    """MobileNetV2 without normalisation layers.

    Trainable batch normalisation is the largest single cause of failure on unseen stains
    (https://arxiv.org/abs/2303.01777). Here it is folded into the convolutions, which therefore have a bias, and
    nothing is left whose statistics a new stain could upset.

    Parameters
    ----------
    n_classes : int
        Number of outputs.
    dropout : float, optional
        Before the last layer.
    """

    embedding_size = _LAST

    def __init__(self, n_classes: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.features = _features()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.embedding_size, n_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Give logits ``(n, k)`` and embeddings ``(n, 1280)`` of images ``(n, 3, height, width)`` in [-1, 1]."""
        embeddings = self.features(images).mean(dim=(2, 3))
        return self.head(self.dropout(embeddings)), embeddings

    def stages(self) -> list[list[nn.Parameter]]:
        """Group the parameters from the input to the head, for learning rates that fall towards the input."""
        blocks = list(self.features.children())
        groups: list[list[nn.Module]] = [blocks[:2], blocks[2:7], blocks[7:14], blocks[14:], [self.head]]
        return [[p for block in group for p in block.parameters()] for group in groups]


_ARCHITECTURES = {"mobilenet_v2": MobileNetV2}


def build_network(architecture: str, n_classes: int, **arguments: float) -> MobileNetV2:
    """Build a network by the name that stands in ``model.json``.

    Raises
    ------
    ModelError
        The name is not known.
    """
    if architecture not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise ModelError(f"unknown architecture {architecture!r}; this version knows {known}")
    return _ARCHITECTURES[architecture](n_classes, **arguments)
