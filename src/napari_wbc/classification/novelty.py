"""How unlike the training cells a cell is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from napari_wbc.leukocytes import is_nucleated

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model

#: Entries of unit vectors are rounded to multiples of this. Products are then multiples of its square, and as the
#: sums stay below 2, float64 holds every one of them exactly: a product of matrices gives the same digits in any
#: order of summation, so that a cell gets the same numbers in any company, on any processor.
_GRAIN = 2.0**-20
#: Rows at a time: keeps the similarities of many cells small.
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class NoveltyReference:
    """What cells are compared with; it lies in the bundle.

    The score is a sum of parts, each standardised on held-out cells of the training domains:

    - ``distance``: mean cosine distance to the nearest training cells (Sun et al. 2022, "Out-of-distribution
      detection with deep nearest neighbors", https://arxiv.org/abs/2204.06507). The training cells are leukocytes
      and erythroblasts: what a class *artifact* or *platelet* would take is far from them.
    - ``energy``: minus the log of the sum of the exponentials of their logits (Liu et al. 2020, "Energy-based
      out-of-distribution detection", https://arxiv.org/abs/2010.03759). High where none of these classes speaks up.

    Attributes
    ----------
    reference : numpy.ndarray, shape (m, d)
        Embeddings of training cells, each row of length 1.
    neighbours : int
        How many of them count.
    parts : mapping of str to tuple of float
        Mean and standard deviation of each part on held-out cells; a part that is not named does not count.
    quantiles : numpy.ndarray, shape (q,)
        Evenly spaced quantiles (0 to 1) of the score, ascending.
    columns : numpy.ndarray of int
        Outputs of the network that are nucleated cells.
    """

    reference: NDArray[np.float64]
    neighbours: int
    parts: Mapping[str, tuple[float, float]]
    quantiles: NDArray[np.float64]
    columns: NDArray[np.intp]

    @classmethod
    def of(cls, model: Model) -> NoveltyReference:
        """Read the reference of a bundle (one without parts goes by the distance alone)."""
        novelty = model.info["novelty"]
        parts = novelty.get("parts", {"distance": (0.0, 1.0)})
        return cls(
            reference=np.asarray(model.tensors["novelty.reference"], float),
            neighbours=int(novelty["neighbours"]),
            parts={name: (float(mean), float(spread)) for name, (mean, spread) in parts.items()},
            quantiles=np.asarray(novelty["quantiles"], float),
            columns=nucleated_columns(model.classes),
        )

    def score(self, logits: NDArray[np.floating], embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Give the score: higher is less like the training cells.

        Parameters
        ----------
        logits : numpy.ndarray, shape (n, k)
            Network outputs.
        embeddings : numpy.ndarray, shape (n, d)
            Of the same cells.

        Returns
        -------
        numpy.ndarray of float32, shape (n,)
            Without a limit; about 0 for cells like those of training. That of a cell does not depend on the others.
        """
        values = raw_parts(logits[:, self.columns], embeddings, self.reference, self.neighbours)
        total = np.zeros(len(logits))
        for name, (mean, spread) in self.parts.items():
            total += (values[name] - mean) / spread
        return total.astype(np.float32)

    def novelty(self, scores: NDArray[np.floating]) -> NDArray[np.float32]:
        """Turn scores into 0..1 (:func:`novelty_score`)."""
        return novelty_score(scores, self.quantiles)


def nucleated_columns(classes: Sequence[str]) -> NDArray[np.intp]:
    """Give the places of the classes that are leukocytes or erythroblasts.

    Examples
    --------
    >>> nucleated_columns(["monocyte", "platelet", "erythroblast"]).tolist()
    [0, 2]
    """
    return np.flatnonzero([is_nucleated(c) for c in classes])


def raw_parts(
    logits: NDArray[np.floating],
    embeddings: NDArray[np.floating],
    reference: NDArray[np.floating],
    neighbours: int,
) -> dict[str, NDArray[np.float64]]:
    """Give each part of the score before it is standardised, shape ``(n,)``; the logits are of nucleated cells."""
    return {
        "distance": knn_distance(embeddings, reference, neighbours).astype(float),
        "energy": -np.asarray(logsumexp(np.asarray(logits, float), axis=1)),
    }


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
    """
    neighbours = min(neighbours, len(reference))
    grained = _rounded(reference).T
    distances = np.empty(len(embeddings), np.float32)
    for start in range(0, len(embeddings), _BLOCK):
        block = _rounded(unit_length(embeddings[start : start + _BLOCK]))
        nearest = np.partition(block @ grained, -neighbours, axis=1)[:, -neighbours:]
        distances[start : start + _BLOCK] = 1.0 - np.sort(nearest, axis=1).mean(axis=1)
    return distances


def _rounded(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(np.rint(np.asarray(rows, float) / _GRAIN) * _GRAIN)


def unit_length(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale each row to length 1."""
    rows = np.asarray(embeddings, np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def novelty_score(scores: NDArray[np.floating], quantiles: NDArray[np.floating]) -> NDArray[np.float32]:
    """Turn scores into 0..1: the share of the cells behind the quantiles that are less unlike.

    One minus this is a p-value: 0.96 says that of a hundred such cells four look at least as strange.

    Parameters
    ----------
    scores : numpy.ndarray, shape (n,)
        From :meth:`NoveltyReference.score`.
    quantiles : numpy.ndarray, shape (q,)
        Evenly spaced quantiles (0 to 1), ascending.

    Examples
    --------
    >>> import numpy as np
    >>> novelty_score(np.array([0.0, 0.5, 2.0]), np.array([0.0, 0.5, 1.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.asarray(np.interp(scores, quantiles, np.linspace(0.0, 1.0, len(quantiles))), np.float32)
