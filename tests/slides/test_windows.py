"""Windows of a fixed size in µm around cells."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wbc.slides import open_slide
from napari_wbc.slides.crops import crop_cells


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)


def test_window_has_the_size_asked_for_and_its_centre_in_the_middle(field):
    slide = open_slide(field)
    crop = crop_cells(slide, np.array([[150.0, 200.0]]), um_per_px=0.25, window_um=24.0, size_px=96)
    assert crop.shape == (1, 96, 96, 3)
    np.testing.assert_array_equal(crop[0], field[102:198, 152:248])


def test_beyond_the_border_the_image_is_mirrored(field):
    crop = crop_cells(open_slide(field), np.array([[0.0, 0.0]]), um_per_px=0.25, window_um=24.0, size_px=96)[
        0
    ]
    np.testing.assert_array_equal(crop[48:, 48:], field[:48, :48])
    np.testing.assert_array_equal(crop[47, 48:], field[1, :48])


def test_the_same_window_whatever_the_resolution():
    y, x = np.mgrid[:400, :400]
    disc = np.where((y - 200) ** 2 + (x - 200) ** 2 < 60**2, 80, 220).astype(np.uint8)
    fine = np.stack([disc, disc // 2, disc], axis=2)
    coarse = fine.reshape(200, 2, 200, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    a = crop_cells(open_slide(fine), np.array([[200.0, 200.0]]), um_per_px=0.1)[0].astype(int)
    b = crop_cells(open_slide(coarse), np.array([[100.0, 100.0]]), um_per_px=0.2)[0].astype(int)
    assert np.abs(a - b).mean() < 2
