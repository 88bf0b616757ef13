from dataclasses import fields, replace

import pytest
import torch

from napari_wbc.classification.crops import middle, network_input
from napari_wbc.errors import InputError
from napari_wbc.training.augmentation import Augmentation

DOMAINS = torch.tensor([0, 0, 0, 1, 1, 2])
# A value of each kind that must show, beside those that are probabilities.
STRONG = {"turn": 180.0, "scale": (0.8, 0.9), "shift": 0.1, "stain_jitter": 0.3, "hue": 0.3, "noise": 0.1}


def batch(seed=0):
    """Draw coloured spots on a bright background, each crop with a colour of its own."""
    g = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    spot = torch.sigmoid((0.5 - torch.hypot(y + 0.1, x)) / 0.05) * (1.0 + 0.5 * torch.sin(25 * x))
    colour = torch.rand((6, 3, 1, 1), generator=g) * 0.8
    return (0.92 - colour * spot).clamp(0, 1)


def generator(seed=5):
    return torch.Generator().manual_seed(seed)


def test_a_seed_repeats_the_batch():
    runs = [Augmentation()(batch(), 48, generator(), DOMAINS) for _ in range(2)]
    assert torch.equal(*runs)
    assert runs[0].shape == (6, 3, 48, 48)
    assert not torch.equal(runs[0], Augmentation()(batch(), 48, generator(6), DOMAINS))


@pytest.mark.parametrize("size", [64, 48])
def test_no_strength_gives_what_a_prediction_sees(size):
    images = batch()
    out = Augmentation.none()(images, size, generator(), DOMAINS)
    assert torch.equal(out * 2 - 1, network_input(middle(images, size)))


@pytest.mark.parametrize("name", [f.name for f in fields(Augmentation)])
def test_each_kind_acts_alone_and_leaves_the_input_alone(name):
    images = batch()
    before = images.clone()
    kind = replace(Augmentation.none(), **{name: STRONG.get(name, 1.0)})
    out = kind(images, 64, generator(), DOMAINS)
    assert torch.equal(images, before)
    assert (out - images).abs().amax(dim=(1, 2, 3)).gt(1e-3).sum() >= 2
    assert torch.equal(out, kind(images, 64, generator(), DOMAINS))


@pytest.mark.parametrize(
    "images",
    [torch.zeros((5, 3, 64, 64)), torch.ones((5, 3, 64, 64)), torch.full((1, 3, 50, 50), 0.92), batch()],
    ids=["black", "white", "one crop", "spots"],
)
def test_strong_augmentation_stays_in_range(images):
    strong = Augmentation(
        stain_swap=0.6, stain_lab=0.4, stain_jitter=0.6, hue=0.8, light=2.0, view_edge=1.0, optics=1.0, fringe=1.0,
        noise=0.1, jpeg=1.0, cutout=1.0,
    )  # fmt: skip
    for seed in range(5):
        out = strong(images, 40, generator(seed), torch.arange(len(images)) % 2)
        assert out.isfinite().all()
        assert out.min() >= 0
        assert out.max() <= 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"jpeg": 1.5}, "jpeg must lie between 0 and 1"),
        ({"stain_swap": 0.7, "stain_lab": 0.5}, "exclude each other"),
        ({"scale": (1.2, 0.8)}, "two zooms"),
        ({"turn": 360.0}, "turn must lie between 0 and 180"),
    ],
)
def test_wrong_strengths_are_refused_in_one_line(values, message):
    with pytest.raises(InputError, match=message):
        Augmentation(**values)


def test_domains_are_optional_and_may_be_one():
    for domains in (None, torch.zeros(6, dtype=torch.long)):
        assert Augmentation()(batch(), 48, generator(), domains).isfinite().all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_what_the_cpu_gives():
    # A generator on the CPU draws the same for both.
    on_cpu = Augmentation()(batch(), 48, generator(), DOMAINS)
    on_gpu = Augmentation()(batch().cuda(), 48, generator(), DOMAINS.cuda())
    # Quantisation and the places of pixels may fall the other way for single values.
    assert float((on_gpu.cpu() - on_cpu).abs().mean()) < 1e-3
    own = torch.Generator("cuda").manual_seed(5)
    assert Augmentation()(batch().cuda(), 48, own, DOMAINS.cuda()).is_cuda
