"""The same cells by both sides: who called them what, and who did not find them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.comparison.classes import common_classes
from napari_wbc.comparison.kappa import Kappa, class_distances, cohen_kappa
from napari_wbc.comparison.matching import match_cells
from napari_wbc.comparison.positives import Proportion, proportion
from napari_wbc.comparison.sides import Side, SlideCount
from napari_wbc.differential.profile import load_profile
from napari_wbc.errors import InputError
from napari_wbc.leukocytes import UNIDENTIFIED, in_order

#: Cells further apart than this, µm, are not the same one: less than the diameter of the smallest leukocyte.
TOLERANCE_UM = 5.0
NOT_FOUND = ""


@dataclass(frozen=True, eq=False)
class SameCells:
    """Cells that were matched by their place.

    Attributes
    ----------
    cells : pandas.DataFrame
        One row per cell: ``slide`` (key), ``cell_id_a``, ``cell_id_b`` (0: not found), ``y_px``, ``x_px``, ``label_a``,
        ``label_b`` (as given, empty: not found), ``class_a``, ``class_b`` (taken together where one side tells less
        apart), ``confidence_a``, ``confidence_b``.
    names : tuple of str
        Classes of the table, without ``unidentified``.
    counts : numpy.ndarray of int, shape (k + 2, k + 2)
        Cells by class of the first (rows) and of the second (columns); the last two are ``unidentified`` and cells that
        the other did not find.
    agreement : Proportion
        Of the cells that both found and gave a class, those of one class.
    agreement_all : Proportion
        The same of all cells that both found: one without a class disagrees.
    kappa, weighted_kappa : Kappa
        Of the cells that both found and gave a class; weighted along the maturation of the neutrophil.
    by_class : dict of str to tuple of Proportion
        For each class, of the cells that both found: the share of the first's cells that the second calls so, and the
        other way round.
    """

    cells: pd.DataFrame
    names: tuple[str, ...]
    counts: NDArray[np.int64]
    agreement: Proportion
    agreement_all: Proportion
    kappa: Kappa
    weighted_kappa: Kappa
    by_class: Mapping[str, tuple[Proportion, Proportion]]

    @property
    def changed(self) -> pd.DataFrame:
        """Cells that both found and called differently."""
        both = (self.cells["class_a"] != NOT_FOUND) & (self.cells["class_b"] != NOT_FOUND)
        return self.cells[both & (self.cells["class_a"] != self.cells["class_b"])]


def same_cells(
    first: Side,
    second: Side,
    keys: list[tuple[str, str]],
    *,
    tolerance_um: float = TOLERANCE_UM,
    um_per_px: float | None = None,
) -> SameCells | None:
    """Match the cells of two sides and count who called them what.

    Parameters
    ----------
    first, second : Side
        The two sides.
    keys : list of tuple of str
        Keys of the same slide in the first and in the second.
    tolerance_um : float, optional
        Cells further apart than this are not the same one, µm.
    um_per_px : float, optional
        Of level 0, where neither side says it.

    Returns
    -------
    SameCells or None
        None where no slide has places of cells on both sides.

    Raises
    ------
    InputError
        The scale of a slide is not known, or the two images are not the same.
    """
    parts = []
    for key_a, key_b in keys:
        a, b = first.slides[key_a], second.slides[key_b]
        if a.cells is not None and b.cells is not None:
            scale = _scale(a, b, um_per_px)
            parts.append(_matched(a.cells, b.cells, tolerance_um / scale).assign(slide=key_a))
    if not parts:
        return None
    cells = pd.concat(parts, ignore_index=True)
    labels_a, labels_b = (set(cells[column]) - {NOT_FOUND} for column in ("label_a", "label_b"))
    classes = common_classes(labels_a, labels_b, load_profile(None), merged=False)
    row_of = {**classes.row_of, UNIDENTIFIED: UNIDENTIFIED, NOT_FOUND: NOT_FOUND}
    cells["class_a"], cells["class_b"] = cells["label_a"].map(row_of), cells["label_b"].map(row_of)
    return _summed_up(cells)


def _scale(a: SlideCount, b: SlideCount, um_per_px: float | None) -> float:
    if a.image_sha256 and b.image_sha256 and a.image_sha256 != b.image_sha256:
        raise InputError(
            f"{a.name}: the two sides counted different images of this name; places cannot be compared"
        )
    scale = a.um_per_px or b.um_per_px or um_per_px
    if scale is None:
        raise InputError(f"{a.name}: nothing tells the scale of these places; give it with --um-per-px")
    return scale


def _matched(a: pd.DataFrame, b: pd.DataFrame, tolerance_px: float) -> pd.DataFrame:
    """Give the pairs, then the cells that one side only found."""
    places = [side[["y_px", "x_px"]].to_numpy(float) for side in (a, b)]
    pairs = match_cells(places[0], places[1], tolerance_px)
    alone_a = np.setdiff1d(np.arange(len(a)), pairs[:, 0])
    alone_b = np.setdiff1d(np.arange(len(b)), pairs[:, 1])
    rows_a = np.concatenate([pairs[:, 0], alone_a, np.full(len(alone_b), -1)]).astype(int)
    rows_b = np.concatenate([pairs[:, 1], np.full(len(alone_a), -1), alone_b]).astype(int)
    there = rows_a >= 0
    place = np.where(there[:, None], _at(places[0], rows_a), _at(places[1], rows_b))
    return pd.DataFrame(
        {
            "slide": "",
            "cell_id_a": _taken(a, rows_a, "cell_id", 0),
            "cell_id_b": _taken(b, rows_b, "cell_id", 0),
            "y_px": place[:, 0],
            "x_px": place[:, 1],
            "label_a": _taken(a, rows_a, "label", NOT_FOUND),
            "label_b": _taken(b, rows_b, "label", NOT_FOUND),
            "confidence_a": _taken(a, rows_a, "confidence", math.nan),
            "confidence_b": _taken(b, rows_b, "confidence", math.nan),
        }
    )


def _at(places: NDArray[np.float64], rows: NDArray[np.int_]) -> NDArray[np.float64]:
    """Give places by row; any place for a row of -1, which is not looked at."""
    return places[rows] if len(places) else np.zeros((len(rows), 2))


def _taken(cells: pd.DataFrame, rows: NDArray[np.int_], column: str, otherwise: object) -> list[object]:
    values = cells[column].tolist()
    return [values[row] if row >= 0 else otherwise for row in rows]


def _summed_up(cells: pd.DataFrame) -> SameCells:
    names = tuple(in_order((set(cells["class_a"]) | set(cells["class_b"])) - {UNIDENTIFIED, NOT_FOUND}))
    place = {name: i for i, name in enumerate((*names, UNIDENTIFIED, NOT_FOUND))}
    size = len(place)
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (cells["class_a"].map(place).to_numpy(), cells["class_b"].map(place).to_numpy()), 1)
    k = len(names)
    named, found = counts[:k, :k], counts[: k + 1, : k + 1]
    equal = int(np.trace(named))
    by_class = {
        name: (
            proportion(int(found[i, i]), int(found[i].sum())),
            proportion(int(found[i, i]), int(found[:, i].sum())),
        )
        for i, name in enumerate(names)
    }
    return SameCells(
        cells,
        names,
        counts,
        proportion(equal, int(named.sum())),
        proportion(equal, int(found.sum())),
        cohen_kappa(named),
        cohen_kappa(named, class_distances(names) if names else None),
        by_class,
    )
