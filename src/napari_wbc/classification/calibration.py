"""Probabilities that mean what they say: temperature, and how far they are off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp


def set_log_likelihood(logits: NDArray[np.floating], members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the log probability that the class lies in a set of classes.

    Parameters
    ----------
    logits : numpy.ndarray, shape (n, k)
        Network outputs.
    members : numpy.ndarray of bool, shape (n, k)
        The classes that the label of each row allows.
    """
    return np.asarray(logsumexp(np.where(members, log_softmax(logits, axis=1), -np.inf), axis=1))


def fit_temperature(
    logits: NDArray[np.floating],
    members: NDArray[np.bool_],
    weights: NDArray[np.floating],
    log_prior: NDArray[np.floating] | float = 0.0,
) -> float:
    """Find the temperature with the best log-likelihood (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Parameters
    ----------
    logits : numpy.ndarray, shape (n, k)
        Of cells that the network was not trained on.
    members : numpy.ndarray of bool, shape (n, k)
        The classes that each label allows.
    weights : numpy.ndarray, shape (n,)
        Of the rows.
    log_prior : numpy.ndarray of shape (k,), optional
        Added after the division by the temperature, as in prediction.

    Returns
    -------
    float
        Logits are divided by it; between 0.2 and 10.
    """

    def loss(log_temperature: float) -> float:
        scaled = np.asarray(logits, float) / np.exp(log_temperature) + log_prior
        return -float(np.average(set_log_likelihood(scaled, members), weights=weights))

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.2), np.log(10.0)), method="bounded").x))


def expected_calibration_error(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = 15
) -> float:
    """Give the mean gap between confidence and accuracy over bins of equal width, weighted by their cells.

    Examples
    --------
    >>> import numpy as np
    >>> round(expected_calibration_error(np.full(10, 0.9), np.arange(10) < 6), 3)
    0.3
    """
    index = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    total = 0.0
    for b in range(bins):
        inside = index == b
        if inside.any():
            total += inside.sum() * abs(confidence[inside].mean() - correct[inside].mean())
    return float(total / max(1, len(index)))
