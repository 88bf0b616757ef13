"""ONNX Runtime on the CPU: the same sums as torch in two thirds of the time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from napari_wbc.classification.engines import Outputs
from napari_wbc.classification.engines.onnx_graph import BATCH_DIMENSION, INPUT, onnx_model

if TYPE_CHECKING:
    from torch import Tensor, nn

#: What a batch needs stays in the cache of a core; 16 crops of 128 px take a tenth longer, each, than 8.
_CROPS = 8


class OnnxEngine:
    """Runs a network in ONNX Runtime, several batches at a time, each on one thread.

    Threads that share one batch wait for each other at every layer, which costs a multiple where other processes
    want the same cores; threads with a batch of their own never wait, and the numbers do not depend on how many
    there are.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, on the CPU.
    input_px : int
        Side of the network's input.
    """

    device = "cpu"
    batch_crops = _CROPS

    def __init__(self, network: nn.Module, input_px: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_free_dimension_override_by_name(BATCH_DIMENSION, _CROPS)
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            onnx_model(network, input_px).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        # As many as torch would use: what OMP_NUM_THREADS says, or the cores.
        self._threads = torch.get_num_threads()
        self._pool: ThreadPoolExecutor | None = None
        self._process = os.getpid()

    @property
    def name(self) -> str:
        """Version, device and type of numbers."""
        return f"ONNX Runtime {onnxruntime.__version__}, cpu, float32"

    def outputs(self, batches: Iterable[Tensor]) -> Iterator[Outputs]:
        """Run the network over batches, in order; see :class:`~napari_wbc.classification.engines.Engine`."""
        if self._threads == 1:
            for images in batches:
                yield self._run(images.numpy())
            return
        if self._pool is None or self._process != os.getpid():  # a fork has the pool but not its threads
            self._pool, self._process = ThreadPoolExecutor(self._threads, "onnx"), os.getpid()
        under_way: deque[Future[Outputs]] = deque()
        for images in batches:
            under_way.append(self._pool.submit(self._run, images.numpy()))
            if len(under_way) > self._threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def _run(self, images: NDArray[np.float32]) -> Outputs:
        logits, embeddings = self._session.run(None, {INPUT: images})
        return logits, embeddings
