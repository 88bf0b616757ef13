"""Disturbances change what they are named after, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.segmentation.disturbances import DISTURBANCES, GOALS

BY_NAME = {name: disturb for _, name, disturb in DISTURBANCES}


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    grey = np.linspace(0, 255, 120 * 100 * 3).reshape(120, 100, 3)
    return grey.round().astype(np.uint8)


@pytest.mark.parametrize("name", BY_NAME)
def test_gives_an_image_and_a_scale(name: str, pixels: np.ndarray) -> None:
    before = pixels.copy()
    disturbed = BY_NAME[name](pixels, 0.1)
    np.testing.assert_array_equal(pixels, before)
    assert disturbed.pixels.dtype == np.uint8
    assert disturbed.pixels.shape[0] == round(120 * disturbed.zoom)
    changed = disturbed.pixels.shape != pixels.shape or (disturbed.pixels != pixels).any()
    assert changed != name.startswith("scale")


def test_light_multiplies_and_saturates(pixels: np.ndarray) -> None:
    brighter = BY_NAME["light x1.2 (saturates)"](pixels, 0.1).pixels
    np.testing.assert_allclose(brighter, np.minimum(pixels * 1.2, 255), atol=0.5)


def test_a_zoom_keeps_the_size_of_cells_in_um(pixels: np.ndarray) -> None:
    coarser = BY_NAME["pixels 25 % coarser"](pixels, 0.1)
    assert coarser.um_per_px == pytest.approx(0.125)
    assert coarser.pixels.shape[1] * coarser.um_per_px == pytest.approx(pixels.shape[1] * 0.1)


def test_a_told_scale_leaves_the_image_alone(pixels: np.ndarray) -> None:
    assert BY_NAME["scale told 20 % too large"](pixels, 0.1).um_per_px == pytest.approx(0.12)
    assert BY_NAME["scale from the red cells"](pixels, 0.1).um_per_px is None


def test_every_goal_has_a_disturbance() -> None:
    assert set(GOALS) <= {kind for kind, _, _ in DISTURBANCES}
