"""The same cells in two tables, by where they lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def match_cells(first: ArrayLike, second: ArrayLike, tolerance: float) -> NDArray[np.intp]:
    """Pair the points of two sets, one to one, the closest first.

    Parameters
    ----------
    first : array_like of float, shape (n, 2)
        Centres of cells.
    second : array_like of float, shape (m, 2)
        Centres in the same frame and unit.
    tolerance : float
        Points further apart than this are no pair.

    Returns
    -------
    numpy.ndarray of int, shape (k, 2)
        Rows of the first and of the second, in the order of the first.

    Examples
    --------
    >>> match_cells([[0, 0], [10, 10]], [[10, 11], [0, 2], [50, 50]], 5.0).tolist()
    [[0, 1], [1, 0]]
    """
    from scipy.spatial import cKDTree

    a, b = np.asarray(first, float).reshape(-1, 2), np.asarray(second, float).reshape(-1, 2)
    near = cKDTree(a).sparse_distance_matrix(cKDTree(b), tolerance, output_type="ndarray")
    free_a, free_b = np.ones(len(a), bool), np.ones(len(b), bool)
    pairs = []
    # Of equal distances the earlier cells come first, so that the result does not hang on the tree.
    for entry in near[np.lexsort((near["j"], near["i"], near["v"]))]:
        i, j = int(entry["i"]), int(entry["j"])
        if free_a[i] and free_b[j]:
            free_a[i] = free_b[j] = False
            pairs.append((i, j))
    return np.array(sorted(pairs), np.intp).reshape(-1, 2)
