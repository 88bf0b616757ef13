import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter1d, shift
from tests.training.augmentation.seeded import draws
from torch.nn import functional

from napari_wbc.training.augmentation.jpeg import compressed, jpeg, quantisation
from napari_wbc.training.augmentation.optics import (
    along_rows_and_columns,
    gaussian_rows,
    optics,
    resampled_rows,
    sensor_noise,
)


@pytest.fixture
def images():
    smooth = torch.rand((6, 3, 12, 12), generator=torch.Generator().manual_seed(0))
    return functional.interpolate(smooth, (48, 48), mode="bicubic").clamp(0, 1)


def test_blur_is_that_of_scipy(images):
    matrix = gaussian_rows(48, torch.tensor([[1.2]]), torch.zeros(1, 1))
    out = along_rows_and_columns(images[:1], matrix, matrix)[0, 0].numpy()
    expected = gaussian_filter1d(gaussian_filter1d(images[0, 0].numpy(), 1.2, axis=0), 1.2, axis=1)
    np.testing.assert_allclose(out[6:-6, 6:-6], expected[6:-6, 6:-6], atol=2e-3)


def test_a_shift_is_that_of_scipy(images):
    still = gaussian_rows(48, torch.tensor([[0.8]]), torch.zeros(1, 1))
    moved = gaussian_rows(48, torch.tensor([[0.8]]), torch.tensor([[1.5]]))
    line = images[0, 0].numpy()
    out = along_rows_and_columns(images[:1], moved, still)[0, 0].numpy()
    expected = shift(gaussian_filter1d(gaussian_filter1d(line, 0.8, axis=0), 0.8, axis=1), (1.5, 0), order=3)
    np.testing.assert_allclose(out[6:-6, 6:-6], expected[6:-6, 6:-6], atol=0.01)


def test_lost_pixels_are_those_of_a_small_image_enlarged(images):
    matrix = resampled_rows(48, torch.tensor([2.0]))[:, None]
    out = along_rows_and_columns(images[:1], matrix, matrix)
    small = functional.interpolate(images[:1], (24, 24), mode="bilinear", antialias=True)
    expected = functional.interpolate(small, (48, 48), mode="bilinear")
    torch.testing.assert_close(out[..., 3:-3, 3:-3], expected[..., 3:-3, 3:-3], atol=2e-3, rtol=0)
    # Nothing is lost at a pitch of one pixel.
    torch.testing.assert_close(resampled_rows(48, torch.tensor([1.0]))[0], torch.eye(48))


def test_flat_images_stay_flat():
    flat = torch.full((4, 3, 40, 40), 0.6)
    torch.testing.assert_close(optics(flat.clone(), draws(), probability=1.0, fringe=1.0), flat)


def test_sharpening_raises_contrast_keeps_the_mean_and_leaves_the_blurred_alone(images):
    soft = 0.4 + 0.1 * images + 0.1 * torch.rand(images.shape, generator=torch.Generator().manual_seed(1))
    out = optics(soft.clone(), draws(), probability=0.0, fringe=0.0, sharpen=1.0)
    steps, before = (x.diff(dim=3).abs().mean(dim=(1, 2, 3)) for x in (out, soft))
    assert (steps > 1.01 * before).all()
    torch.testing.assert_close(out.mean(dim=(2, 3)), soft.mean(dim=(2, 3)), atol=0.01, rtol=0)
    both = optics(soft.clone(), draws(), probability=0.5, fringe=0.0, sharpen=0.5)
    change = both.diff(dim=3).abs().mean(dim=(1, 2, 3)) / before
    assert (change < 1.0).sum() == 3
    assert (change > 1.0).sum() == 3


def test_blur_lowers_contrast_and_keeps_the_mean(images):
    sharp = (images + 0.3 * torch.rand(images.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    out = optics(sharp.clone(), draws(), probability=1.0, fringe=0.0)
    detail = [float(x.diff(dim=3).std()) for x in (out, sharp)]
    assert detail[0] < 0.8 * detail[1]
    assert float(out.mean()) == pytest.approx(float(sharp.mean()), abs=0.01)
    assert torch.equal(optics(sharp.clone(), draws(), probability=0.0, fringe=0.0), sharp)


def test_fringes_colour_a_grey_edge_and_keep_its_green_place():
    edge = torch.full((12, 3, 48, 48), 0.9)
    edge[:, :, :, 24:] = 0.2
    out = optics(edge.clone(), draws(), probability=0.0, fringe=1.0)
    assert float((out[:, 0] - out[:, 2]).abs().amax()) > 0.1
    assert float((out[:, 1] - edge[:, 1]).abs().mean()) < 0.01


def test_noise_has_its_level():
    grey = torch.full((200, 3, 20, 20), 0.5)
    out = sensor_noise(grey.clone(), draws(), noise=0.06)
    level = out.std(dim=(1, 2, 3))
    assert float(level.max()) < 0.063
    assert float(level.max()) > 0.055
    assert float(level.min()) < 0.005
    assert float(level.mean()) == pytest.approx(0.03, abs=0.004)
    assert float(out.mean()) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("quality", [40, 75, 92])
def test_jpeg_is_that_of_libjpeg(images, quality):
    # Grey: of colours, libjpeg rounds the YCbCr before it compresses, which moves single coefficients by a step.
    pixels = (images[:1, :1] * 255).round().expand(1, 3, 48, 48)
    expected = saved(pixels, quality)
    out = compressed(pixels / 255, torch.tensor([float(quality)])) * 255
    assert float((expected - pixels).abs().mean()) > 1.0
    assert float((out - expected).abs().mean()) < 0.5
    coloured = (images[:1] * 128 + 64).round()
    out = compressed(coloured / 255, torch.tensor([float(quality)])) * 255
    difference = float((out - saved(coloured, quality)).abs().mean())
    assert difference < 0.5 * float((saved(coloured, quality) - coloured).abs().mean())


def saved(pixels, quality):
    file = io.BytesIO()
    Image.fromarray(pixels[0].permute(1, 2, 0).byte().numpy()).save(
        file, "JPEG", quality=quality, subsampling=0
    )
    return torch.from_numpy(np.asarray(Image.open(file), np.float32)).permute(2, 0, 1)[None]


def test_jpeg_takes_any_size_and_grows_coarser(images):
    part = images[:, :, :45, :45]
    errors = [
        float((compressed(part, torch.full((6,), q)) - part).abs().mean()) for q in (95.0, 70.0, 40.0, 10.0)
    ]
    assert errors == sorted(errors)
    assert errors[0] < 0.01
    assert torch.equal(jpeg(images.clone(), draws(), probability=0.0), images)
    assert float(quantisation(torch.tensor([50.0]))[0, 0, 0, 0]) == 16
    assert float(quantisation(torch.tensor([100.0])).max()) == 1
