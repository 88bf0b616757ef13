import pytest
import torch
from tests.training.drawn_cells import cells, rows_of, small_config

from napari_wbc.errors import Cancelled
from napari_wbc.execution.progress import CancelToken
from napari_wbc.training.head import refit_head
from napari_wbc.training.losses import Batch, TrainingRows, build_objective
from napari_wbc.training.outputs import CropSource
from napari_wbc.training.sampling import row_weights
from napari_wbc.training.start import start_network


def refitted(**head):
    crops, labels = cells(24, 0)
    config = small_config(head={"draws": 200, "steps": 60, "lr": 0.01, **head})
    network = start_network(config).eval()
    refit_head(network, config, rows_of(labels), crops)
    return network


def training_loss(network, config):
    crops, labels = cells(24, 0)
    rows = rows_of(labels)
    numbered = TrainingRows.of(rows["domain"], labels, row_weights(rows["domain"], labels), config.classes)
    with torch.inference_mode():
        logits, embeddings = network(
            CropSource(crops).plain(range(len(labels)), config.input_px, config.view)
        )
        tensors = (torch.from_numpy(x) for x in (numbered.members, numbered.domains, numbered.labels))
        return float(build_objective(config.loss, numbered, 1280)(Batch(logits, embeddings, *tensors, 0))[0])


def test_only_the_last_layer_changes_and_it_learns():
    config = small_config()
    before, after = start_network(config).eval(), refitted(pull=0.0)
    assert training_loss(after, config) < 0.8 * training_loss(before, config)
    for name, value in before.state_dict().items():
        same = torch.equal(value, after.state_dict()[name])
        assert same != name.startswith("head."), name


def test_the_pull_holds_the_weights_where_they_were():
    start = start_network(small_config()).head.weight
    free, held = (float((refitted(pull=p).head.weight - start).square().sum().detach()) for p in (0.0, 10.0))
    assert held < free / 4


def test_twice_the_same_and_nothing_where_nothing_is_asked():
    assert torch.equal(refitted().head.weight, refitted().head.weight)
    assert torch.equal(refitted(draws=0).head.weight, start_network(small_config()).head.weight)


def test_it_can_be_stopped():
    crops, labels = cells(24, 0)
    config = small_config(head={"draws": 200})
    network = start_network(config).eval()
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        refit_head(network, config, rows_of(labels), crops, cancel=token)
    assert torch.equal(network.head.weight, start_network(config).head.weight)
