"""Masks of cells: small, and the same when read back."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_wbc.masks import CellMask, paint_labels


def disc(radius: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(y**2 + x**2 <= radius**2)


PATTERNS = {
    "disc": disc(70),
    "full": np.ones((3, 5), bool),
    "empty": np.zeros((3, 5), bool),
    "one pixel": np.ones((1, 1), bool),
    "begins inside": np.array([[True, False], [False, True]]),
    "longer than a run": np.ones((400, 500), bool),
    "just as long as a run": np.ones((1, 65535), bool),
    "one longer than a run": np.ones((1, 65536), bool),
    "long gap": np.pad(np.ones((2, 2), bool), ((300, 301), (400, 0))),
    "noise": np.random.default_rng(0).random((90, 70)) < 0.5,
}


@pytest.mark.parametrize("name", PATTERNS)
def test_masks_are_the_same_when_read_back(name: str) -> None:
    cell = PATTERNS[name]
    nucleus = cell & (np.arange(cell.shape[1]) % 3 > 0)
    mask = CellMask(-2, 7, cell, nucleus)
    for one in (
        mask,
        pickle.loads(pickle.dumps(mask)),
        CellMask.from_runs(mask.bbox, mask.cell_runs, mask.nucleus_runs),
    ):
        np.testing.assert_array_equal(one.cell, cell)
        np.testing.assert_array_equal(one.nucleus, nucleus)
        assert one.bbox == (-2, 7, cell.shape[0] - 2, cell.shape[1] + 7)


def test_a_leukocyte_is_small() -> None:
    """14 µm across at 0.1 µm per px: 100,000 of them stay below 200 MB."""
    cell = disc(70)
    nucleus = np.pad(disc(45), 25)
    mask = CellMask(0, 0, cell, nucleus)
    assert len(mask.cell_runs) + len(mask.nucleus_runs) < 1200
    assert len(pickle.dumps(mask)) < 2000


def test_a_mask_beside_the_window_paints_nothing_and_one_across_its_border_a_part() -> None:
    square = np.ones((2, 2), bool)
    masks = [CellMask(y, 0, square, square) for y in (-2, -1, 3, 4)]
    painted = paint_labels(masks, [1, 2, 3, 4], (4, 2))
    assert painted.tolist() == [[2, 2], [0, 0], [0, 0], [3, 3]]
    with pytest.raises(ValueError, match="part is 'rim'"):
        paint_labels(masks, [1, 2, 3, 4], (4, 2), part="rim")


def test_parts_of_different_boxes_are_refused() -> None:
    with pytest.raises(ValueError, match="one box"):
        CellMask(0, 0, disc(3), disc(4))
