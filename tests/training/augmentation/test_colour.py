import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2hed, rgb2lab
from tests.training.augmentation.seeded import draws

from napari_wbc.classification.crops import WHITE
from napari_wbc.training.augmentation.colour import chroma, density, recoloured
from napari_wbc.training.augmentation.lab import lab_to_rgb, rgb_to_lab
from napari_wbc.training.augmentation.light import light_field, tone, view_edge
from napari_wbc.training.augmentation.stain import (
    borrowed,
    draw_lab_statistics,
    jitter_matrices,
    lab_statistics,
    partners,
    stain_moments,
    swap_matrices,
    with_lab_statistics,
)


@pytest.fixture
def images():
    return torch.rand((6, 3, 32, 32), generator=torch.Generator().manual_seed(0)) * 0.8 + 0.05


def identity(n):
    return torch.eye(3).expand(n, 3, 3)


def stained(colour, n=1):
    """Draw a nucleus of one colour and a red cell of another on background; the nucleus grows from crop to crop."""
    out = torch.full((n, 3, 32, 32), WHITE)
    for i in range(n):
        out[i, :, 4 : 14 + i, 4:20] = torch.tensor(colour[0]).view(3, 1, 1)
        out[i, :, 26:30, 4:28] = torch.tensor(colour[1]).view(3, 1, 1)
    return out


BLUE = ((0.35, 0.25, 0.6), (0.85, 0.7, 0.7))
MAGENTA = ((0.6, 0.2, 0.55), (0.9, 0.65, 0.6))


def test_identity_gives_the_image_back(images):
    out = recoloured(density(images), identity(6), torch.zeros(6, 3, 4))
    torch.testing.assert_close(out, images, atol=1e-5, rtol=0)


def test_a_field_multiplies_the_light_and_a_matrix_mixes_densities(images):
    field = torch.zeros(6, 3, 4)
    field[:, :, 0] = -np.log(0.8)
    torch.testing.assert_close(
        recoloured(density(images), identity(6), field), images * 0.8, atol=1e-5, rtol=0
    )
    # Gamma is a factor on the density below the background.
    out = recoloured(density(images), 1.3 * identity(6), torch.zeros(6, 3, 4))
    torch.testing.assert_close(out, WHITE * (images / WHITE) ** 1.3, atol=1e-5, rtol=0)
    out = recoloured(density(images), identity(6), torch.zeros(6, 3, 4), torch.full((6,), 0.25))
    torch.testing.assert_close(out, 0.75 * images + 0.25 * WHITE, atol=1e-5, rtol=0)
    bowl = torch.zeros(6, 3, 4)
    bowl[:, :, 3] = 0.1
    ratio = recoloured(density(images), identity(6), bowl)[0, 0] / images[0, 0]
    assert float(ratio[0, 0]) == pytest.approx(np.exp(-0.2), abs=1e-3)
    assert float(ratio[15, 15]) == pytest.approx(1.0, abs=1e-3)


def test_hue_turns_about_grey_and_keeps_lightness():
    turned = chroma(torch.tensor([2 * np.pi / 3, 0.0]), torch.tensor([1.0, 0.0]))
    # A third of a turn exchanges the channels in a cycle; saturation 0 leaves grey.
    torch.testing.assert_close(
        turned[0] @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6, rtol=0
    )
    torch.testing.assert_close(turned[1] @ torch.tensor([3.0, 0, 0]), torch.ones(3))
    angles = torch.linspace(-1, 1, 7)
    torch.testing.assert_close(chroma(angles, torch.ones(7)) @ torch.ones(3), torch.ones(7, 3))


def test_lab_is_that_of_scikit_image(images):
    expected = rgb2lab(images.permute(0, 2, 3, 1).numpy())
    lab = rgb_to_lab(images)
    np.testing.assert_allclose(lab.permute(0, 2, 3, 1).numpy(), expected, atol=0.01)
    back = lab2rgb(expected)
    np.testing.assert_allclose(lab_to_rgb(lab).permute(0, 2, 3, 1).numpy(), back, atol=1e-3)


def test_jitter_scales_the_stains_of_scikit_image(images):
    matrix = jitter_matrices(6, draws(), 0.3)
    out = recoloured(density(images), matrix, torch.zeros(6, 3, 4))
    before = rgb2hed((images / WHITE).permute(0, 2, 3, 1).numpy())
    # Where scikit-image clips nothing, each of its stains has one factor per crop.
    whole = (before > 0.02).all(axis=3) & (out.amax(dim=1) < 0.9).numpy()
    after = rgb2hed((out / WHITE).permute(0, 2, 3, 1).numpy())
    factors = []
    for i in range(6):
        ratio = after[i][whole[i]] / before[i][whole[i]]
        assert ratio.std(axis=0).max() < 0.05
        factors.append(ratio.mean(axis=0))
    assert np.std(np.log(factors)) == pytest.approx(0.3, abs=0.1)
    assert torch.equal(jitter_matrices(2, draws(), 0.0)[0], jitter_matrices(2, draws(), 0.0)[1])
    torch.testing.assert_close(jitter_matrices(2, draws(), 0.0), identity(2), atol=1e-5, rtol=0)


def test_partners_come_from_another_domain_where_there_is_one():
    domains = torch.tensor([0, 0, 0, 1, 1])
    for seed in range(20):
        other = partners(5, draws(seed), domains)
        assert (domains[other] != domains).all()
        alone = partners(5, draws(seed), torch.zeros(5, dtype=torch.long))
        assert (alone != torch.arange(5)).all()
        assert (partners(5, draws(seed), None) != torch.arange(5)).all()


def test_moments_do_not_depend_on_the_background(images):
    framed = torch.full((6, 3, 64, 64), WHITE)
    framed[:, :, 16:48, 16:48] = images
    torch.testing.assert_close(
        stain_moments(density(framed)), stain_moments(density(images)), atol=1e-4, rtol=1e-3
    )


def test_a_borrowed_stain_turns_one_lab_into_the_other():
    own, other = density(stained(BLUE)), density(stained(MAGENTA))
    matrix = borrowed(stain_moments(own), stain_moments(other))
    out = recoloured(own, matrix, torch.zeros(1, 3, 4))
    assert float((out - stained(MAGENTA)).abs().mean()) < 0.3 * float(
        (stained(BLUE) - stained(MAGENTA)).abs().mean()
    )
    torch.testing.assert_close(out[0, :, 0, 0], torch.full((3,), WHITE))
    torch.testing.assert_close(
        borrowed(stain_moments(own), stain_moments(own)), identity(1), atol=5e-3, rtol=0
    )


def test_swapped_crops_move_to_the_other_domain():
    batch = torch.cat([stained(BLUE, 4), stained(MAGENTA, 4)])
    domains = torch.tensor([0] * 4 + [1] * 4)
    every = torch.arange(8)
    out = recoloured(
        density(batch), swap_matrices(density(batch), draws(), every, domains), torch.zeros(8, 3, 4)
    )
    nucleus, before = out[:, :, 8, 8], batch[:, :, 8, 8]
    assert (nucleus[:4, 0] > before[:4, 0] + 0.03).all()
    assert (nucleus[4:, 0] < before[4:, 0] - 0.03).all()


def test_lab_statistics_become_the_target():
    image = stained(BLUE)
    own = lab_statistics(rgb_to_lab(image))
    expected = rgb2lab(image[0].permute(1, 2, 0).numpy()).reshape(-1, 3)
    # The background does not count, both colours of stain do.
    expected = expected[expected[:, 0] < 91]
    np.testing.assert_allclose(own[0, :3], expected.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(own[0, 3:], expected.std(axis=0), atol=0.02)
    torch.testing.assert_close(with_lab_statistics(image, own, own), image, atol=1e-3, rtol=0)
    redder = own + torch.tensor([[0.0, 15.0, 0.0, 0.0, 0.0, 0.0]])
    out = with_lab_statistics(image, own, redder)
    assert float(out[0, 0, 8, 8]) > float(image[0, 0, 8, 8]) + 0.05
    torch.testing.assert_close(out[0, :, 0, 0], image[0, :, 0, 0], atol=2e-3, rtol=0)


def test_drawn_lab_statistics_scatter_like_the_batch():
    batch = torch.cat([stained(BLUE, 8), stained(MAGENTA, 8)])
    out = draw_lab_statistics(batch.clone(), draws(), torch.arange(16))
    hue = out[:, :, 8, 8]
    assert float(hue.std(dim=0).max()) > 0.02
    assert float((out[:, :, 0, 0] - WHITE).abs().max()) < 0.03
    same = torch.cat([stained(BLUE)] * 5)
    torch.testing.assert_close(
        draw_lab_statistics(same.clone(), draws(), torch.arange(5)), same, atol=2e-3, rtol=0
    )


def test_light_stays_in_its_ranges():
    field = light_field(500, draws(), 1.0)
    assert 0.90 < np.exp(-float(field[:, :, 0].max())) < 0.92
    assert 1.05 < np.exp(-float(field[:, :, 0].min())) < 1.09
    # The slope is one for all channels, the cast is not.
    assert torch.equal(field[:, 0, 1:], field[:, 2, 1:])
    assert not torch.equal(field[:, 0, 0], field[:, 2, 0])
    assert float(light_field(5, draws(), 0.0).abs().max()) == 0
    gamma, saturation, glare = tone(500, draws(), 0.35, 1.0)
    assert 0.70 < float(gamma.min()) < 0.75
    assert 1.35 < float(gamma.max()) < 1.42
    assert 0.74 < float(saturation.min()) < 0.78
    assert 1.28 < float(saturation.max()) < 1.36
    assert float(glare.min()) >= 0
    assert 0.3 < float(glare.max()) <= 0.4
    assert float(glare.median()) < 0.12


def test_the_edge_of_the_view_darkens_a_side_and_not_the_cell():
    bright = torch.full((30, 3, 48, 48), 0.9)
    out = view_edge(bright.clone(), draws(), probability=1.0)
    assert float(out[:, :, 20:28, 20:28].min()) > 0.75
    assert (out.amin(dim=(1, 2, 3)) < 0.7).float().mean() > 0.8
    assert torch.equal(view_edge(bright.clone(), draws(), probability=0.0), bright)
