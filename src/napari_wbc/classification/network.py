"""The convolutional networks, built from torchvision's blocks."""

from __future__ import annotations

import torch
import torchvision
from torch import Tensor, nn

from napari_wbc.errors import ModelError


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

    embedding_size = 1280

    def __init__(self, n_classes: int, dropout: float = 0.2) -> None:
        super().__init__()
        base = torchvision.models.mobilenet_v2(norm_layer=nn.Identity, weights=None)
        for module in base.modules():
            if isinstance(module, nn.Conv2d) and module.bias is None:
                module.bias = nn.Parameter(torch.zeros(module.out_channels))
        self.features = base.features
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.embedding_size, n_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Give logits ``(n, k)`` and embeddings ``(n, 1280)`` of images ``(n, 3, height, width)`` in [-1, 1]."""
        embeddings = self.features(images).mean(dim=(2, 3))
        return self.head(self.dropout(embeddings)), embeddings

    def stages(self) -> list[list[nn.Parameter]]:
        """Group the parameters from the input to the head, for learning rates that fall towards the input."""
        blocks = list(self.features)
        groups = [blocks[:2], blocks[2:7], blocks[7:14], blocks[14:], [self.head]]
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
