"""The overview of a slide."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wbc.errors import Cancelled
from napari_wbc.execution.progress import CancelToken
from napari_wbc.slides import open_slide
from napari_wbc.slides.overview import read_overview


def coloured(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 255, (height, width, 3), np.uint8)


def test_small_slide_is_given_as_it_is() -> None:
    image = coloured(30, 40)
    picture, scale = read_overview(open_slide(image), 40)
    np.testing.assert_array_equal(picture, image)
    assert scale == 1


@pytest.mark.parametrize("shape", [(700, 1000), (701, 1001), (1, 999), (5000, 3)])
def test_every_pixel_is_the_mean_of_a_square(shape: tuple[int, int]) -> None:
    image = coloured(*shape)
    picture, scale = read_overview(open_slide(image), 250)
    factor = round(scale)
    assert max(picture.shape[:2]) <= 250
    assert picture.shape[:2] == tuple(-(-side // factor) for side in shape)
    for y, x in ((0, 0), (picture.shape[0] - 1, picture.shape[1] - 1)):
        square = image[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
        np.testing.assert_allclose(picture[y, x], square.mean(axis=(0, 1)), atol=1)


def test_reading_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    slide = open_slide(coloured(501, 777))
    whole, _ = read_overview(slide, 100)
    monkeypatch.setattr("napari_wbc.slides.overview._BLOCK_PX", 50)
    pieces, _ = read_overview(slide, 100)
    np.testing.assert_array_equal(pieces, whole)


def test_coarse_level_is_used() -> None:
    image = coloured(800, 1200)
    half = np.full((400, 600, 3), 200, np.uint8)
    half[..., 0] = 100
    picture, scale = read_overview(open_slide([image, half]), 600)
    np.testing.assert_array_equal(picture, half)
    assert scale == 2


def test_cancel() -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        read_overview(open_slide(coloured(30, 40)), cancel=cancel)
