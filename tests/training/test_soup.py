import pytest
import torch
from tests.training.drawn_cells import cells, rows_of, small_config

from napari_wbc.errors import InputError
from napari_wbc.training.fit import fit_network
from napari_wbc.training.soup import average_weights, fit_soup
from napari_wbc.training.start import start_network


def test_weights_are_averaged_by_hand():
    networks = [start_network(small_config(seed=seed)) for seed in range(3)]
    expected = sum(n.head.weight.detach().double() for n in networks) / 3
    average = average_weights(networks)
    assert average is networks[0]
    assert torch.allclose(average.head.weight.detach().double(), expected, atol=1e-7)
    for module in networks[1].modules():
        if isinstance(module, torch.nn.Conv2d):
            assert module.weight.shape


def test_a_soup_is_the_mean_of_runs_that_draw_differently(tmp_path):
    crops, labels = cells(12, 0)
    config = small_config(steps=2, soup={"members": 2})
    stages = []
    soup = fit_soup(
        config, rows_of(labels), crops, work_dir=tmp_path, name="m", progress=lambda p: stages.append(p.stage)
    )
    assert list(dict.fromkeys(stages)) == ["Training 1 of 2", "Training 2 of 2"]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["m-0.checkpoint.pt", "m-1.checkpoint.pt"]
    members = [fit_network(config, rows_of(labels), crops, draw_seed=seed) for seed in (0, 1)]
    assert not torch.equal(members[0].head.weight, members[1].head.weight)
    assert torch.equal(soup.head.weight, average_weights(members).head.weight)
    # Both members are there: a second call trains nothing.
    stages.clear()
    fit_soup(
        config, rows_of(labels), crops, work_dir=tmp_path, name="m", progress=lambda p: stages.append(p.stage)
    )
    assert not stages


def test_statistics_of_batches_are_not_averaged():
    crops, labels = cells(4, 0)
    with pytest.raises(InputError, match=r"soup\.members must be 1"):
        fit_soup(
            small_config(soup={"members": 2}, network={"normalisation": "batch"}), rows_of(labels), crops
        )
