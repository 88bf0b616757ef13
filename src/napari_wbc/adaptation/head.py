"""The last layer of a model, fitted to some labelled cells and held near where it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp


@dataclass(frozen=True, slots=True)
class Head:
    """A linear layer from embeddings to logits.

    Attributes
    ----------
    weight : numpy.ndarray, shape (k, d)
        One row per class.
    bias : numpy.ndarray, shape (k,)
        One number per class.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def logits(self, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Give logits ``(n, k)`` of embeddings ``(n, d)``."""
        rows = np.asarray(embeddings, np.float32)
        return np.asarray(rows @ self.weight.T.astype(np.float32) + self.bias.astype(np.float32))


@dataclass(frozen=True, slots=True)
class HeadCells:
    """Cells that a head is fitted to.

    Attributes
    ----------
    embeddings : numpy.ndarray, shape (n, d)
        What the layer sees.
    members : numpy.ndarray of bool, shape (n, k)
        The classes that each label allows.
    weights : numpy.ndarray, shape (n,)
        How much each cell counts.
    log_prior : numpy.ndarray, shape (n, k)
        Added to the scaled logits: how common the classes are where the cell comes from.
    """

    embeddings: NDArray[np.floating]
    members: NDArray[np.bool_]
    weights: NDArray[np.floating]
    log_prior: NDArray[np.floating]


def shrunken_head(
    start: Head, cells: HeadCells, *, pull: float, temperature: float = 1.0, most_steps: int = 60
) -> Head:
    r"""Fit a head to cells, drawn to where it starts.

    .. math:: \min_{W, b} \sum_i w_i \left(- \log \sum_{c \in S_i} p_c(x_i)\right)
              + \frac{\lambda s}{2} \left(\lVert W - W_0 \rVert^2 + \lVert b - b_0 \rVert^2\right), \qquad
              p(x) = softmax((W x + b) / T + \log \pi)

    :math:`s` is the mean squared length of the embeddings, so that the pull does not depend on their scale. The
    problem is convex; few labels move the head a little, many move it far.

    Parameters
    ----------
    start : Head
        Of the source model.
    cells : HeadCells
        What it is fitted to.
    pull : float
        :math:`\lambda`.
    temperature : float, optional
        :math:`T`.
    most_steps : int, optional
        Of L-BFGS.

    Returns
    -------
    Head
    """
    rows = np.asarray(cells.embeddings, np.float32)
    scale = float(np.mean(np.einsum("nd,nd->n", rows, rows))) if len(rows) else 1.0
    # In these units all directions of the problem are about equally steep.
    unit = np.concatenate([rows, np.full((len(rows), 1), np.sqrt(scale), np.float32)], axis=1) / np.sqrt(
        scale
    )
    offset = np.asarray(start.logits(rows), float) / temperature + cells.log_prior
    weights = np.asarray(cells.weights, float)[:, None]
    blocked = np.where(cells.members, 0.0, -np.inf)
    shape = start.weight.shape[0], unit.shape[1]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        move = flat.reshape(shape)
        scores = offset + (unit @ move.T.astype(np.float32)).astype(float)
        log_p = log_softmax(scores, axis=1)
        inside = logsumexp(log_p + blocked, axis=1, keepdims=True)
        error = weights * (np.exp(log_p) - np.exp(log_p + blocked - inside))
        gradient = (error.T.astype(np.float32) @ unit).astype(float) + pull_here * move
        total = -float((weights * inside).sum()) + pull_here / 2 * float((move * move).sum())
        return total, gradient.ravel()

    # A move of 1 in these units changes W by T / sqrt(s): that is where the square comes from.
    pull_here = pull * temperature**2
    found = minimize(
        loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B",
        options={"maxiter": most_steps, "maxcor": 8, "ftol": 1e-6},
    ).x.reshape(shape)  # fmt: skip
    weight = start.weight + temperature * found[:, :-1] / np.sqrt(scale)
    return Head(weight, start.bias + temperature * found[:, -1])
