import pytest
import torch

from napari_wbc.training.augmentation.draws import Draws


@pytest.fixture
def draws():
    return Draws(torch.Generator().manual_seed(3), torch.device("cpu"))


def test_a_share_has_the_right_mean_size_and_no_crop_twice(draws):
    assert len(draws.share(10, 0.0)) == 0
    assert sorted(draws.share(10, 1.0).tolist()) == list(range(10))
    sizes = [len(draws.share(7, 0.3)) for _ in range(400)]
    assert set(sizes) == {2, 3}
    assert sum(sizes) / len(sizes) == pytest.approx(2.1, abs=0.1)
    chosen = torch.cat([draws.share(7, 0.3) for _ in range(400)])
    assert torch.bincount(chosen, minlength=7).min() > 80


def test_ranges(draws):
    values = draws.uniform((5000,), -1.0, 3.0)
    assert values.min() >= -1
    assert values.max() <= 3
    assert float(values.mean()) == pytest.approx(1.0, abs=0.1)
    values = draws.normal((5000,), 0.5)
    assert float(values.abs().max()) <= 1.0
    assert float(values.std()) == pytest.approx(0.48, abs=0.02)


def test_bytes_are_even(draws):
    values = draws.bytes((3, 5, 1001))
    assert values.shape == (3, 5, 1001)
    assert float(values.float().mean()) == pytest.approx(-0.5, abs=2.0)
    assert float(values.float().std()) == pytest.approx(73.9, abs=1.0)
