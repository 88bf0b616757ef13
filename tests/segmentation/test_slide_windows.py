"""Which places of a large slide its model is fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wbc.errors import Cancelled
from napari_wbc.execution import CancelToken
from napari_wbc.segmentation.grid import Grid
from napari_wbc.segmentation.slide_model import COARSE_UM, MOST_WINDOWS, _sample
from napari_wbc.slides import Slide, open_slide

#: 150 µm at 0.5 µm per px.
SIDE = 300


def slide_of(height: int, width: int) -> Slide:
    return open_slide(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    # 35 windows, as even as the slide is wide; a strip is one row of them however long it is.
    [((3000, 4000), 5, 7), ((200, 40_000), 1, 36), ((40_000, 200), 36, 1)],
)
def test_windows_lie_evenly_over_a_large_slide(shape: tuple[int, int], rows: int, columns: int) -> None:
    slide = slide_of(*shape)
    grid = Grid.at(slide, COARSE_UM, COARSE_UM)
    places = _sample(slide, grid, CancelToken(), MOST_WINDOWS)
    assert len({y for y, _, _ in places}) == rows
    assert len({x for _, x, _ in places}) == columns
    assert len(places) == rows * columns <= MOST_WINDOWS
    for y, x, pixels in places:
        assert pixels.shape == (min(SIDE, shape[0]), min(SIDE, shape[1]), 3)
        np.testing.assert_array_equal(pixels, slide.read(0, y, x, *pixels.shape[:2]))
    # As far from one border as from the other, but for rounding.
    for axis in (0, 1):
        first, last = min(place[axis] for place in places), max(place[axis] for place in places)
        assert abs(first - (shape[axis] - last - min(SIDE, shape[axis]))) <= 1


def test_a_small_slide_is_looked_at_as_a_whole() -> None:
    slide = slide_of(700, 900)
    grid = Grid.at(slide, COARSE_UM, COARSE_UM)
    ((y, x, pixels),) = _sample(slide, grid, CancelToken(), MOST_WINDOWS)
    assert (y, x, pixels.shape) == (0, 0, (700, 900, 3))


def test_sampling_can_be_cancelled() -> None:
    slide, cancel = slide_of(3000, 4000), CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        _sample(slide, Grid.at(slide, COARSE_UM, COARSE_UM), cancel, MOST_WINDOWS)
