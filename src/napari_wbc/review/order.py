"""In which order cells are looked at: by class, by what the model was unsure of, by what a second look may change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.cell_table import is_unidentified, probability_columns
from napari_wbc.differential.profile import Profile
from napari_wbc.leukocytes import UNIDENTIFIED, in_order
from napari_wbc.review.next_cells import CellSpace, next_cells

#: Names of the orders, and what people read.
ORDERS: dict[str, str] = {
    "informative": "Most informative",
    "teaching": "Teaches the model most",
    "class": "Class",
    "confidence": "Least confident",
    "novelty": "Most unlike training",
    "effect": "Effect on the differential",
    "number": "Place in the image",
}


def ordered_rows(
    cells: pd.DataFrame,
    by: str,
    profile: Profile,
    *,
    among: NDArray[np.intp] | None = None,
    space: CellSpace | None = None,
) -> NDArray[np.intp]:
    """Sort rows of the cell table.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.
    by : str
        One of ``ORDERS``.
    profile : Profile
        Of the laboratory: which classes are counted as one.
    among : numpy.ndarray of int, optional
        Only these rows; all by default.
    space : CellSpace, optional
        How the cells lie to each other; only ``teaching`` needs it.

    Returns
    -------
    numpy.ndarray of int
        Rows; equal ones in the order of the table.

    Raises
    ------
    ValueError
        ``by`` is no order, or ``space`` is missing.
    """
    rows = np.arange(len(cells)) if among is None else np.asarray(among, np.intp)
    if by == "number":
        return rows
    if by == "class":
        labels = cells["label"].to_numpy(object)[rows]
        rank = {label: i for i, label in enumerate(in_order(set(labels)))}
        places = np.array([rank[label] for label in labels], int)
        sure = cells["confidence"].to_numpy(float)[rows]
        return rows[np.lexsort((rows, -sure, places))]
    if by == "teaching":
        if space is None:
            raise ValueError("the order 'teaching' needs to know how the cells lie to each other")
        first = next_cells(cells, space, most=len(cells))
        order = np.concatenate([first, np.setdiff1d(np.arange(len(cells)), first)])
        return order[np.isin(order, rows)]
    if by == "confidence":
        key = cells["confidence"].to_numpy(float)
    elif by == "novelty":
        key = -cells["novelty"].to_numpy(float)
    elif by == "effect":
        key = -effect_on_differential(cells, profile)
    elif by == "informative":
        key = -informativeness(cells, profile)
    else:
        raise ValueError(f"{by!r} is no order; it is one of {', '.join(ORDERS)}")
    return rows[np.argsort(key[rows], kind="stable")]


def effect_on_differential(cells: pd.DataFrame, profile: Profile) -> NDArray[np.float64]:
    r"""Give how much the differential is expected to change when a person looks at a cell.

    .. math:: e_i = \sum_{b \ne a_i} p_i(b) \left( \frac{1}{n_{a_i} + 1} + \frac{1}{n_b + 1} \right)

    where :math:`a_i` is the row of the differential in which the cell counts, :math:`p_i(b)` the probability that it
    belongs to row :math:`b`, and :math:`n` the cells in a row: a basophil taken for a neutrophil changes the basophils,
    of which there are few, by a large part.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.
    profile : Profile
        Which classes are counted as one.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        0 where a person has looked already.
    """
    shares, names = _row_probabilities(cells, profile)
    own = cells["label"].map({label: profile.row_of(label) for label in cells["label"].unique()})
    counts = own[(cells["status"] != "excluded").to_numpy()].value_counts()
    weight = np.array([1.0 / (counts.get(name, 0) + 1) for name in names])
    own_weight = own.map({name: 1.0 / (counts.get(name, 0) + 1) for name in own.unique()}).to_numpy(float)
    column = own.map({name: names.index(name) if name in names else -1 for name in own.unique()}).to_numpy(
        int
    )
    # An unidentified cell stands in no row: all rows it may belong to would gain.
    own_weight = np.where(is_unidentified(cells).to_numpy(), 0.0, own_weight)
    other = shares.copy()
    inside = np.flatnonzero(column >= 0)
    other[inside, column[inside]] = 0.0
    effect = other @ weight + other.sum(axis=1) * own_weight
    return np.where((cells["status"] == "model").to_numpy(), effect, 0.0)


def informativeness(cells: pd.DataFrame, profile: Profile) -> NDArray[np.float64]:
    """Give which cells a person should look at first: unidentified ones, then where the best two are close.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        From 0 to 2; -1 where a person has looked already.
    """
    shares, _ = _row_probabilities(cells, profile)
    if shares.shape[1] > 1:
        best = np.sort(shares, axis=1)[:, -2:]
        margin = best[:, 1] - best[:, 0]
    else:
        margin = cells["confidence"].to_numpy(float)
    effect = effect_on_differential(cells, profile)
    largest = float(effect.max(initial=0.0)) or 1.0
    value = (1.0 - margin) * 0.5 + 0.5 * effect / largest + is_unidentified(cells).to_numpy()
    return np.where((cells["status"] == "model").to_numpy(), value, -1.0)


def label_choices(cells: pd.DataFrame, profile: Profile) -> list[str]:
    """Give the classes to label cells with: those of the model and of the profile, in the order of the differential.

    ``unidentified`` comes last.
    """
    merged = {part for parts in profile.merges.values() for part in parts}
    names = {c[2:] for c in probability_columns(cells)}
    names |= {c.name for c in profile.classes} - set(profile.merges)
    names |= merged | set(cells["label"])
    names -= {UNIDENTIFIED}
    return [*in_order(names), UNIDENTIFIED]


def _row_probabilities(cells: pd.DataFrame, profile: Profile) -> tuple[NDArray[np.float64], list[str]]:
    """Add up the probabilities of the classes that are counted as one, shape (n, rows)."""
    columns = probability_columns(cells)
    rows = [profile.row_of(c[2:]) for c in columns]
    names = list(dict.fromkeys(rows))
    values = np.nan_to_num(cells[columns].to_numpy(float))
    sums = np.zeros((len(cells), len(names)))
    for k, row in enumerate(rows):
        sums[:, names.index(row)] += values[:, k]
    return sums, names


def rows_with(
    cells: pd.DataFrame, labels: Sequence[str] | None, *, left: bool = False, excluded: bool = True
) -> NDArray[np.intp]:
    """Choose rows of the cell table.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.
    labels : sequence of str or None
        Only these classes; None: all.
    left : bool, optional
        Only cells that nobody has looked at.
    excluded : bool, optional
        Whether cells that do not count are among them.

    Returns
    -------
    numpy.ndarray of int
        In the order of the table.
    """
    chosen = np.ones(len(cells), bool) if labels is None else cells["label"].isin(labels).to_numpy()
    if left:
        chosen = chosen & (cells["status"] == "model").to_numpy()
    if not excluded:
        chosen = chosen & (cells["status"] != "excluded").to_numpy()
    return np.flatnonzero(chosen)
