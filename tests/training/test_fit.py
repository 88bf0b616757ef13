import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.drawn_cells import cells, rows_of, small_config

from napari_wbc.errors import Cancelled, InputError
from napari_wbc.execution import CancelToken
from napari_wbc.training.fit import fit_network
from napari_wbc.training.metrics_log import MetricsLog
from napari_wbc.training.start import start_network

#: Fits, keeps its state after every step and says so, then prints a hash of the weights.
KILLABLE = """
import sys
import torch
from tests.training.test_fit import fit, sha256_of, small_config
torch.set_num_threads(int(sys.argv[2]))
network = fit(
    small_config(steps=5), checkpoint=sys.argv[1], checkpoint_seconds=0.0,
    progress=lambda p: print(p.done, flush=True),
)
print(sha256_of(network), flush=True)
"""


def fit(config, n=12, **options):
    crops, labels = cells(n, 0)
    return fit_network(config, rows_of(labels), crops, **options)


def sha256_of(network):
    return hashlib.sha256(b"".join(v.numpy().tobytes() for v in network.state_dict().values())).hexdigest()


def same_weights(a, b):
    ours, theirs = a.state_dict(), b.state_dict()
    return all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_a_killed_run_ends_as_if_it_had_never_stopped(tmp_path):
    # The bits of a sum depend on how many threads share it.
    command = [sys.executable, "-c", KILLABLE, str(tmp_path / "c.pt"), str(torch.get_num_threads())]

    def start():
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2]
        )

    with start() as killed:
        while killed.stdout.readline().strip() != "3":
            pass
        killed.kill()
    # The third step may or may not have reached the file; the second has.
    with start() as resumed:
        went_on = [line.strip() for line in resumed.stdout]
    assert went_on[0] in ("3", "4")
    assert went_on[-1] == sha256_of(fit(small_config(steps=5)))


def test_a_cancelled_run_leaves_its_state_and_goes_on(tmp_path):
    token = CancelToken()
    with pytest.raises(Cancelled):
        fit(
            small_config(), checkpoint=tmp_path / "c.pt", cancel=token,
            progress=lambda p: token.cancel() if p.done == 2 else None,
        )  # fmt: skip
    steps = []
    resumed = fit(small_config(), checkpoint=tmp_path / "c.pt", progress=lambda p: steps.append(p.done))
    assert steps == [3, 4]
    assert same_weights(resumed, fit(small_config()))


def test_a_state_of_other_settings_or_no_state_is_refused(tmp_path):
    fit(small_config(steps=1), checkpoint=tmp_path / "c.pt")
    with pytest.raises(InputError, match=r"c\.pt belongs to a training with other settings"):
        fit(small_config(steps=2), checkpoint=tmp_path / "c.pt")
    (tmp_path / "c.pt").write_bytes(b"no state")
    with pytest.raises(InputError, match=r"c\.pt cannot be read as the state"):
        fit(small_config(steps=1), checkpoint=tmp_path / "c.pt")
    # A file of torch with something else in it.
    for other in ([1, 2], torch.zeros(3), {"fingerprint": None}):
        torch.save(other, tmp_path / "c.pt")
        with pytest.raises(InputError, match=r"c\.pt (cannot be read as the state|belongs to)"):
            fit(small_config(steps=1), checkpoint=tmp_path / "c.pt")


def test_the_draws_go_by_their_seed_and_the_start_by_that_of_the_configuration():
    config = small_config(steps=1, **{"optimizer.lr": 1e-12, "average.kind": "none"})
    one, other = fit(config), fit(config, draw_seed=5)
    # Hardly a step was taken, so both are still at one start; another seed of the configuration starts elsewhere.
    assert torch.allclose(one.head.weight, other.head.weight, atol=1e-6)
    assert not torch.allclose(one.head.weight, fit(config.changed({"seed": 5})).head.weight, atol=1e-3)
    moved = config.changed({"optimizer.lr": 1e-3})
    assert not same_weights(fit(moved), fit(moved, draw_seed=5))


def test_frozen_stages_keep_the_start_and_the_pull_brings_the_others_near_it():
    # A network without normalisation is silent on images much smaller than those that it knows.
    moved = {
        "init": "robust", "average.kind": "none", "input_px": 64,
        "optimizer.lr": 0.01, "optimizer.lr_decay": 1.0, "optimizer.weight_decay": 0.0,
    }  # fmt: skip
    start = start_network(small_config(**moved))
    free = fit(small_config(**moved))
    frozen = fit(small_config(**moved, **{"optimizer.frozen_stages": 2}))
    pulled = fit(small_config(**moved, **{"optimizer.start_pull": 30.0}))

    def distance(network, stage):
        pairs = zip(network.stages()[stage], start.stages()[stage], strict=True)
        return sum(float((a - b).detach().square().sum()) for a, b in pairs) ** 0.5

    for stage in range(5):
        assert distance(free, stage) > 1e-3
        assert (distance(frozen, stage) < 1e-6) == (stage < 2)
    for stage in range(4):
        assert distance(pulled, stage) < 0.95 * distance(free, stage)
    with pytest.raises(InputError, match="has 5 stages"):
        fit(small_config(**{"optimizer.frozen_stages": 5}))


def test_the_log_has_the_losses_and_a_resumed_run_no_gap(tmp_path):
    with MetricsLog(tmp_path / "m.jsonl") as log:
        fit(small_config(steps=2), log=log)
        (line,) = log.lines()
    assert line["step"] == 2
    assert line["loss"] == pytest.approx(line["loss/classification"])
    assert {"lr", "steps_per_second"} < set(line)


def test_a_loss_that_runs_away_is_told():
    with pytest.raises(InputError, match=r"no number any more at step \d+; lower optimizer\.lr"):
        fit(small_config(steps=20, batch=2, **{"optimizer.lr": 1e30, "optimizer.warmup": 0}))


def test_a_label_outside_the_model_is_refused():
    crops, labels = cells(4, 0)
    with pytest.raises(InputError, match="monocyte"):
        fit_network(small_config(), rows_of([*labels[:3], "monocyte"]), crops)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")
def test_a_gpu_learns_what_the_cpu_learns():
    config = small_config(steps=30, batch=16, **{"optimizer.lr": 1e-3})
    network = fit(config, n=40, device="cuda")
    assert next(network.parameters()).is_cuda
    assert all(np.isfinite(p.detach().cpu().numpy()).all() for p in network.parameters())
