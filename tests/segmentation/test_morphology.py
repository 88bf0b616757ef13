"""Discs laid on row by row, against distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_wbc.segmentation.morphology import dilate, erode, opened


@pytest.mark.parametrize("radius", [0.0, 0.7, 1.0, 1.5, 2.0, 2.3, 5.0, 8.7, 11.99, 12.0, 20.0])
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (33, 35)])
def test_discs_are_those_of_distances(shape: tuple[int, int], radius: float) -> None:
    rng = np.random.default_rng(1)
    for filled in (0.01, 0.5, 0.97):
        mask = rng.random(shape) < filled
        mask[0, 0], mask[-1, -1] = True, shape == (1, 1)
        np.testing.assert_array_equal(
            dilate(mask, radius), ndimage.distance_transform_edt(~mask) <= radius if not mask.all() else mask
        )
        if not mask.all():
            np.testing.assert_array_equal(erode(mask, radius), ndimage.distance_transform_edt(mask) > radius)


def test_nothing_and_everything() -> None:
    for mask in (np.zeros((5, 6), bool), np.ones((5, 6), bool)):
        for radius in (2.0, 30.0):
            np.testing.assert_array_equal(dilate(mask, radius), mask)
            np.testing.assert_array_equal(erode(mask, radius), mask)
            np.testing.assert_array_equal(opened(mask, radius), mask)
