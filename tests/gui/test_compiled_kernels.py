"""Compiling for the segmentation while a viewer draws: numba's LLVM and that of Mesa's renderer live in one process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_wbc.segmentation import kernels


def test_compiling_leaves_the_viewer_as_it_is(viewer, smear, qtbot):
    numba = pytest.importorskip("numba")
    from napari_wbc.segmentation.kernels import compiled, uncompiled

    viewer.add_image(smear)
    viewer.reset_view()
    before = viewer.screenshot(canvas_only=True, flash=False)
    assert before[..., :3].std() > 10
    planes = np.random.default_rng(0).random((2, 300, 400), np.float32)
    weights = np.array([0.4, 0.2, 0.1], np.float32)
    # Not from the cache, and in a thread, as a count runs; the viewer goes on drawing meanwhile.
    with ThreadPoolExecutor(1) as thread:
        work = thread.submit(lambda: numba.njit(nogil=True)(compiled.smooth.py_func)(planes, weights))
        turns = 0
        while not work.done() or turns < 5:
            viewer.camera.zoom *= 1.05 if turns % 2 else 1 / 1.05
            viewer.screenshot(canvas_only=True, flash=False)
            qtbot.wait(20)
            turns += 1
        smoothed = work.result()
    np.testing.assert_array_equal(smoothed, uncompiled.smooth(planes, weights))
    viewer.layers.clear()
    viewer.add_image(smear)
    viewer.reset_view()
    np.testing.assert_array_equal(viewer.screenshot(canvas_only=True, flash=False), before)


def test_the_viewer_uses_them(viewer):
    """What a count in this process would use, where numba is installed."""
    pytest.importorskip("numba")
    assert viewer is not None
    assert kernels.implementation().__name__.endswith(".compiled")
