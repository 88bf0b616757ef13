"""Sets of classes that hold the right one with a stated probability; a set of one is a label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_wbc.leukocytes import coarse_class


def coarse_probabilities(
    probabilities: NDArray[np.floating], classes: Sequence[str]
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Add up the probabilities of the fine classes of each coarse class.

    Doubt between a band and a segmented neutrophil is no doubt that the cell is a neutrophil.

    Returns
    -------
    names : tuple of str
        Coarse classes, in the order in which ``classes`` brings them.
    sums : numpy.ndarray of float64, shape (n, number of names)
        Their probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> names, sums = coarse_probabilities(
    ...     np.array([[0.25, 0.5, 0.25]]), ["neutrophil_band", "neutrophil_segmented", "monocyte"]
    ... )
    >>> names, sums.tolist()
    (('neutrophil', 'monocyte'), [[0.75, 0.25]])
    """
    coarse = [coarse_class(c) for c in classes]
    names = tuple(dict.fromkeys(coarse))
    sums = np.zeros((len(probabilities), len(names)))
    for column, name in enumerate(coarse):
        sums[:, names.index(name)] += probabilities[:, column]
    return names, sums


def conformal_threshold(
    true_probability: NDArray[np.floating], weights: NDArray[np.floating], level: float
) -> float:
    """Find the probability that the right class reaches in a share ``level`` of the cells.

    Sets of the classes above it hold the right class of a further cell of the same kind with probability ``level``;
    of all such sets they are the smallest on average (Sadinle, Lei, Wasserman 2019, "Least ambiguous set-valued
    classifiers with bounded error levels", https://arxiv.org/abs/1609.00451).

    Parameters
    ----------
    true_probability : numpy.ndarray, shape (n,)
        What the model gave to the right class, for cells of labs that it had not seen.
    weights : numpy.ndarray, shape (n,)
        Of the cells, so that each lab counts the same.
    level : float
        Share of the cells, between 0 and 1.

    Returns
    -------
    float
        0 where there are too few cells to promise that much.

    Examples
    --------
    >>> import numpy as np
    >>> round(conformal_threshold(np.linspace(0.01, 1.0, 100), np.ones(100), 0.9), 2)
    0.1
    """
    order = np.argsort(true_probability)
    ascending = np.asarray(true_probability, float)[order]
    # The cell in question counts as one more, the lowest of all: that is what makes the promise hold for finite n.
    one = float(np.sum(weights)) / max(1, len(order))
    below = (one + np.concatenate([[0.0], np.cumsum(weights[order])[:-1]])) / (np.sum(weights) + one)
    reached = np.flatnonzero(below <= 1.0 - level + 1e-12)
    return float(ascending[reached[-1]]) if len(reached) else 0.0


def prediction_sets(probabilities: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
    """Give the classes whose probability reaches the threshold, shape ``(n, k)``.

    None: nothing that the model knows. Several: it cannot tell them apart.
    """
    return np.asarray(np.asarray(probabilities) >= threshold)
