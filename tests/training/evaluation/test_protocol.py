"""The protocol on a few drawn cells: two kinds, three laboratories."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import napari_wbc.cli
from napari_wbc.errors import InputError
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.evaluation.out_of_fold import calibrated, temperature_of_all
from napari_wbc.training.evaluation.protocol import LabelledCells, Run, _known_rows, labelled_cells, perform
from napari_wbc.training.priors import class_priors, log_prior

CELLS = 10


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    random = np.random.default_rng(0)
    lines = ["path,domain,label,group,um_per_px"]
    for domain in ("a", "b", "c"):
        for i in range(CELLS):
            label = ("lymphocyte", "neutrophil_band", "artifact")[i % 5 // 2]
            pixels = random.normal(200 - 60 * (i % 2), 20, (64, 64, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{domain}{i}.png")
            lines.append(f"{domain}{i}.png,{domain},{label},g{i // 2},0.390625")
    (folder / "cells.csv").write_text("\n".join(lines) + "\n")
    (folder / "recipe.toml").write_text(
        'manifests = ["cells.csv"]\nclasses = ["lymphocyte", "neutrophil_band", "artifact"]\n'
        "input_px = 32\nsteps = 1\nbatch = 4\nholdout = 0.4\n[optimizer]\nwarmup = 1\n"
    )
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def config(recipe):
    return TrainingConfig.from_toml(recipe)


@pytest.fixture(scope="module")
def cells(config, tmp_path_factory):
    return labelled_cells(config, tmp_path_factory.mktemp("crops"))


def test_a_run_is_tested_on_the_domain_it_never_saw_and_done_once(config, cells, tmp_path):
    seen = []
    result = perform(Run(config, "b"), cells, tmp_path, progress=seen.append)
    assert len(seen) == config.steps
    assert result.settings["training"]["leave_out"] == ["b"]
    assert result.unseen["metrics"]["cells"] == 8  # two of ten are artifacts
    assert result.about["training_cells"] < 2 * CELLS
    assert set(result.in_domain) <= {"a", "c"}
    assert result.counts.sum() == 8
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b-0.json", "work"]
    # The state of the training is not needed any more.
    assert [p.name for p in (tmp_path / "work").iterdir()] == ["b-0.npz"]
    no_crops = np.zeros((0, 1, 1, 3), np.uint8)
    again = perform(Run(config, "b"), LabelledCells(cells.rows, no_crops), tmp_path)
    assert (again.counts == result.counts).all()
    with pytest.raises(InputError, match="other cells"):
        perform(Run(config, "b"), LabelledCells(cells.rows.iloc[1:], no_crops), tmp_path)
    with pytest.raises(InputError, match=r"training\.optimizer\.lr"):
        perform(Run(config.changed({"optimizer.lr": 0.1}), "b"), cells, tmp_path)
    # A setting that came later is at its default in an older result.
    stored = json.loads((tmp_path / "b-0.json").read_text())
    del stored["settings"]["training"]["head"]
    (tmp_path / "b-0.json").write_text(json.dumps(stored))
    assert (perform(Run(config, "b"), cells, tmp_path).counts == result.counts).all()
    with pytest.raises(InputError, match=r"training\.head\.draws"):
        perform(Run(config.changed({"head.draws": 5}), "b"), cells, tmp_path)


def test_a_run_from_one_source(config, cells, tmp_path):
    five = replace(config, classes=("neutrophil", "lymphocyte"))
    result = perform(Run(five, "b", sources=("c",), most_cells=3), cells, tmp_path)
    assert result.settings["training"]["leave_out"] == ["a", "b"]
    # Bands are trained as neutrophils, artifacts not at all.
    kept = cells.rows.iloc[_known_rows(cells.rows, five.changed({"leave_out": ["a", "b"]}))]
    assert set(kept["label"]) == {"lymphocyte", "neutrophil_band"}
    assert result.about["training_cells"] <= 8
    assert result.unseen["metrics"]["cells"] == 3
    assert set(result.in_domain) <= {"c"}


@pytest.mark.parametrize(
    ("target", "sources", "message"),
    [("x", (), "no domain 'x'"), ("a", ("y",), "no domain 'y'"), ("a", ("a", "b"), "never seen")],
)
def test_wrong_domains_are_named(config, cells, tmp_path, target, sources, message):
    with pytest.raises(InputError, match=message):
        perform(Run(config, target, sources), cells, tmp_path)


def test_only_the_logit_adjusted_loss_gets_a_prior(config):
    assert len(set(class_priors(config).values())) > 1
    plain = class_priors(config.changed({"loss.classification": "cross_entropy"}))
    assert set(plain.values()) == {1 / len(config.classes)}


def test_the_temperature_of_a_domain_comes_from_the_others(config, tmp_path):
    random = np.random.default_rng(0)
    files = {}
    for target, sharpness in (("a", 1.0), ("b", 4.0)):
        # Calibrated logits, made too sharp by a factor.
        logits = random.normal(0, 1.5, (4000, 3))
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        labels = np.array(config.classes)[[random.choice(3, p=row) for row in p]]
        kept = labels != "artifact"
        logits = (logits[kept] - log_prior(class_priors(config))) * sharpness
        np.savez(
            tmp_path / f"{target}-0.npz",
            logits=logits,
            domain=np.full(len(logits), target),
            label=labels[kept],
        )
        files[target, 0] = tmp_path / f"{target}-0.npz"
    measured = calibrated(files, config)
    assert measured["a", 0]["temperature"] > 1.8 * measured["b", 0]["temperature"]
    # Its own temperature was not used: a, calibrated as it was, is now too modest.
    assert measured["a", 0]["unseen"]["metrics"]["calibration_error"] > 0.1
    assert calibrated({("a", 0): files["a", 0]}, config) == {}


def test_the_command_runs_the_protocol_and_goes_on(recipe, tmp_path, capsys):
    arguments = ["evaluate", "--leave-one-domain-out", str(recipe), "--seeds", "1", "--domains", "a", "c"]
    arguments += ["--out", str(tmp_path), "--device", "cpu", "--figures"]
    assert napari_wbc.cli.main(arguments) == 0
    first = capsys.readouterr().out
    assert "| a | 8 | 1 |" in first
    assert {"a-0.json", "c-0.json", "metrics.md", "reliability.svg", "confusion.svg"} <= {
        p.name for p in tmp_path.iterdir()
    }
    written = (tmp_path / "a-0.json").read_bytes()
    assert napari_wbc.cli.main(arguments) == 0
    assert capsys.readouterr().out == first
    assert (tmp_path / "a-0.json").read_bytes() == written


def test_the_command_measures_a_model(recipe, tmp_path, capsys):
    arguments = ["evaluate", "--manifest", str(recipe.with_name("cells.csv")), "--out", str(tmp_path)]
    assert napari_wbc.cli.main([*arguments, "--device", "cpu", "--quiet"]) == 0
    measured = json.loads((tmp_path / "metrics.json").read_text())
    assert measured["model"] == "robust"
    assert measured["domains"]["a"]["five"]["metrics"]["cells"] == 8
    assert measured["domains"]["a"]["fine"]["metrics"]["support"] == {
        "neutrophil_band": 4, "lymphocyte": 4, "artifact": 2
    }  # fmt: skip
    assert "| a | five (2) | 8 |" in (tmp_path / "metrics.md").read_text()


def test_wrong_usage_is_one_line(tmp_path, capsys):
    missing = tmp_path / "none.csv"
    assert napari_wbc.cli.main(["evaluate", "--manifest", str(missing), "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert str(missing) in error
    assert error.count("\n") == 1
    (tmp_path / "m.csv").write_text("path,domain,label\n")
    assert (
        napari_wbc.cli.main(["evaluate", "--manifest", str(tmp_path / "m.csv"), "--out", str(tmp_path)]) == 2
    )
    assert "no image is listed" in capsys.readouterr().err


def test_the_same_cells_are_drawn_whatever_the_order(config, cells):
    from napari_wbc.training.evaluation.protocol import _sample

    turned = cells.rows.iloc[::-1].reset_index(drop=True)
    drawn = [
        set(rows["path"].iloc[_sample(rows, np.flatnonzero(rows["domain"] == "a"), 4)])
        for rows in (cells.rows, turned)
    ]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 4
    assert LabelledCells(turned, cells.crops).fingerprint() == cells.fingerprint()


def test_the_temperature_of_the_shipped_model_comes_from_all_domains(config, tmp_path):
    random = np.random.default_rng(0)
    labels = np.array([config.classes[i % 2] for i in range(600)])
    truth = np.stack([labels == c for c in config.classes], axis=1)
    # Right nine times of ten, and far too sure.
    given = np.where(random.random(600)[:, None] < 0.9, truth, np.roll(truth, 1, axis=1))
    for target in "ab":
        domain = np.where(np.arange(600) < 400, target, "c")
        np.savez(tmp_path / f"{target}-0.npz", logits=12.0 * given, domain=domain, label=labels)
    files = {(t, 0): tmp_path / f"{t}-0.npz" for t in "ab"}
    assert temperature_of_all(files, config) > 2.0
