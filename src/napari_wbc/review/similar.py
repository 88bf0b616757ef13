"""Cells that look alike to the classifier, typical ones of a class, and those that may be of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.classification.novelty import unit_length
from napari_wbc.leukocytes import fine_classes

# Rows that are compared at once, so that a slide of 100,000 cells needs no second copy of its embeddings.
_TOGETHER = 8192
#: Cells that the model gives a class less than this are not likely of it.
_LEAST_LIKELY = 0.02


def similarity(embeddings: NDArray[np.floating], rows: Sequence[int]) -> NDArray[np.float32]:
    """Give how much all cells resemble some.

    Parameters
    ----------
    embeddings : numpy.ndarray, shape (n, d)
        Features of the classifier.
    rows : sequence of int
        The cells to compare with.

    Returns
    -------
    numpy.ndarray of float32, shape (n,)
        Cosine between a cell and the mean direction of those, -1 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> similarity(np.array([[1.0, 0], [0, 1], [1, 1]]), [0]).round(2)
    array([1.  , 0.  , 0.71], dtype=float32)
    """
    wanted = unit_length(embeddings[list(rows)]).mean(axis=0)
    wanted /= max(float(np.linalg.norm(wanted)), 1e-12)
    parts = [
        unit_length(embeddings[start : start + _TOGETHER]) @ wanted
        for start in range(0, len(embeddings), _TOGETHER)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def similar_rows(
    cells: pd.DataFrame,
    embeddings: NDArray[np.floating],
    rows: Sequence[int],
    *,
    most: int = 200,
    least: float = 0.0,
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Find the cells that resemble some, the nearest first; those that a person has looked at are left out.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.
    embeddings : numpy.ndarray, shape (n, d)
        One row per cell.
    rows : sequence of int
        The cells to start from; they are not among the answer.
    most : int, optional
        How many at most.
    least : float, optional
        Cosine below which a cell is not alike.

    Returns
    -------
    rows : numpy.ndarray of int
    cosine : numpy.ndarray of float32
        One per row.
    """
    values = similarity(embeddings, rows)
    open_ = (cells["status"] == "model").to_numpy() & (values >= least)
    open_[list(rows)] = False
    found = np.flatnonzero(open_)
    order = found[np.argsort(-values[found], kind="stable")][:most]
    return order, values[order]


def typical_rows(
    cells: pd.DataFrame, embeddings: NDArray[np.floating], label: str, *, most: int = 6
) -> NDArray[np.intp]:
    """Give cells of the slide that stand for a class: those that a person labelled so, then the surest.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.
    embeddings : numpy.ndarray, shape (n, d)
        One row per cell.
    label : str
        The class.
    most : int, optional
        How many.
    """
    rows = np.flatnonzero(((cells["label"] == label) & (cells["status"] != "excluded")).to_numpy())
    if not len(rows):
        return rows
    by_person = (cells["status"].to_numpy(object)[rows] == "reviewed").astype(float)
    sure = np.where(
        cells["model_label"].to_numpy(object)[rows] == label, cells["confidence"].to_numpy(float)[rows], 0.0
    )
    # Near the middle of their class: the surest cell may still be an odd one.
    middle = similarity(embeddings, list(rows))[rows]
    return rows[np.lexsort((rows, -(sure + middle), -by_person))][:most]


def likely_rows(
    cells: pd.DataFrame, embeddings: NDArray[np.floating], label: str, *, most: int = 200
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the cells that may be of a class, the likeliest first; those that a person has looked at are left out.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.
    embeddings : numpy.ndarray, shape (n, d)
        One row per cell.
    label : str
        The class. Where the model does not know it, cells are found that resemble those labelled so.
    most : int, optional
        How many at most.

    Returns
    -------
    rows : numpy.ndarray of int
    chance : numpy.ndarray of float64
        The probability of the class, or the cosine to the labelled cells; one per row.
    """
    columns = [f"p_{name}" for name in {label, *fine_classes(label)} if f"p_{name}" in cells.columns]
    if not columns:
        by_person = ((cells["label"] == label) & (cells["status"] == "reviewed")).to_numpy()
        if not by_person.any():
            return np.zeros(0, np.intp), np.zeros(0)
        rows, cosine = similar_rows(cells, embeddings, np.flatnonzero(by_person).tolist(), most=most)
        return rows, cosine.astype(float)
    chance = np.nan_to_num(cells[columns].to_numpy(float)).sum(axis=1)
    found = np.flatnonzero((cells["status"] == "model").to_numpy() & (chance >= _LEAST_LIKELY))
    rows = found[np.argsort(-chance[found], kind="stable")][:most]
    return rows, chance[rows]
