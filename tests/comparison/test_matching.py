"""Cells are matched one to one by their place."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from napari_wbc.comparison.matching import match_cells


def test_one_to_one_the_closest_first():
    # Both points of the second lie near the first point; the closer one gets it, the other the next.
    assert match_cells([[0, 0], [6, 0]], [[1, 0], [3, 0]], 4.0).tolist() == [[0, 0], [1, 1]]
    assert match_cells([[0, 0]], [[3, 0], [1, 0]], 4.0).tolist() == [[0, 1]]


def test_beyond_the_tolerance_there_is_no_pair():
    assert match_cells([[0, 0]], [[0, 4.1]], 4.0).shape == (0, 2)
    assert match_cells(np.zeros((0, 2)), [[0, 0]], 4.0).shape == (0, 2)
    assert match_cells([[0, 0]], np.zeros((0, 2)), 4.0).shape == (0, 2)


def test_moved_cells_find_themselves_as_the_best_assignment_does():
    random = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(20), np.arange(20)), -1).reshape(-1, 2) * 90.0
    moved = grid + random.uniform(-20, 20, grid.shape)
    order = random.permutation(len(grid))
    pairs = match_cells(grid, moved[order], 50.0)
    assert (order[pairs[:, 1]] == pairs[:, 0]).all()
    distance = np.hypot(*(grid[:, None] - moved[order][None]).transpose(2, 0, 1))
    assert (pairs[:, 1] == linear_sum_assignment(distance)[1]).all()
