from __future__ import annotations

import pickle

import dask.array as da
import numpy as np
import pytest

from napari_wbc.errors import InputError
from napari_wbc.slides import image_sha256, open_slide


def test_numpy_and_dask(picture, same_windows):
    for source in (
        picture,
        da.from_array(picture, chunks=(100, 200, 3)),
        da.from_array(picture, chunks=(100, 90, 1)),
    ):
        slide = open_slide(source)
        assert slide.shape == (601, 807)
        assert slide.metadata_um_per_px is None
        same_windows(slide, 0, picture)
        same_windows(pickle.loads(pickle.dumps(slide)), 0, picture)


def test_levels(picture, half, same_windows):
    slide = open_slide([picture, half])
    assert [level.downsample for level in slide.levels] == [1.0, pytest.approx(2.0, abs=0.01)]
    same_windows(slide, 1, half)


def test_views_and_byte_order(picture, same_windows):
    same_windows(open_slide(picture[::-1, ::-1]), 0, picture[::-1, ::-1])
    same_windows(open_slide((picture.astype(np.uint16) * 257).astype(">u2")), 0, picture)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_16_bit_by_the_depth_in_use(picture, bits, same_windows):
    image = picture.copy()
    image[0, 0] = 255
    deep = np.rint(image / 255 * (2**bits - 1)).astype(np.uint16)
    same_windows(open_slide(deep), 0, image, tolerance=0)
    # The depth is that of the slide: a dark window is not stretched.
    dark = open_slide(deep).read(0, 100, 100, 1, 1)
    np.testing.assert_array_equal(dark, image[100:101, 100:101])


def test_float(picture, same_windows):
    same_windows(open_slide(picture / 255.0), 0, picture)
    same_windows(open_slide((picture / 255).astype(np.float32)), 0, picture)


def test_rgba_lies_on_white(picture):
    rgba = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    rgba[:10, :, 3] = 0
    rgba[10:20, :, 3] = 51
    read = open_slide(rgba).read(0, 0, 0, *picture.shape[:2])
    assert (read[:10] == 255).all()
    expected = np.rint(picture[10:20] * 0.2 + 255 * 0.8)
    assert np.abs(read[10:20] - expected).max() <= 1
    np.testing.assert_array_equal(read[20:], picture[20:])
    deep = rgba.astype(np.uint16) * 257
    assert np.abs(open_slide(deep).read(0, 0, 0, *picture.shape[:2]).astype(int) - read).max() <= 1


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((9, 9), np.uint8), "grey"),
        (np.zeros((9, 9, 1), np.uint8), "grey"),
        (np.zeros((3, 40, 50), np.uint8), "channels first"),
        (np.zeros((40, 50, 5), np.uint8), "5 channels"),
        (np.zeros((2, 40, 50, 3), np.uint8), "4 dimensions"),
        (np.zeros((0, 50, 3), np.uint8), "no pixels"),
        (np.zeros((9, 9, 3), np.int64), "int64"),
        (np.zeros((9, 9, 3), bool), "bool"),
        (np.zeros((9, 9, 3), object), "object"),
        (np.full((9, 9, 3), np.nan), "NaN"),
        (np.full((9, 9, 3), np.inf, np.float32), "NaN or infinite"),
        (np.full((9, 9, 3), 200.0), "0..1"),
        (np.repeat(np.arange(100, dtype=np.uint8).reshape(10, 10, 1), 3, 2), "grey"),
        ([], "no image"),
        (7, "no image"),
        (None, "no image"),
        ({"a": 1}, "no image"),
        ([np.zeros((9, 9, 3), np.uint8), np.zeros((4, 4), np.uint8)], "differ"),
    ],
)
def test_refused_in_one_line(array, message):
    with pytest.raises(InputError, match=message) as caught:
        open_slide(array)
    assert "\n" not in str(caught.value)


def test_nan_far_from_the_corner_is_seen_when_opening():
    image = np.full((3000, 40, 3), 0.5)
    image[2500, 20, 1] = np.nan
    with pytest.raises(InputError, match="NaN"):
        open_slide(image)
    lazy = open_slide(da.from_array(image, chunks=(100, 40, 3)))
    with pytest.raises(InputError, match="NaN"):
        lazy.read(0, 2450, 0, 100, 40)


def test_blank_and_tiny_are_readable():
    for value in (0, 128, 255):
        assert open_slide(np.full((20, 30, 3), value, np.uint8)).read(0, 0, 0, 1, 1)[0, 0, 0] == value
    assert open_slide(np.full((1, 1, 3), (9, 8, 7), np.uint8)).shape == (1, 1)


def test_sha256_is_of_the_pixels(picture):
    lazy = da.from_array(picture, chunks=(77, 90, 3))
    assert (
        image_sha256(open_slide(picture))
        == image_sha256(open_slide(lazy))
        == image_sha256(open_slide(picture.copy()))
    )
    other = picture.copy()
    other[300, 400, 1] += 1
    assert image_sha256(open_slide(other)) != image_sha256(open_slide(picture))
