"""A small colourful image, and a comparison of slides with it window by window."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage


@pytest.fixture(scope="session")
def picture():
    """(601, 807, 3) uint8: smooth blobs and noise, so that every shift or channel mix-up shows."""
    rng = np.random.default_rng(1)
    image = ndimage.gaussian_filter(rng.normal(size=(601, 807, 3)), (9, 9, 0))
    image = 170 + 60 * image / np.abs(image).max() + rng.normal(0, 6, image.shape)
    return np.clip(image, 0, 254).astype(np.uint8)


@pytest.fixture(scope="session")
def half(picture):
    return picture[:600, :806].reshape(300, 2, 403, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)


@pytest.fixture(scope="session")
def same_windows():
    """Check that a level reads as an array does, for windows across tiles, at every edge, and as a whole."""

    def check(slide, level, expected, tolerance=0):
        height, width = expected.shape[:2]
        assert slide.levels[level].shape == (height, width)
        windows = [(0, 0, height, width), (0, 0, 1, 1), (height - 1, width - 1, 1, 1)]
        windows += [(0, width - 40, 300, 40), (height - 33, 0, 33, width), (height - 7, width - 9, 7, 9)]
        windows += [(y, x, 70, 90) for y in (0, 101, height - 70) for x in (0, 55, 127, width - 90)]
        for y, x, h, w in windows:
            window = slide.read(level, y, x, h, w)
            assert window.shape == (h, w, 3)
            assert window.dtype == np.uint8
            difference = np.abs(window.astype(int) - expected[y : y + h, x : x + w])
            assert difference.max() <= tolerance, (y, x, h, w)
        for bad in [(0, 0, height + 1, 1), (0, -1, 1, 2), (0, width, 1, 1), (0, 0, 0, 5)]:
            with pytest.raises(ValueError, match="leaves level"):
                slide.read(level, *bad)

    return check
