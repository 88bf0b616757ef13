import numpy as np
import pytest
from scipy.special import log_softmax
from tests.training.drawn_cells import CLASSES, cells, rows_of, small_config

from napari_wbc.errors import Cancelled, InputError
from napari_wbc.execution import CancelToken
from napari_wbc.training.priors import log_prior, tempered_priors
from napari_wbc.training.selection import Curve, _LeftOut, _looked_at, best_of, select

CONFIG = small_config(selection={"every": 2, "candidates": [{}, {"optimizer.lr": 1e-4}]})


def run(config, folder, domains="aabb", **options):
    crops, labels = cells(12, 0)
    return select(config, rows_of(labels, domains), crops, work_dir=folder, **options)


def test_the_best_mean_over_domains_wins_by_hand():
    steps = (10, 20, 30, 40, 50)
    curves = [
        Curve("a", 0, steps, (0.2, 0.4, 0.6, 0.8, 0.7)),
        Curve("b", 0, steps, (0.6, 0.6, 0.6, 0.2, 0.1)),
        # Lucky once; over three looks it is worse.
        Curve("a", 1, steps, (0.1, 0.1, 0.95, 0.1, 0.1)),
        Curve("b", 1, steps, (0.1, 0.1, 0.95, 0.1, 0.1)),
    ]
    # Means 0.4 0.5 0.6 0.5 0.4, of three 0.45 0.5 0.533 0.5 0.45.
    assert best_of(curves) == (0, 30, pytest.approx(1.6 / 3, abs=1e-5))
    # Equal all along: the first of the earliest.
    assert best_of([Curve("a", c, steps, (0.5,) * 5) for c in (0, 1)])[:2] == (0, 10)


def best_temperature(folder, choice):
    """Try many: both classes are single ones here, and both domains hold as many cells."""
    labels = cells(12, 0)[1]
    best = (np.inf, 0.0)
    for t in np.geomspace(0.2, 10, 4001):
        loss = 0.0
        for domain, places in (("a", (0, 1, 4, 5, 8, 9)), ("b", (2, 3, 6, 7, 10, 11))):
            logits = np.load(folder / f"training-choice-{choice.candidate}-{domain}-{choice.step}.npy")
            scores = logits / t + log_prior(tempered_priors(CLASSES))
            chosen = [CLASSES.index(labels[i]) for i in places]
            loss -= log_softmax(scores, axis=1)[np.arange(6), chosen].sum()
        best = min(best, (loss, t))
    return best[1]


def test_each_training_domain_is_left_out_in_turn_and_the_target_never_seen(tmp_path):
    stages = []
    choice = run(CONFIG, tmp_path, progress=lambda p: stages.append(p.stage))
    assert [(c.candidate, c.domain, c.steps) for c in choice.curves] == [
        (number, domain, (2, 4)) for number in (0, 1) for domain in "ab"
    ]
    assert stages[0] == "Choosing settings 1 of 2, without a"
    assert choice.step in (2, 4)
    assert choice.config.last_step == choice.step
    assert choice.config.optimizer.lr == (1e-3, 1e-4)[choice.candidate]
    assert choice.config.steps == CONFIG.steps
    assert choice.temperature == pytest.approx(best_temperature(tmp_path, choice), rel=1e-3)
    # A second call reads the curves; other settings have others.
    stages.clear()
    assert run(CONFIG, tmp_path, progress=lambda p: stages.append(p.stage)) == choice
    assert not stages
    run(
        CONFIG.changed({"selection.candidates": [{"seed": 3}]}),
        tmp_path,
        progress=lambda p: stages.append(p.stage),
    )
    assert stages


def test_other_labels_of_as_many_cells_have_other_curves(tmp_path):
    crops, labels = cells(12, 0)
    stages = []

    def choose(given):
        stages.clear()
        select(
            CONFIG,
            rows_of(given, "aabb"),
            crops,
            work_dir=tmp_path,
            progress=lambda p: stages.append(p.stage),
        )
        return bool(stages)

    assert choose(labels)
    assert not choose(labels)
    assert choose([labels[1], *labels[1:]])


@pytest.mark.parametrize("content", ["", "[]", '{"settings": [], '])
def test_a_damaged_curve_is_measured_again(tmp_path, content):
    whole = run(CONFIG, tmp_path)
    (tmp_path / "training-choice-0-a.json").write_text(content)
    assert run(CONFIG, tmp_path) == whole


def test_a_stopped_selection_goes_on_with_the_same_curves(tmp_path):
    token = CancelToken()
    with pytest.raises(Cancelled):
        run(
            CONFIG,
            tmp_path,
            cancel=token,
            progress=lambda p: token.cancel() if "without b" in p.stage else None,
        )
    assert (tmp_path / "training-choice-0-a.json").is_file()
    assert (tmp_path / "training-choice-0-b.checkpoint.pt").is_file()
    (tmp_path / "whole").mkdir()
    assert run(CONFIG, tmp_path) == run(CONFIG, tmp_path / "whole")
    assert not list(tmp_path.glob("*.checkpoint.pt"))


def test_a_run_that_gains_nothing_ends_early(tmp_path):
    crops, labels = cells(4, 0)
    from napari_wbc.training.outputs import CropSource
    from napari_wbc.training.start import start_network

    watch = _LeftOut(
        small_config(selection={"every": 1, "patience": 2}), labels, CropSource(crops), tmp_path / "w"
    )
    network = start_network(small_config()).eval()
    # The same network three times: the second and third look bring nothing.
    assert [watch.look(step, network) for step in (1, 2, 3)] == [False, False, True]
    assert watch.state()["steps"] == [1, 2, 3]


def test_as_many_cells_of_each_class_are_looked_at_as_there_are():
    labels = ["lymphocyte"] * 50 + ["neutrophil_band"] * 5 + ["erythroblast"] * 9 + ["neutrophil"] * 30
    rows = rows_of(labels, "a")
    rows.loc[0, "domain"] = "b"
    chosen = _looked_at(rows, "a", small_config(selection={"cells": 20}))
    coarse = np.array(labels, object)[chosen]
    assert 0 not in chosen
    assert (coarse == "lymphocyte").sum() == 10
    assert "erythroblast" not in coarse
    assert len(_looked_at(rows, "a", small_config())) == 84


def test_one_domain_or_a_wrong_fold_is_told(tmp_path):
    with pytest.raises(InputError, match="needs two or more"):
        run(CONFIG, tmp_path, domains="a")
    with pytest.raises(InputError, match="names 'c'"):
        run(CONFIG.changed({"selection.folds": ["c"]}), tmp_path)
    with pytest.raises(InputError, match="more than the 4 steps"):
        run(CONFIG.changed({"selection.every": 9}), tmp_path)
