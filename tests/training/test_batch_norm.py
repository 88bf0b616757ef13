import torch
from tests.training.drawn_cells import cells, rows_of, small_config
from torch import nn

from napari_wbc.classification.network import build_network
from napari_wbc.training.batch_norm import calibrate_batch_norm
from napari_wbc.training.fit import fit_network


def networks():
    torch.manual_seed(0)
    folded = build_network("mobilenet_v2", 3, dropout=0.0).eval()
    with_norm = build_network("mobilenet_v2", 3, dropout=0.0, normalisation="batch")
    with_norm.load_state_dict(folded.state_dict(), strict=False)
    return folded, with_norm


def test_calibrated_layers_change_nothing_at_first():
    folded, with_norm = networks()
    batches = [torch.rand(8, 3, 48, 48) * 2 - 1 for _ in range(3)]
    calibrate_batch_norm(with_norm, batches)
    assert with_norm.training
    unseen = torch.rand(5, 3, 48, 48) * 2 - 1
    with torch.inference_mode():
        expected, got = folded(unseen)[1], with_norm.eval()(unseen)[1]
        assert torch.allclose(expected, got, atol=1e-4 * float(expected.abs().max()))
        # On one batch's own statistics it nearly is the identity, but the statistics of the batch do matter.
        in_training = with_norm.train()(batches[0])[1]
        plain = folded(batches[0])[1]
    assert 1e-3 < float((in_training - plain).norm() / plain.norm()) < 0.5


def test_statistics_are_those_of_the_images():
    _, with_norm = networks()
    images = torch.rand(6, 3, 32, 32)
    calibrate_batch_norm(with_norm, images.split(2))
    first = with_norm.features[0]
    after = first[0](images)
    assert torch.allclose(first[1].running_mean, after.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(first[1].running_var, after.var((0, 2, 3), unbiased=False), rtol=1e-4)


def test_layers_that_have_seen_images_are_left_alone():
    _, with_norm = networks()
    calibrate_batch_norm(with_norm, [torch.rand(4, 3, 32, 32)])
    before = {k: v.clone() for k, v in with_norm.state_dict().items()}
    calibrate_batch_norm(with_norm, [torch.zeros(4, 3, 32, 32)])
    assert all(torch.equal(v, before[k]) for k, v in with_norm.state_dict().items())
    assert sum(isinstance(m, nn.BatchNorm2d) for m in with_norm.modules()) == 52


def test_a_fit_calibrates_what_its_start_has_folded_in_and_nothing_else():
    crops, labels = cells(16, 0)
    still = {"optimizer.lr": 1e-12, "steps": 1, "average.kind": "none", "network.normalisation": "batch"}
    fitted = fit_network(small_config(init="robust", **still), rows_of(labels), crops)
    first = fitted.features[0][1]
    # Seen: the calibration as one batch, and the batch of the step, which moves the statistics by a tenth.
    assert int(first.num_batches_tracked) == 2
    assert torch.allclose(first.running_mean, first.bias, atol=0.2 * float(first.weight.max()))
    assert float(first.bias.abs().max()) > 0.05
    from_random = fit_network(small_config(init="", **still), rows_of(labels), crops).features[0][1]
    assert int(from_random.num_batches_tracked) == 1
    assert float((from_random.weight - 1).abs().max()) < 1e-6
