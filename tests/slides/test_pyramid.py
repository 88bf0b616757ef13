from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_wbc.slides import open_slide
from napari_wbc.slides.pyramid import as_dask_pyramid


def test_levels_of_the_slide(picture, half):
    levels = as_dask_pyramid(open_slide([picture, half]))
    assert [level.shape for level in levels] == [picture.shape, half.shape]
    assert all(level.dtype == np.uint8 for level in levels)
    np.testing.assert_array_equal(levels[0].compute(), picture)
    np.testing.assert_array_equal(levels[1][7:90:3, -200:, 1].compute(), half[7:90:3, -200:, 1])


def test_coarser_levels_are_made(picture):
    image = np.tile(picture, (5, 8, 1))  # 3005 x 6456
    levels = as_dask_pyramid(open_slide(image))
    assert [level.shape[:2] for level in levels] == [(3005, 6456), (752, 1614)]
    padded = np.pad(image, ((0, 3), (0, 0), (0, 0)), mode="edge").reshape(752, 4, 1614, 4, 3)
    expected = padded.mean(axis=(1, 3))
    # Each px by itself, and the same whatever the window.
    coarse = levels[1].compute()
    assert np.abs(coarse - expected).max() <= 0.5 + 1e-6
    np.testing.assert_array_equal(levels[1][740:752, 1500:].compute(), coarse[740:752, 1500:])


def test_only_the_asked_for_window_is_read():
    touched = []

    def block(block_info=None):
        touched.append(block_info[None]["chunk-location"])
        return np.full(block_info[None]["chunk-shape"], 200, np.uint8)

    lazy = da.map_blocks(
        block, dtype=np.uint8, chunks=((1000,) * 30, (1000,) * 30, (3,)), meta=np.empty((0, 0, 0), "u1")
    )
    levels = as_dask_pyramid(open_slide(lazy))
    assert [level.shape[0] for level in levels] == [30000, 7500, 1875]
    touched.clear()
    levels[0][2000:2100, 3000:3100].compute()
    assert len(set(touched)) <= 4


def test_after_closing_reads_say_so(tmp_path, picture):
    import tifffile

    from napari_wbc.errors import InputError

    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb")
    slide = open_slide(tmp_path / "a.tif")
    level = as_dask_pyramid(slide)[0]
    slide.close()
    with pytest.raises(InputError, match="closed"):
        level[:5].compute()
