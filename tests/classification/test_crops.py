import numpy as np
import pytest
import torch

from napari_wbc.classification.crops import (
    WHITE,
    centre_crop,
    middle,
    network_input,
    normalise_background,
    prepare,
    to_tensor,
)
from napari_wbc.errors import InputError
from napari_wbc.slides.crops import CROP_PX


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)


def test_centre_crop_cuts_and_mirrors(field):
    assert np.array_equal(centre_crop(field, 0.25, 96, 24.0), field[102:198, 152:248])
    small = centre_crop(field[:40, :40], 0.25, 96, 24.0)
    assert small.shape == (96, 96, 3)
    np.testing.assert_array_equal(small[28:68, 28:68], field[:40, :40])


def test_light_and_cast_are_divided_out():
    generator = torch.Generator().manual_seed(0)
    cell = torch.full((1, 3, 96, 96), 0.85) + 0.01 * torch.randn((1, 3, 96, 96), generator=generator)
    cell[:, :, 30:60, 30:60] = 0.4
    gain = torch.tensor([0.7, 0.9, 0.8]).view(1, 3, 1, 1)
    torch.testing.assert_close(
        normalise_background(cell), normalise_background(cell * gain), atol=0.01, rtol=0
    )
    assert not torch.allclose(cell, cell * gain, atol=0.05)


def test_crops_of_another_kind_are_refused():
    with pytest.raises(InputError, match="8-bit RGB"):
        to_tensor(np.zeros((2, 32, 32), np.uint8))
    with pytest.raises(InputError, match="float64"):
        to_tensor(np.zeros((2, 32, 32, 3)))


def test_network_input_is_scaled_and_resized():
    out = network_input(middle(torch.ones(2, 3, 128, 128), 96))
    assert out.shape == (2, 3, 96, 96)
    assert float(out.max()) == pytest.approx(1.0)


def test_the_middle_of_a_crop_is_cut_without_resampling():
    crops = torch.rand((2, 3, CROP_PX, CROP_PX), generator=torch.Generator().manual_seed(0))
    assert torch.equal(middle(crops, 128, 0.8), crops[..., 16:144, 16:144])
    assert torch.equal(middle(crops, CROP_PX), crops)


def test_the_background_is_that_of_the_whole_window():
    crop = np.full((1, CROP_PX, CROP_PX, 3), 100, np.uint8)
    crop[:, :10] = 200
    images = (prepare(crop, 128, view=0.8) + 1) / 2
    assert float(images.max()) == pytest.approx(WHITE / 2, abs=1e-5)


def test_a_crop_is_prepared_the_same_in_any_batch():
    crops = np.random.default_rng(3).integers(60, 255, (21, 128, 128, 3), dtype=np.uint8)
    together = prepare(crops, 96)
    assert together.is_contiguous()
    for part in (slice(0, 1), slice(1, 17), slice(20, 21)):
        assert torch.equal(prepare(crops[part], 96), together[part])


def test_the_background_is_the_order_statistic_that_torch_gives():
    images = torch.rand((3, 3, 128, 128), generator=torch.Generator().manual_seed(4))
    sample = images[:, :, 1::3, 1::3].flatten(2)
    background = sample.kthvalue(round(0.95 * sample.shape[2]), dim=2).values
    expected = (images * (0.92 / background)[:, :, None, None]).clamp(0.0, 1.0)
    assert torch.equal(normalise_background(images), expected)
