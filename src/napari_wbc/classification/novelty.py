"""How unlike the training cells a cell is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def knn_distance(
    embeddings: NDArray[np.floating], reference: NDArray[np.floating], neighbours: int = 10
) -> NDArray[np.float32]:
    """Give the mean cosine distance to the nearest reference cells.

    Parameters
    ----------
    embeddings : numpy.ndarray, shape (n, d)
        Of the cells in question.
    reference : numpy.ndarray, shape (m, d)
        Of training cells, each row of length 1.
    neighbours : int, optional
        How many are averaged.

    Returns
    -------
    numpy.ndarray of float32, shape (n,)
        Between 0 (the same direction) and 2.

    References
    ----------
    Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors", https://arxiv.org/abs/2204.06507.
    """
    neighbours = min(neighbours, len(reference))
    reference = np.asarray(reference, np.float32)
    distances = np.empty(len(embeddings), np.float32)
    for start in range(0, len(embeddings), 4096):
        block = unit_length(embeddings[start : start + 4096])
        # Not a product of matrices: the last digits of its rows depend on where they stand.
        similarity = np.einsum("id,jd->ij", block, reference)
        nearest = np.partition(similarity, -neighbours, axis=1)[:, -neighbours:]
        distances[start : start + 4096] = 1.0 - nearest.mean(axis=1)
    return distances


def unit_length(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale each row to length 1."""
    rows = np.asarray(embeddings, np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def novelty_score(distances: NDArray[np.floating], quantiles: NDArray[np.floating]) -> NDArray[np.float32]:
    """Turn distances into 0..1: the share of held-out cells of the training domains that are less unlike.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n,)
        From :func:`knn_distance`.
    quantiles : numpy.ndarray, shape (q,)
        Evenly spaced quantiles (0 to 1) of the distances of held-out cells, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> novelty_score(np.array([0.0, 0.5, 2.0]), np.array([0.0, 0.5, 1.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.asarray(np.interp(distances, quantiles, np.linspace(0.0, 1.0, len(quantiles))), np.float32)
