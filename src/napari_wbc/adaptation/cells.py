"""Labelled cells of a laboratory, without copies, in folds that share no slide: what an adaptation learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from napari_wbc.errors import InputError
from napari_wbc.slides.crops import CROP_PX
from napari_wbc.training.groups import near_duplicate_pairs, thumbnails

#: Parts that the labelled cells fall into; each is judged once by a model that learned from the others.
FOLDS = 4


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCells:
    """Cells that a person gave a class.

    Attributes
    ----------
    crops : numpy.ndarray of uint8, shape (n, 160, 160, 3)
        Windows of 25 µm with the cell at the centre.
    labels : numpy.ndarray of str, shape (n,)
        Names of classes; coarse ones are welcome.
    slides : numpy.ndarray of str, shape (n,)
        The slide (or patient) of each; a text of its own for a cell of which that is not known.
    names : numpy.ndarray of str, shape (n,)
        How each is called in messages: its file, or slide and number.
    sources : tuple of str
        Where they come from, in words for a model card: no local paths.
    """

    crops: NDArray[np.uint8]
    labels: NDArray[np.str_]
    slides: NDArray[np.str_]
    names: NDArray[np.str_]
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.labels)
        if self.crops.shape != (n, CROP_PX, CROP_PX, 3) or self.crops.dtype != np.uint8:
            raise InputError(
                f"crops of labelled cells must be uint8 of shape (n, {CROP_PX}, {CROP_PX}, 3), one for each of the "
                f"{n} labels, not {self.crops.dtype} of shape {self.crops.shape}"
            )
        if len(self.slides) != n or len(self.names) != n:
            raise InputError(f"{n} labels but {len(self.slides)} slides and {len(self.names)} names")

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> LabelledCells:
        """Give some of the cells."""
        return LabelledCells(
            self.crops[chosen], self.labels[chosen], self.slides[chosen], self.names[chosen], self.sources
        )

    def counts(self) -> dict[str, int]:
        """Count the cells of each class, the most frequent first."""
        names, number = np.unique(self.labels, return_counts=True)
        return {str(names[i]): int(number[i]) for i in np.argsort(-number, kind="stable")}


def joined(parts: Sequence[LabelledCells]) -> LabelledCells:
    """Put the cells of several sources together.

    Raises
    ------
    InputError
        There is no cell.
    """
    parts = [part for part in parts if len(part)]
    if not parts:
        raise InputError(
            "no labelled cell is there; give cells a class first (accepting a class counts, too)"
        )
    return LabelledCells(
        np.concatenate([p.crops for p in parts]),
        np.concatenate([p.labels for p in parts]),
        np.concatenate([p.slides for p in parts]),
        np.concatenate([p.names for p in parts]),
        tuple(dict.fromkeys(s for p in parts for s in p.sources)),
    )


@dataclass(frozen=True, slots=True)
class Copies:
    """What was found of images that show the same cell.

    Attributes
    ----------
    kept : numpy.ndarray of int
        Rows that stay: the first of each cell, and none where its copies bear different labels.
    dropped : int
        Copies that were left out.
    contradicting : tuple of str
        Names of cells that were labelled more than once, not alike.
    """

    kept: NDArray[np.intp]
    dropped: int
    contradicting: tuple[str, ...]


def find_copies(cells: LabelledCells, embeddings: NDArray[np.floating] | None = None) -> Copies:
    """Find images of the same cell: it must not be learned from and judged on, nor count twice.

    Parameters
    ----------
    cells : LabelledCells
        Of any slides.
    embeddings : numpy.ndarray, shape (n, d), optional
        Of a network, as further evidence that two images show one cell.
    """
    n = len(cells)
    pairs = near_duplicate_pairs(thumbnails(cells.crops), embeddings)
    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, of_cell = connected_components(graph, directed=False)
    kept: list[int] = []
    contradicting: list[str] = []
    for cell in np.unique(of_cell):
        rows = np.flatnonzero(of_cell == cell)
        if len(set(cells.labels[rows])) == 1:
            kept.append(int(rows[0]))
        else:
            contradicting.append(" = ".join(map(str, cells.names[rows])))
    return Copies(np.array(sorted(kept), np.intp), n - len(kept), tuple(contradicting))


@dataclass(frozen=True, slots=True)
class Folds:
    """Which part each cell belongs to.

    Attributes
    ----------
    fold : numpy.ndarray of int, shape (n,)
        0 to ``FOLDS - 1``.
    groups : numpy.ndarray of str, shape (n,)
        What was not torn apart: the slide, or the cell alone.
    torn : tuple of str
        Classes whose cells come from too few slides: other cells of the same slide had to do for them, which shows
        less.
    """

    fold: NDArray[np.intp]
    groups: NDArray[np.str_]
    torn: tuple[str, ...]


def split_into_folds(cells: LabelledCells) -> Folds:
    """Split cells by a hash of their slide, so that a cell stays in its fold whatever is labelled later.

    A class that lies within one fold could not be learned without it. Its cells are split one by one; those of the
    other classes stay with their slide.
    """
    of_slide = np.array([_fold(slide) for slide in cells.slides], np.intp)
    alone = {
        str(label)
        for label in np.unique(cells.labels)
        if (cells.labels == label).sum() > 1 and len(set(of_slide[cells.labels == label])) == 1
    }
    by_cell = np.isin(cells.labels, sorted(alone))
    own = np.array([f"{s}/{n}" for s, n in zip(cells.slides, cells.names, strict=True)], str)
    groups = np.where(by_cell, own, cells.slides)
    return Folds(np.array([_fold(group) for group in groups], np.intp), groups, tuple(sorted(alone)))


def _fold(group: str) -> int:
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:4], "big") % FOLDS
