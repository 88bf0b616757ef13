import pytest
import torch
from tests.training.drawn_cells import cells, rows_of, small_config

from napari_wbc.errors import Cancelled
from napari_wbc.execution import CancelToken
from napari_wbc.training.fit import fit_network
from napari_wbc.training.metrics_log import MetricsLog

#: Everything that remembers something from step to step, or draws.
REMEMBERING = {
    "network.normalisation": "batch",
    "network.mixstyle": 0.9,
    "loss.classification": "cross_entropy",
    "loss.group_dro": 0.1,
    "loss.boda": 0.1,
    "loss.boda_start": 1,
    "loss.boda_refresh": 2,
    "loss.macro": 1.0,
    "loss.coral": 1.0,
    "loss.supervised_contrastive": 0.1,
}


def test_a_resumed_run_has_the_same_centroids_weights_of_domains_and_styles(tmp_path):
    crops, labels = cells(24, 0)
    config = small_config(init="robust", steps=5, **REMEMBERING)

    def fit(**options):
        return fit_network(config, rows_of(labels), crops, **options).state_dict()

    with MetricsLog(tmp_path / "log.jsonl") as log:
        whole = fit(log=log)
        (line,) = log.lines()
    assert {"loss/boda", "loss/macro", "loss/coral", "loss/supervised_contrastive"} < set(line)
    assert line["loss/boda"] > 0
    token = CancelToken()
    with pytest.raises(Cancelled):
        fit(
            checkpoint=tmp_path / "c.pt",
            cancel=token,
            progress=lambda p: token.cancel() if p.done == 2 else None,
        )
    resumed = fit(checkpoint=tmp_path / "c.pt")
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)


@pytest.mark.parametrize("classification", ["focal", "class_balanced", "ldam", "per_domain"])
def test_a_convnext_from_random_weights_learns_with_each_loss(tmp_path, classification):
    crops, labels = cells(32, 1)
    config = small_config(
        steps=12,
        batch=16,
        **{
            "network.name": "convnext_atto",
            "optimizer.lr": 2e-3,
            "optimizer.lr_decay": 1.0,
            "average.kind": "none",
            "loss.classification": classification,
            "loss.ldam_margin": 1.0,
        },
    )
    losses = []
    with MetricsLog(tmp_path / "log.jsonl") as log:
        for steps in (1, 12):
            fit_network(config.changed({"stop": steps}), rows_of(labels), crops, log=log)
            losses.append(log.lines()[-1]["loss"])
    assert losses[1] < 0.5 * losses[0]
