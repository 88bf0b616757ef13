"""Which cells to label next, so that a few labels teach most."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from napari_wbc.cell_table import probability_columns
from napari_wbc.classification.novelty import unit_length
from napari_wbc.leukocytes import UNIDENTIFIED, coarse_class, in_order

#: Every tenth cell is drawn by chance, whatever the model says of it: these alone show how often it is right.
CHANCE_EVERY = 10
#: Typical cells of each class that are asked for before anything else.
TYPICAL = 3
#: Main directions of the embeddings that likeness is measured in, and cells that these are found with.
_DIRECTIONS, _SAMPLED = 64, 1000
_NEIGHBOURS = 10


@dataclass(frozen=True, slots=True, eq=False)
class CellSpace:
    """How the cells of a slide lie to each other; made once, it serves every choice.

    Attributes
    ----------
    points : numpy.ndarray of float32, shape (n, r)
        Unit vectors in the main directions of the embeddings.
    density : numpy.ndarray of float64, shape (n,)
        Mean cosine to the nearest other cells, from 0 for the loneliest cell of the slide to 1.
    """

    points: NDArray[np.float32]
    density: NDArray[np.float64]

    @classmethod
    def of(cls, embeddings: NDArray[np.floating]) -> CellSpace:
        """Measure the cells of a slide.

        Parameters
        ----------
        embeddings : numpy.ndarray, shape (n, d)
            One row per cell.
        """
        points = _in_main_directions(np.asarray(embeddings, np.float32))
        near = _mean_likeness(points, _NEIGHBOURS)
        spread = float(np.ptp(near)) if len(near) else 0.0
        return cls(points, (near - near.min()) / spread if spread else np.ones(len(near)))


def next_cells(cells: pd.DataFrame, space: CellSpace, *, most: int = 50) -> NDArray[np.intp]:
    """Give cells that no person has looked at, in the order in which their labels teach most.

    First come typical cells of every class that the model sees, by clusters of the embeddings: uncertainty means little
    before the model has seen the laboratory. Then those between two classes in a dense place, since a lonely cell says
    little about others; classes take turns, those with the fewest labels first. Every tenth is drawn by chance.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table; ``p_<class>`` and ``label`` may be those of a preview.
    space : CellSpace
        Of the same cells.
    most : int, optional
        How many at most.

    Returns
    -------
    numpy.ndarray of int
        Rows of the table.

    Examples
    --------
    >>> count = wbc.count("smear.png")  # doctest: +SKIP
    >>> next_cells(count.cells, CellSpace.of(count.embeddings), most=10)  # doctest: +SKIP
    """
    if len(space.points) != len(cells):
        raise ValueError(f"{len(space.points)} embeddings for {len(cells)} cells")
    is_open = (cells["status"] == "model").to_numpy()
    labels = cells["label"].to_numpy(object)
    seen_as = np.where(labels == UNIDENTIFIED, cells["model_label"].to_numpy(object), labels)
    given = labels[(cells["status"] == "reviewed").to_numpy()]
    kind = _told_apart({*given, *seen_as}, given)
    labelled = Counter(kind[name] for name in given)
    seen_as = np.array([kind[name] for name in seen_as], object)
    margin = _margin(cells, given)
    taught = _by_turns(
        [
            _best_of_class(np.flatnonzero(is_open & (seen_as == name)), margin, space, labelled[name])
            for name in sorted(in_order(set(seen_as[is_open])), key=lambda name: labelled[name])
        ]
    )
    by_chance = [row for row in chance_order(cells) if is_open[row]]
    already = int((cells["status"] == "reviewed").sum())
    order: dict[int, None] = {}
    waiting, drawn = iter(taught), iter(by_chance)
    while len(order) < min(most, int(is_open.sum())):
        takes_chance = (already + len(order) + 1) % CHANCE_EVERY == 0
        source = drawn if takes_chance else waiting
        order[next(row for row in source if row not in order)] = None
    return np.fromiter(order, np.intp, len(order))


def chance_order(cells: pd.DataFrame) -> NDArray[np.intp]:
    """Give all rows in an order that depends on nothing but the numbers of the cells.

    The cells that were labelled at its beginning are a fair sample of the slide: how often the model is right on them
    is how often it is right.
    """
    keys = [hashlib.sha256(f"{number}".encode()).digest() for number in cells["cell_id"]]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), np.intp)


def _told_apart(names: Iterable[str], given: Iterable[str]) -> dict[str, str]:
    """Give each class, or the coarse one that it is labelled as: not everybody tells bands from segmented."""
    used = set(given)
    return {name: coarse_class(name) if coarse_class(name) in used else name for name in names}


def _margin(cells: pd.DataFrame, given: Iterable[str]) -> NDArray[np.float64]:
    """Give how far apart the two likeliest classes of each cell are, of those that the labels tell apart."""
    columns = probability_columns(cells)
    kinds = np.array(list(_told_apart([c[2:] for c in columns], given).values()), str)
    if len(set(kinds)) < 2:
        return np.ones(len(cells))
    chances = np.nan_to_num(cells[columns].to_numpy(float))
    sums = np.stack([chances[:, kinds == kind].sum(axis=1) for kind in np.unique(kinds)], axis=1)
    best = np.sort(sums, axis=1)
    return np.asarray(best[:, -1] - best[:, -2])


def _best_of_class(
    rows: NDArray[np.intp], margin: NDArray[np.float64], space: CellSpace, labelled: int
) -> list[int]:
    """Order the open cells of one class: typical ones while there are few labels, then the doubtful in dense places."""
    typical = _typical(space.points[rows], TYPICAL - labelled) if labelled < TYPICAL else []
    value = (1.0 - margin[rows]) * space.density[rows]
    rest = [int(i) for i in np.argsort(-value, kind="stable") if i not in typical]
    return [int(rows[i]) for i in (*typical, *rest)]


def _typical(points: NDArray[np.float32], number: int) -> list[int]:
    """Give the cells next to the middles of as many clusters, the largest cluster first."""
    if len(points) <= number:
        return list(range(len(points)))
    middles, cluster = kmeans2(points.astype(float), number, minit="++", seed=0, iter=10)
    likeness = points @ middles.T.astype(np.float32)
    chosen = []
    for i in np.argsort(-np.bincount(cluster, minlength=number), kind="stable"):
        inside = np.flatnonzero(cluster == i)
        if len(inside):
            chosen.append(int(inside[likeness[inside, i].argmax()]))
    return chosen


def _by_turns(orders: list[list[int]]) -> list[int]:
    longest = max(map(len, orders), default=0)
    return [order[i] for i in range(longest) for order in orders if i < len(order)]


def _in_main_directions(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(embeddings):
        return np.zeros((0, 1), np.float32)
    some = embeddings[:: max(1, len(embeddings) // _SAMPLED)]
    middle = some.mean(axis=0)
    _, _, axes = np.linalg.svd(some - middle, full_matrices=False)
    points = (embeddings - middle) @ axes[:_DIRECTIONS].T
    return unit_length(points)


def _mean_likeness(points: NDArray[np.float32], number: int) -> NDArray[np.float64]:
    most = min(number, len(points) - 1)
    if most < 1:
        return np.ones(len(points))
    near = np.empty(len(points))
    for start in range(0, len(points), 1024):
        cosine = points[start : start + 1024] @ points.T
        # The nearest of all is the cell itself.
        cosine[np.arange(len(cosine)), start + np.arange(len(cosine))] = -np.inf
        near[start : start + 1024] = np.partition(cosine, -most, axis=1)[:, -most:].mean(axis=1)
    return near
