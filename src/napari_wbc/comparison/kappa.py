"""Agreement cell by cell beyond chance: Cohen's kappa, plain and weighted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_wbc.leukocytes import CONTAINS

#: The line of maturation of the neutrophil, along which a confusion weighs by its distance.
MATURATION = (
    "myeloblast",
    "promyelocyte",
    "myelocyte",
    "metamyelocyte",
    "neutrophil_band",
    "neutrophil_segmented",
)


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa with its interval, at most 1; NaN where both use one and the same class only.

    Attributes
    ----------
    value, low, high : float
        Kappa and its limits.
    error : float
        Standard error for the interval (not that under the hypothesis that kappa is 0).
    n : int
        Cells.
    """

    value: float
    low: float
    high: float
    error: float
    n: int


def cohen_kappa(counts: ArrayLike, disagreement: ArrayLike | None = None, confidence: float = 0.95) -> Kappa:
    """Give kappa from a table of counts.

    Parameters
    ----------
    counts : array_like of int, shape (k, k)
        Cells by class of the first (rows) and of the second (columns).
    disagreement : array_like of float, shape (k, k), optional
        How much each confusion weighs, 0 on the diagonal; 1 for all confusions by default.
    confidence : float, optional
        Coverage, between 0 and 1.

    Returns
    -------
    Kappa

    Raises
    ------
    ValueError
        The tables are not square, or not of one shape.

    References
    ----------
    Cohen, Psychol. Bull. 70 (1968) 213-220. The standard error is that of Fleiss, Cohen, Everitt, Psychol. Bull. 72
    (1969) 323-327.

    Examples
    --------
    >>> round(cohen_kappa([[20, 5], [10, 15]]).value, 2)
    0.4
    """
    table = np.asarray(counts, float)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ValueError(f"a table of shape {table.shape} is not square")
    costs = 1.0 - np.eye(len(table)) if disagreement is None else np.asarray(disagreement, float)
    if costs.shape != table.shape:
        raise ValueError(f"weights of shape {costs.shape} for a table of shape {table.shape}")
    n = float(table.sum())
    if n == 0:
        return Kappa(math.nan, math.nan, math.nan, math.nan, 0)
    p = table / n
    weight = 1.0 - costs / (costs.max() or 1.0)
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed = float((weight * p).sum())
    expected = float((weight * np.outer(rows, columns)).sum())
    if math.isclose(expected, 1.0):
        return Kappa(math.nan, math.nan, math.nan, math.nan, int(n))
    value = (observed - expected) / (1 - expected)
    # The mean weight of each row and each column, by the other's margin.
    means = (weight @ columns)[:, None] + (rows @ weight)[None, :]
    inner = float((p * (weight - means * (1 - value)) ** 2).sum())
    variance = (inner - (value - expected * (1 - value)) ** 2) / (n * (1 - expected) ** 2)
    error = math.sqrt(max(0.0, variance))
    half = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return Kappa(value, max(-1.0, value - half), min(1.0, value + half), error, int(n))


def class_distances(names: Sequence[str]) -> NDArray[np.float64]:
    """Say how much a confusion of two classes weighs.

    Along the maturation of the neutrophil (myeloblast, promyelocyte, myelocyte, metamyelocyte, band, segmented) it is
    the number of steps of five; any other confusion weighs 1. A class that holds several stages stands at their mean.

    Parameters
    ----------
    names : sequence of str
        k classes.

    Returns
    -------
    numpy.ndarray of float, shape (k, k)

    Examples
    --------
    >>> class_distances(["neutrophil_segmented", "neutrophil_band", "monocyte"])[0].tolist()
    [0.0, 0.2, 1.0]
    """
    steps = len(MATURATION) - 1
    places = [_stage(name) for name in names]
    return np.array(
        [
            [
                0.0 if a == b else 1.0 if x is None or y is None else abs(x - y) / steps
                for b, y in zip(names, places, strict=True)
            ]
            for a, x in zip(names, places, strict=True)
        ]
    ).reshape(len(names), len(names))


def _stage(name: str) -> float | None:
    parts = CONTAINS.get(name, (name,))
    if not set(parts) <= set(MATURATION):
        return None
    return float(np.mean([MATURATION.index(part) for part in parts]))
