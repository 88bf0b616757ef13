"""What a network says of crops as the finished model will: with its second look."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from napari_wbc.adaptation.start import Start
from napari_wbc.classification.backbone import Network
from napari_wbc.execution.progress import CancelToken
from napari_wbc.training.outputs import outputs_with_second_look


def outputs_of(
    start: Start, network: Network, crops: NDArray[np.uint8], *, cancel: CancelToken | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give logits ``(n, k)`` and embeddings ``(n, d)``.

    Parameters
    ----------
    start : Start
        Tells size, view, classes and when a cell is looked at again.
    network : Network
        With the weights in question.
    crops : numpy.ndarray of uint8, shape (n, side, side, 3)
        The cells.
    cancel : CancelToken, optional
        Checked before each batch.
    """
    model = start.model
    if not len(crops):
        k = len(start.classes)
        return np.zeros((0, k), np.float32), np.zeros((0, network.embedding_size), np.float32)
    return outputs_with_second_look(
        network,
        crops,
        model.input_px,
        model.view,
        model.second_look,
        start.classes,
        start.log_prior,
        cancel=cancel,
    )


def probabilities_of(start: Start, logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Give probabilities ``(n, k)``; those of classes that the logits have no column for are 0."""
    k = logits.shape[1]
    known = softmax(np.asarray(logits, float) / temperature + start.log_prior[:k], axis=1)
    return np.concatenate([known, np.zeros((len(logits), len(start.classes) - k))], axis=1)
