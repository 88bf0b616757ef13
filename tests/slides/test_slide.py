from __future__ import annotations

import numpy as np
import pytest

from napari_wbc.slides import Slide, open_slide, read_padded


def test_read_padded_is_numpy_pad(picture):
    slide = open_slide(picture)
    padded = np.pad(picture, ((700, 700), (900, 900), (0, 0)), mode="reflect")
    edged = np.pad(picture, ((700, 700), (900, 900), (0, 0)), mode="edge")
    for y, x, h, w in [
        (-5, -9, 30, 40),
        (590, 800, 30, 40),
        (-700, 100, 1500, 5),
        (10, 10, 4, 4),
        (-50, -800, 20, 30),
    ]:
        np.testing.assert_array_equal(
            read_padded(slide, 0, y, x, h, w), padded[y + 700 : y + 700 + h, x + 900 : x + 900 + w]
        )
        np.testing.assert_array_equal(
            read_padded(slide, 0, y, x, h, w, mode="edge"),
            edged[y + 700 : y + 700 + h, x + 900 : x + 900 + w],
        )


def test_read_padded_one_pixel():
    slide = open_slide(np.full((1, 1, 3), (1, 2, 3), np.uint8))
    for mode in ("reflect", "edge"):
        assert (read_padded(slide, 0, -3, -4, 9, 9, mode=mode) == (1, 2, 3)).all()


def test_read_padded_refuses(picture):
    with pytest.raises(ValueError, match="mode"):
        read_padded(open_slide(picture), 0, 0, 0, 1, 1, mode="wrap")
    with pytest.raises(ValueError, match="empty"):
        read_padded(open_slide(picture), 0, 0, 0, 0, 1)


def test_a_slide_is_passed_on(picture):
    slide = open_slide(picture, name="field 7")
    assert isinstance(slide, Slide)
    assert open_slide(slide) is slide
    assert slide.name == "field 7"
    assert slide.path is None


def test_windows_are_copies(picture):
    image = picture.copy()
    open_slide(image).read(0, 0, 0, 5, 5)[:] = 0
    np.testing.assert_array_equal(image, picture)
