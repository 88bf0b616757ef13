"""Cells at known places: the cut on the device is that of the CPU, and the order does not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import napari_wbc as wbc
from napari_wbc.classification.predict import predict_crops
from napari_wbc.classification.slide_cells import _crops_by_part, cut_windows, predict_cells
from napari_wbc.errors import Cancelled
from napari_wbc.execution import CancelToken
from napari_wbc.slides import open_slide
from napari_wbc.slides.crops import CROP_PX, WINDOW_UM, crop_cells

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
    ),
]


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    """Smooth blots with edges, as cells have them."""
    random = np.random.default_rng(0)
    blots = gaussian_filter(random.normal(size=(700, 900, 3)), (6, 6, 0)) * 900
    return (np.where(blots > 20, 90, 210) + random.normal(0, 6, blots.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def centres() -> np.ndarray:
    # some of them so near to the border that the window leaves the slide
    return np.random.default_rng(1).uniform((5, 5), (695, 895), (23, 2))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("um_per_px", [0.0728, 0.09, WINDOW_UM / CROP_PX, 0.31])
def test_the_cut_on_the_device_is_that_of_the_cpu(field, centres, device, um_per_px, monkeypatch):
    # parts so small that the cells lie in many of them
    monkeypatch.setattr("napari_wbc.classification.slide_cells._PART_PX", 300)
    slide = open_slide(field)
    expected = crop_cells(slide, centres, um_per_px=um_per_px)
    found = np.zeros_like(expected)
    parts = 0
    for rows, crops in _crops_by_part(slide, centres, um_per_px, WINDOW_UM, device):
        found[rows] = crops.cpu().numpy()
        parts += 1
    assert parts > 4
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.005


@pytest.mark.parametrize("device", DEVICES)
def test_cells_get_what_their_crops_get(field, centres, device, monkeypatch):
    monkeypatch.setattr("napari_wbc.classification.slide_cells._PART_PX", 300)
    monkeypatch.setattr("napari_wbc.classification.slide_cells._TOGETHER", 7)
    model, slide = wbc.load_model("robust"), open_slide(field)
    crops = crop_cells(slide, centres, um_per_px=0.09)
    found = predict_cells(model, slide, centres, um_per_px=0.09, device=device)
    expected = predict_crops(model, crops, device="cpu")
    # A grey level here and there, and short numbers on a GPU.
    tolerance = 0.02 if device == "cpu" else 0.06
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=tolerance)
    np.testing.assert_allclose(found.novelty, expected.novelty, atol=tolerance)
    assert found.embeddings.shape == expected.embeddings.shape


def test_no_cells_and_a_cancelled_job(field):
    model, slide = wbc.load_model("robust"), open_slide(field)
    none = predict_cells(model, slide, np.zeros((0, 2)), um_per_px=0.09, device="cpu")
    assert none.probabilities.shape == (0, len(model.classes))
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        predict_cells(model, slide, np.array([[99.0, 99.0]]), um_per_px=0.09, device="cpu", cancel=token)


def test_windows_of_the_size_wanted_are_not_touched():
    pixels = torch.randint(0, 255, (60, 70, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    cut = cut_windows(pixels, torch.tensor([[3, 5], [28, 38]]), 32, 32)
    assert torch.equal(cut[0], pixels[3:35, 5:37])
    assert torch.equal(cut[1], pixels[28:60, 38:70])
