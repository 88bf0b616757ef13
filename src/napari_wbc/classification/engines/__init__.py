"""What runs a network over batches of images: torch, or ONNX Runtime where it is installed (extra ``fast``).

Every engine takes batches of one fixed size, the last one filled up: the last digits of its sums depend on the size
of a batch but not on what else is in it, so a cell gets the same numbers in any company. Two engines differ in the
last digits; ``run.json`` names the one that ran.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]


class Engine(Protocol):
    """Runs one network.

    Attributes
    ----------
    name : str
        With version, device and type of numbers, for ``run.json``.
    batch_crops : int
        Images of every batch.
    device : str
        Where it wants the images.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def batch_crops(self) -> int: ...  # noqa: D102
    @property
    def device(self) -> str: ...  # noqa: D102

    def outputs(self, batches: Iterable[Tensor]) -> Iterator[Outputs]:
        """Run the network over batches.

        Parameters
        ----------
        batches : iterable of torch.Tensor, shape (batch_crops, 3, side, side)
            In [-1, 1], on ``device``; taken from the iterable a few ahead at most.

        Yields
        ------
        logits : numpy.ndarray of float32, shape (batch_crops, k)
        embeddings : numpy.ndarray of float32, shape (batch_crops, d)
            In the order of the batches.
        """
        ...


def build_engine(network: nn.Module, device: str, input_px: int) -> Engine:
    """Choose the fastest engine for a network.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, on ``device``.
    device : {"cpu", "cuda"}
        On a GPU torch runs; on the CPU ONNX Runtime where the extra ``fast`` is installed, torch elsewhere.
    input_px : int
        Side of the network's input.
    """
    if device == "cpu" and onnx_is_there():
        from napari_wbc.classification.engines.onnx_runtime import OnnxEngine

        return OnnxEngine(network, input_px)
    from napari_wbc.classification.engines.torch_engine import TorchEngine

    return TorchEngine(network, device)


def onnx_is_there() -> bool:
    """Tell whether the packages of the ONNX engine are installed."""
    return find_spec("onnx") is not None and find_spec("onnxruntime") is not None
