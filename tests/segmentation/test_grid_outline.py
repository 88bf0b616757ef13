"""Grids, masks on them, the background field, and the outline of a cell."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wbc.segmentation.background import OPTICAL_DENSITY, fit_background
from napari_wbc.segmentation.grid import Grid, enlarge_mask
from napari_wbc.segmentation.kernels import box_reduce
from napari_wbc.segmentation.outline import trace_outline
from napari_wbc.segmentation.surroundings import fit_surroundings
from napari_wbc.slides import open_slide


def random_image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("factor", [2, 3, 7])
def test_box_reduce_is_the_mean(factor: int) -> None:
    image = random_image(6 * factor, 9 * factor)
    mean = image.reshape(6, factor, 9, factor, 3).mean(axis=(1, 3))
    assert np.abs(box_reduce(image, factor) - mean).max() <= 0.5


def test_windows_of_a_grid_are_parts_of_the_whole() -> None:
    slide = open_slide(random_image(101, 143))
    grid = Grid.at(slide, 0.1, 0.5)
    assert (grid.factor, grid.shape) == (5, (21, 29))
    whole = grid.read(slide, 0, 0, 21, 29)
    np.testing.assert_array_equal(grid.read(slide, 3, 11, 21, 29), whole[3:, 11:])
    assert grid.index(grid.level0(7)) == 7


def test_enlarged_masks_keep_their_place() -> None:
    slide = open_slide(random_image(100, 100))
    coarse, fine = Grid.at(slide, 0.1, 0.5), Grid.at(slide, 0.1, 0.1)
    mask = np.ones((4, 6), bool)
    large = enlarge_mask(mask, coarse, (3, 5), fine.px, (0, 0, 100, 100))
    y, x = np.nonzero(large)
    assert (y.min(), y.max(), x.min(), x.max()) == (15, 34, 25, 54)
    part = enlarge_mask(mask, coarse, (3, 5), fine.px, (20, 30, 60, 90))
    np.testing.assert_array_equal(part, large[20:60, 30:90])


def test_background_follows_the_light_and_not_the_cells() -> None:
    y, x = (v.ravel() for v in np.meshgrid(np.linspace(0, 999, 12), np.linspace(0, 999, 12)))
    light = 220 - 60 * ((y / 999 - 0.5) ** 2 + (x / 999 - 0.5) ** 2)
    density = np.repeat(-np.log10((light + 1) / 256)[:, None], 3, axis=1)
    density[::4] += 0.2  # places without a glimpse of the empty slide
    field = fit_background(y, x, density, (1000, 1000), 4).field(np.array([0.0, 500.0]), np.array([500.0]))
    assert field[0, 0, 0] == pytest.approx(OPTICAL_DENSITY[205], abs=0.01)
    assert field[1, 0, 0] == pytest.approx(OPTICAL_DENSITY[220], abs=0.01)


def test_outline_follows_the_colours_round_a_corner() -> None:
    um = 0.15
    yy, xx = np.mgrid[-100:101, -100:101] * um
    cell = (np.hypot(yy, xx) < 6) & ~((yy > 2) & (xx > 2))
    own = np.hypot(yy + 1, xx + 1) < 2.5
    axes = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    density = np.zeros((*cell.shape, 3), np.float32)
    density[np.hypot(yy + 8, xx - 6) < 3.7] = 0.2, 0, 0  # a red cell that touches it
    density[cell] = 0.08, 0, 0.06
    density[own] = 0.4, 0, 0.3
    field = np.random.default_rng(0).normal(0, 0.004, (300, 300, 3)).astype(np.float32)
    field[:, 150:, 0] += 0.2
    surroundings = fit_surroundings([field], [np.zeros((300, 300), bool)], *axes, 0.2, 0.5)
    found = trace_outline(density, own, None, surroundings, um)
    assert 2 * (found & cell).sum() / (found.sum() + cell.sum()) > 0.95
    assert found[own].all()
