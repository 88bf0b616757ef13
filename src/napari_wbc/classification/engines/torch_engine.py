"""The engine that is always there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from napari_wbc.classification.engines import Outputs

if TYPE_CHECKING:
    from torch import Tensor, nn

#: On a CPU what a batch needs stays in its cache; a batch of 64 takes half as long again for each crop.
_CPU_CROPS = 16
#: A GPU is idle for most of the time of a small batch.
_GPU_CROPS = 512


class TorchEngine:
    """Runs a network in torch: float32 on a CPU, float16 with float32 weights on a GPU.

    Of the two short types of a GPU float16 has eight times the precision of bfloat16 at the same speed, and its
    smaller range holds the bounded activations of these networks. On a CPU bfloat16 gains a quarter at most, on the
    few processors that know it, and is not used.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, on ``device``.
    device : {"cpu", "cuda"}
        Where it runs.
    """

    def __init__(self, network: nn.Module, device: str) -> None:
        self._network = network
        self.device = device
        self.batch_crops = _CPU_CROPS if device == "cpu" else _GPU_CROPS

    @property
    def name(self) -> str:
        """Version, device and type of numbers."""
        kind = "float32" if self.device == "cpu" else "float16"
        return f"torch {torch.__version__}, {self.device}, {kind}"

    def outputs(self, batches: Iterable[Tensor]) -> Iterator[Outputs]:
        """Run the network over batches, in order; see :class:`~napari_wbc.classification.engines.Engine`."""
        for images in batches:
            short = nullcontext() if self.device == "cpu" else torch.autocast(self.device, torch.float16)
            with torch.inference_mode(), short:
                logits, embeddings = self._network(images.contiguous(memory_format=torch.channels_last))
            yield logits.float().cpu().numpy(), embeddings.float().cpu().numpy()
