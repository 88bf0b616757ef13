"""The convolutional networks, by name.

They are built here and not taken from torchvision: importing that brings in triton, whose copy of LLVM crashes a
process in which the software renderer of Mesa has loaded another one, as napari does on many Linux machines.
"""

from __future__ import annotations

from typing import Any

from napari_wbc.classification.backbone import Network
from napari_wbc.classification.convnext import ConvNeXtAtto
from napari_wbc.classification.mobilenet import MobileNetV2
from napari_wbc.errors import ModelError

ARCHITECTURES: dict[str, type[MobileNetV2] | type[ConvNeXtAtto]] = {
    "mobilenet_v2": MobileNetV2,
    "convnext_atto": ConvNeXtAtto,
}


def build_network(architecture: str, n_classes: int, **arguments: Any) -> Network:
    """Build a network by the name and arguments that stand in ``model.json``.

    Raises
    ------
    ModelError
        The name or an argument is not known.
    """
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ModelError(f"unknown architecture {architecture!r}; this version knows {known}")
    try:
        return ARCHITECTURES[architecture](n_classes, **arguments)
    except TypeError as error:
        raise ModelError(f"the network {architecture} cannot be built: {error}") from None
