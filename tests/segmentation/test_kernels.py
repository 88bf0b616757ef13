"""The compiled inner loops and those in NumPy: the same bits, the values meant, and a choice between them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from disc_scene import smear
from scipy import ndimage

from napari_wbc.segmentation import kernels, segment
from napari_wbc.segmentation.background import OPTICAL_DENSITY
from napari_wbc.segmentation.kernels import uncompiled

AXES = np.array([[0.34, 0.44, -0.83], [1, 0, 0], [-0.1, 0.7, 0.2]], np.float32)


@pytest.fixture(scope="module")
def compiled() -> ModuleType:
    pytest.importorskip("numba")
    from napari_wbc.segmentation.kernels import compiled

    return compiled


@pytest.fixture(params=["numpy", "numba"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of doing it, one after the other."""
    if request.param == "numba":
        pytest.importorskip("numba")
    monkeypatch.setenv("NAPARI_WBC_KERNELS", request.param)
    kernels.implementation.cache_clear()
    yield request.param
    kernels.implementation.cache_clear()


def random_pixels(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("factor", [1, 2, 3, 5, 7, 16, 25, 200])
@pytest.mark.parametrize("extreme", [None, 0, 255])
def test_box_means_are_exact(factor: int, extreme: int | None, either: str) -> None:
    image = random_pixels(3 * factor, 5 * factor)
    if extreme is not None:
        image[:] = extreme
    sums = image.reshape(3, factor, 5, factor, 3).sum(axis=(1, 3), dtype=np.int64)
    np.testing.assert_array_equal(kernels.box_reduce(image, factor), (sums + factor**2 // 2) // factor**2)


@pytest.mark.parametrize("factor", [2, 3, 7, 10])
def test_box_means_at_every_remainder(factor: int, compiled: ModuleType) -> None:
    """Sums around every whole mean: where a quotient in float32 could slip to the next number."""
    area = factor**2
    sums = np.arange(255 * area + 1)
    blocks = (sums[:, None] + np.arange(area)) // area
    image = np.repeat(blocks.reshape(len(sums) * factor, factor, 1).astype(np.uint8), 3, axis=2)
    np.testing.assert_array_equal(compiled.box_reduce(image, factor)[:, 0, 0], (sums + area // 2) // area)


@pytest.mark.parametrize("shape", [(1, 1), (1, 33), (40, 1), (37, 65), (130, 259)])
@pytest.mark.parametrize("degree", [0, 2, 4])
def test_projection_has_the_same_bits(shape: tuple[int, int], degree: int, compiled: ModuleType) -> None:
    rng = np.random.default_rng(7)
    field = rng.normal(0, 0.2, (3, degree + 1, degree + 1)).astype(np.float32)
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    arguments = (random_pixels(*shape), OPTICAL_DENSITY, field, y, x, AXES)
    one, other = compiled.project(*arguments), uncompiled.project(*arguments)
    assert one.dtype == other.dtype == np.float32
    assert one.tobytes() == other.tobytes()


def test_projection_is_that_of_the_optical_density(either: str) -> None:
    pixels = random_pixels(20, 30)
    field = np.zeros((3, 2, 2), np.float32)
    field[:, 0, 0], field[0, 1, 0], field[1, 0, 1] = 0.05, 0.1, -0.2
    y, x = np.linspace(-1, 1, 20, dtype=np.float32), np.linspace(-1, 1, 30, dtype=np.float32)
    background = np.full((20, 30, 3), 0.05)
    background[..., 0] += 0.1 * y[:, None]
    background[..., 1] -= 0.2 * x
    density = np.clip(-np.log10((pixels + 1.0) / 256) - background, -0.1, 2.0)
    np.testing.assert_allclose(
        kernels.project(pixels, OPTICAL_DENSITY, field, y, x, AXES),
        np.moveaxis(density @ AXES.T.astype(float), 2, 0),
        atol=1e-5,
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 70), (1, 64, 2), (3, 51, 90)])
@pytest.mark.parametrize("sigma", [0.2, 0.7, 1.4, 5.0])
def test_smoothing_has_the_same_bits(
    shape: tuple[int, int, int], sigma: float, compiled: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = np.random.default_rng(5).normal(0, 1, shape).astype(np.float32)
    results = []
    for module in (compiled, uncompiled):
        monkeypatch.setattr(kernels, "implementation", lambda module=module: module)
        results.append(kernels.smooth(planes, sigma))
    assert results[0].tobytes() == results[1].tobytes()
    wanted = [
        ndimage.gaussian_filter(plane.astype(float), sigma, truncate=3.0, mode="nearest") for plane in planes
    ]
    np.testing.assert_allclose(results[0], wanted, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (4, 2), (64, 65), (7, 300)])
@pytest.mark.parametrize("values", ["random", "few"])
def test_curves_are_the_same(shape: tuple[int, int], values: str, compiled: ModuleType) -> None:
    rng = np.random.default_rng(3)
    score = rng.normal(0, 1, shape).astype(np.float32)
    if values == "few":  # many equal sums
        score = np.round(score)
    costs = (np.float32(0.25) * np.arange(-3, 4) ** 2).astype(np.float32)
    np.testing.assert_array_equal(compiled.best_curve(score, costs), uncompiled.best_curve(score, costs))


def test_the_best_curve_is_the_best(either: str) -> None:
    """Against every closed curve, where there are few of them."""
    score = np.random.default_rng(9).normal(0, 1, (5, 3)).astype(np.float32)
    costs = np.array([0.3, 0.0, 0.3], np.float32)
    curves = np.stack(np.meshgrid(*[np.arange(3)] * 5), axis=-1).reshape(-1, 5)
    steps = np.abs(np.diff(curves, axis=1, append=curves[:, :1]))
    sums = score[np.arange(5), curves].sum(axis=1) - 0.3 * (steps == 1).sum(axis=1)
    sums[(steps > 1).any(axis=1)] = -np.inf
    np.testing.assert_array_equal(kernels.best_curve(score, costs), curves[int(sums.argmax())])


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (55, 64)])
def test_samples_between_pixels_have_the_same_bits(shape: tuple[int, int], compiled: ModuleType) -> None:
    rng = np.random.default_rng(11)
    values = rng.normal(0, 1, (9, 7)).astype(np.float32)
    (rows, wy), (columns, wx) = (
        (np.sort(rng.integers(0, size - 1, count)), rng.random(count, np.float32))
        for size, count in zip(values.shape, shape, strict=True)
    )
    one, other = (m.interpolate(values, rows, wy, columns, wx) for m in (compiled, uncompiled))
    assert one.shape == shape
    assert one.tobytes() == other.tobytes()
    wanted = ndimage.map_coordinates(values, np.meshgrid(rows + wy, columns + wx, indexing="ij"), order=1)
    np.testing.assert_allclose(one, wanted, atol=1e-5)
    with pytest.raises(IndexError, match="do not lie in 7 px"):
        kernels.interpolate(values, rows, wy, columns + 6, wx)


def test_windows_that_are_no_copies(either: str) -> None:
    """Windows cut from larger arrays, and arrays that must not be written to."""
    large = random_pixels(40, 60)
    large.flags.writeable = False
    part = large[4:24, 10:50]
    np.testing.assert_array_equal(kernels.box_reduce(part, 4), kernels.box_reduce(part.copy(), 4))
    planes = np.random.default_rng(1).random((2, 30, 30), np.float32)
    np.testing.assert_array_equal(
        kernels.smooth(planes[:, 5:, ::2], 1.0), kernels.smooth(planes[:, 5:, ::2].copy(), 1.0)
    )


def test_cells_do_not_depend_on_the_kernels(monkeypatch: pytest.MonkeyPatch, compiled: ModuleType) -> None:
    """A whole segmentation: slide model, table, masks."""
    image = smear(seed=4).draw()
    results = []
    for name in ("numba", "numpy"):
        monkeypatch.setenv("NAPARI_WBC_KERNELS", name)
        kernels.implementation.cache_clear()
        assert (kernels.implementation() is compiled) == (name == "numba")
        results.append(segment(image, um_per_px=0.1))
    kernels.implementation.cache_clear()
    one, other = results
    assert len(one.table) >= 10
    assert one.slide_model.to_dict() == other.slide_model.to_dict()
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    np.testing.assert_array_equal(one.cells, other.cells)
    np.testing.assert_array_equal(one.nuclei, other.nuclei)


def test_choice(monkeypatch: pytest.MonkeyPatch, compiled: ModuleType) -> None:
    kernels.implementation.cache_clear()
    monkeypatch.delenv("NAPARI_WBC_KERNELS", raising=False)
    assert kernels.implementation() is compiled
    without: list[Callable[[pytest.MonkeyPatch], None]] = [
        lambda context: context.setenv("NAPARI_WBC_KERNELS", "numpy"),
        lambda context: context.setitem(sys.modules, "numba", None),
        lambda context: context.setattr("numba.config.DISABLE_JIT", True),
    ]
    for change in without:
        kernels.implementation.cache_clear()
        with monkeypatch.context() as context:
            change(context)
            assert kernels.implementation() is uncompiled
    kernels.implementation.cache_clear()
