"""What a network says of cells whose feature maps are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from napari_wbc.adaptation.start import Start
from napari_wbc.classification.backbone import Network
from napari_wbc.execution.progress import CancelToken

_BATCH = 256


def upper_outputs(
    network: Network, maps: NDArray[np.float16], *, cancel: CancelToken | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give logits ``(n, k)`` and embeddings ``(n, d)`` of feature maps ``(n, channels, h, w)``, at one look.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    maps : numpy.ndarray of float16, shape (n, channels, h, w)
        What leaves its second stage.
    cancel : CancelToken, optional
        Checked before each batch.
    """
    device = next(network.parameters()).device
    logits = np.zeros((len(maps), network.head.out_features), np.float32)
    embeddings = np.zeros((len(maps), network.embedding_size), np.float32)
    with torch.inference_mode():
        for first in range(0, len(maps), _BATCH):
            if cancel is not None:
                cancel.check()
            rows = slice(first, first + _BATCH)
            for found, values in zip(
                (logits, embeddings), network.upper(as_input(maps[rows], device)), strict=True
            ):
                found[rows] = values.float().cpu().numpy()
    return logits, embeddings


def as_input(maps: NDArray[np.float16], device: torch.device | str) -> torch.Tensor:
    """Give feature maps as the upper stages take them."""
    tensor = torch.from_numpy(np.ascontiguousarray(maps)).to(device)
    return tensor.float().contiguous(memory_format=torch.channels_last)


def outputs_of(
    start: Start, network: Network, maps: NDArray[np.float16], *, cancel: CancelToken | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give logits ``(n, k)`` and embeddings ``(n, d)`` as the finished model will: with its second look.

    Parameters
    ----------
    start : Start
        Tells classes and when a cell is looked at again.
    network : Network
        With the weights in question.
    maps : numpy.ndarray of float16, shape (orientations, n, channels, h, w)
        From :func:`~napari_wbc.adaptation.views.plain_maps`.
    cancel : CancelToken, optional
        Checked before each batch.
    """

    def look(
        rows: NDArray[np.intp], orientations: Sequence[int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        looks = [upper_outputs(network, maps[o][rows], cancel=cancel) for o in orientations]
        logits, embeddings = (np.mean(values, axis=0) for values in zip(*looks, strict=True))
        return logits, embeddings

    return start.model.second_look.outputs(look, maps.shape[1], start.classes, start.log_prior)


def probabilities_of(start: Start, logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Give probabilities ``(n, k)``; those of classes that the logits have no column for are 0."""
    k = logits.shape[1]
    known = softmax(np.asarray(logits, float) / temperature + start.log_prior[:k], axis=1)
    return np.concatenate([known, np.zeros((len(logits), len(start.classes) - k))], axis=1)
