import pytest
import torch

from napari_wbc.training.augmentation import Augmentation, cutout, geometry, light, optics, stain


@pytest.fixture
def images():
    return torch.rand((6, 3, 64, 64), generator=torch.Generator().manual_seed(0))


def test_a_seed_repeats_the_batch(images):
    runs = [Augmentation()(images, 48, torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*runs)
    assert runs[0].shape == (6, 3, 48, 48)
    assert float(runs[0].min()) >= 0
    assert float(runs[0].max()) <= 1
    assert not torch.equal(runs[0], Augmentation()(images, 48, torch.Generator().manual_seed(6)))


def test_strength_zero_leaves_the_image_alone(images):
    g = torch.Generator().manual_seed(0)
    assert torch.equal(light(images, g, strength=0.0), images)
    assert torch.equal(optics(images, g, probability=0.0, noise=0.0), images)
    assert torch.equal(cutout(images, g, probability=0.0), images)
    torch.testing.assert_close(
        stain(images, g, swap=0.0, jitter=0.0), images.clamp_min(1 / 255), atol=2e-3, rtol=0
    )


def test_geometry_keeps_a_centred_disc_centred():
    y, x = torch.meshgrid(torch.arange(65.0) - 32, torch.arange(65.0) - 32, indexing="ij")
    disc = ((y**2 + x**2) < 15**2).float().expand(4, 3, 65, 65)
    turned = geometry(disc, 65, torch.Generator().manual_seed(1), scale=(1.0, 1.0), shift=0.0)
    assert float((turned - disc).abs().mean()) < 0.01


def test_stain_swap_takes_the_statistics_of_another_crop():
    pale, dark = torch.full((1, 3, 32, 32), 0.9), torch.full((1, 3, 32, 32), 0.3)
    mixed = torch.cat([pale, dark] * 8)
    swapped = stain(mixed, torch.Generator().manual_seed(0), swap=1.0, jitter=0.0)
    assert float((swapped - mixed).abs().mean()) > 0.1
    assert float(swapped.max()) <= 0.91
    assert float(swapped.min()) >= 0.29


def test_blur_lowers_contrast_and_keeps_the_mean(images):
    blurred = optics(images, torch.Generator().manual_seed(0), probability=1.0, noise=0.0)
    assert float(blurred.std()) < 0.8 * float(images.std())
    assert float(blurred.mean()) == pytest.approx(float(images.mean()), abs=0.01)
