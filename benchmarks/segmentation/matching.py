"""Finds against marks of one field: matches, splits, merges, Dice."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from napari_wbc.segmentation import Segmentation

from .fields import Field


@dataclass(frozen=True, eq=False)
class Finds:
    """What a method found in a field.

    Attributes
    ----------
    boxes : numpy.ndarray of float, shape (n, 4)
        ``y0, x0, y1, x1`` of the whole cells, px.
    centres : numpy.ndarray of float, shape (n, 2)
        ``y, x`` of the centroids of the nuclei, px.
    cells : numpy.ndarray of int, shape (height, width)
        Label image of the whole cells, in the order of the boxes, from 1.
    """

    boxes: NDArray[np.float64]
    centres: NDArray[np.float64]
    cells: NDArray[np.int32]


def finds_of(found: Segmentation) -> Finds:
    """Bring a result of ``napari_wbc.segment`` into the common form."""
    table = found.table
    return Finds(
        table[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy(float),
        table[["y_px", "x_px"]].to_numpy(float),
        found.cells,
    )


@dataclass
class Score:
    """Counts of one field.

    Attributes
    ----------
    marked, found : int
        Marked leukocytes, finds.
    by_iou : int
        Pairs of a mark and a find whose boxes have an IoU of 0.5 or more, one to one.
    by_centre : int
        Pairs with the nucleus' centroid inside the marked box, one to one.
    splits : int
        Finds too many inside of a marked box.
    merges : int
        Marked leukocytes that share their find with another one.
    dice : float
        Of all whole cells of the field together; nan where there is no mask.
    megapixels : float
        Area of the field.
    missed : list of int
        Marks without a pair by centre.
    loose : list of int
        Marks with a pair by centre, but none by IoU.
    unmarked : list of int
        Finds without a pair by centre.
    """

    domain: str
    group: str
    path: str
    marked: int = 0
    found: int = 0
    by_iou: int = 0
    by_centre: int = 0
    splits: int = 0
    merges: int = 0
    dice: float = float("nan")
    megapixels: float = 0.0
    missed: list[int] = field(default_factory=list)
    loose: list[int] = field(default_factory=list)
    unmarked: list[int] = field(default_factory=list)


def score(of: Field, finds: Finds, scale: float = 1.0) -> Score:
    """Compare the finds of a field with its marks; ``scale`` is px of the finds per px of the marks."""
    marks = of.boxes * scale
    result = Score(of.domain, of.group, of.path, marked=len(marks), found=len(finds.boxes))
    result.megapixels = finds.cells.size / 1e6
    if scale == 1.0 and (mask := of.mask) is not None:
        union = finds.cells > 0
        total = int(mask.sum()) + int(union.sum())
        result.dice = 2 * int((mask & union).sum()) / total if total else 1.0
    result.missed = list(range(len(marks)))
    result.unmarked = list(range(len(finds.boxes)))
    if not len(marks) or not len(finds.boxes):
        return result
    iou = intersection_over_union(marks, finds.boxes)
    inside = (finds.centres >= marks[:, None, :2]).all(axis=2) & (finds.centres < marks[:, None, 2:]).all(
        axis=2
    )
    # Of several ways to pair, the one with most pairs, then with the best overlap.
    good = _pairs(iou >= 0.5, iou)
    centred = _pairs(inside, iou)
    result.by_iou, result.by_centre = len(good), len(centred)
    result.missed = sorted(set(range(len(marks))) - set(centred))
    result.loose = sorted(set(centred) - set(good))
    result.unmarked = sorted(set(range(len(finds.boxes))) - set(centred.values()))
    # A find that also lies in a neighbour's box may be the neighbour.
    own = inside[:, inside.sum(axis=0) == 1].sum(axis=1)
    result.splits = int(np.clip(own - 1, 0, None).sum())
    result.merges = _merges(marks, centred, finds.cells)
    return result


def intersection_over_union(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU of all pairs of boxes, shape (len(a), len(b))."""
    top = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(bottom - top, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
    ratio: NDArray[np.float64] = shared / (areas[0][:, None] + areas[1][None] - shared)
    return ratio


def _pairs(allowed: NDArray[np.bool_], merit: NDArray[np.float64]) -> dict[int, int]:
    rows, columns = linear_sum_assignment(-np.where(allowed, 1 + 1e-3 * merit, 0.0))
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if allowed[r, c]}


def _merges(marks: NDArray[np.float64], centred: dict[int, int], cells: NDArray[np.int32]) -> int:
    """Marks whose middle lies in a cell together with the middle of another mark, less those with a find each."""
    middle = ((marks[:, :2] + marks[:, 2:]) / 2).astype(int)
    y, x = (np.clip(middle[:, k], 0, cells.shape[k] - 1) for k in (0, 1))
    at_middle = cells[y, x]
    merges = 0
    for cell in np.unique(at_middle[at_middle > 0]):
        together = np.nonzero(at_middle == cell)[0]
        merges += max(0, len(together) - max(1, sum(int(k) in centred for k in together)))
    return merges
