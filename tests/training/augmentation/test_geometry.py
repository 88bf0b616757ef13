import math

import pytest
import torch
from tests.training.augmentation.seeded import draws

from napari_wbc.training.augmentation.geometry import cutout, geometry, placed


def at(value, n=1):
    return torch.full((n,), float(value))


def test_a_quarter_turn_and_a_mirror_image_by_hand():
    image = torch.rand((1, 3, 16, 16))
    straight = placed(image, 16, at(0), at(1), at(1), torch.zeros(1, 2))
    torch.testing.assert_close(straight, image, atol=1e-5, rtol=0)
    turned = placed(image, 16, at(math.pi / 2), at(1), at(1), torch.zeros(1, 2))
    torch.testing.assert_close(turned, image.rot90(1, (2, 3)), atol=1e-4, rtol=0)
    mirrored = placed(image, 16, at(0), at(1), at(-1), torch.zeros(1, 2))
    torch.testing.assert_close(mirrored, image.flip(3), atol=1e-5, rtol=0)


def test_zoom_two_shows_the_middle_twice_as_large():
    ramp = torch.linspace(0, 1, 33).expand(1, 3, 33, 33)
    large = placed(ramp, 33, at(0), at(2), at(1), torch.zeros(1, 2))
    assert float(large[0, 0, 16, 16]) == pytest.approx(0.5, abs=1e-4)
    inner = ramp[0, 0, 0, 20] - ramp[0, 0, 0, 12]
    assert float(large[0, 0, 16, 24] - large[0, 0, 16, 8]) == pytest.approx(float(inner), abs=1e-4)


def test_a_centred_disc_stays_centred():
    y, x = torch.meshgrid(torch.arange(65.0) - 32, torch.arange(65.0) - 32, indexing="ij")
    disc = ((y**2 + x**2) < 15**2).float().expand(4, 3, 65, 65)
    turned = geometry(disc, 65, draws(), view=1.0, turn=180.0, flip=0.5, scale=(1.0, 1.0), shift=0.0)
    assert float((turned - disc).abs().mean()) < 0.01


def test_turned_or_not_the_same_middle_is_seen():
    y, x = torch.meshgrid(torch.arange(80.0) - 39.5, torch.arange(80.0) - 39.5, indexing="ij")
    disc = ((y**2 + x**2) < 20**2).float().expand(4, 3, 80, 80)
    turned = geometry(disc, 64, draws(), view=0.8, turn=180.0, flip=0.5, scale=(1.0, 1.0), shift=0.0)
    plain = geometry(disc, 64, draws(), view=0.8, turn=0.0, flip=0.0, scale=(1.0, 1.0), shift=0.0)
    assert torch.equal(plain, disc[..., 8:72, 8:72])
    assert float((turned - plain).abs().mean()) < 0.02


def test_scale_and_shift_stay_in_their_ranges():
    y, x = torch.meshgrid(torch.arange(65.0) - 32, torch.arange(65.0) - 32, indexing="ij")
    disc = ((y**2 + x**2) < 12**2).float().expand(60, 3, 65, 65)
    out = geometry(disc, 65, draws(), view=1.0, turn=180.0, flip=0.5, scale=(0.8, 1.25), shift=0.08)
    radius = (out[:, 0].sum(dim=(1, 2)) / math.pi).sqrt()
    assert 12 * 0.78 < float(radius.min()) < 12 * 0.9
    assert 12 * 1.1 < float(radius.max()) < 12 * 1.27
    weight = out[:, 0] / out[:, 0].sum(dim=(1, 2), keepdim=True)
    offset = torch.stack([(weight * y).sum(dim=(1, 2)), (weight * x).sum(dim=(1, 2))], 1).abs()
    # Of the window, which the zoom enlarges.
    assert 0.05 < float(offset.max()) / 65 <= 0.08 * 1.25 + 0.01


def test_cutout_blanks_a_rectangle_with_the_mean():
    images = torch.rand((8, 3, 50, 50), generator=torch.Generator().manual_seed(0))
    out = cutout(images.clone(), draws(), probability=1.0)
    changed = (out != images).any(dim=1)
    share = changed.float().mean(dim=(1, 2))
    assert float(share.min()) > 0
    assert float(share.max()) <= 0.32**2
    for i in range(8):
        blank = out[i][:, changed[i]]
        torch.testing.assert_close(blank, images[i].mean(dim=(1, 2))[:, None].expand_as(blank))
    assert torch.equal(cutout(images.clone(), draws(), probability=0.0), images)
