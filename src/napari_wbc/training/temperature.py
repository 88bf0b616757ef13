"""One temperature for the logits of several domains that were left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_wbc.classification.calibration import fit_temperature
from napari_wbc.training.manifests import label_members


def pooled_temperature(
    parts: Sequence[tuple[NDArray[np.float32], list[str]]],
    classes: Sequence[str],
    log_prior: NDArray[np.float64],
) -> float:
    """Fit one temperature on logits and labels of several domains, each of which counts the same.

    Parameters
    ----------
    parts : sequence of (numpy.ndarray of shape (n, k), list of str)
        Logits and labels of each domain.
    classes : sequence of str
        Of the model, in the order of its outputs.
    log_prior : numpy.ndarray, shape (k,)
        Added after the division by the temperature, as in prediction.
    """
    return fit_temperature(
        np.concatenate([logits for logits, _ in parts]),
        np.concatenate([label_members(labels, classes) for _, labels in parts]),
        np.concatenate([np.full(len(labels), 1.0 / len(labels)) for _, labels in parts]),
        log_prior,
    )
