"""``napari-wbc train``: stopped and gone on with, and one plain line for everything that is wrong."""

import json
import os
import signal
import threading
import time

import pytest
from tests.training.drawn_cells import CLASSES, write_manifest

from command_line import complaint
from napari_wbc.cli import main
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.train import train
from skips import needs_posix_signals


@pytest.fixture
def recipe(tmp_path):
    write_manifest(tmp_path, 20)
    path = tmp_path / "recipe.toml"
    path.write_text(
        f'manifests = ["cells.csv"]\nclasses = {json.dumps(CLASSES)}\n'
        "input_px = 32\nsteps = 45\nbatch = 4\nholdout = 0.3\n"
    )
    return path


def command(recipe, *more):
    return ["train", str(recipe), "--out", str(recipe.parent / "model"), "--device", "cpu", *more]


def test_cells_that_the_model_has_no_class_for_are_told(recipe, capsys):
    manifest = recipe.parent / "cells.csv"
    lines = manifest.read_text().splitlines()
    lines[2] = ",".join([*lines[2].split(",")[:2], "plasma_cell", lines[2].split(",")[3]])
    manifest.write_text("\n".join(lines) + "\n")
    recipe.write_text(recipe.read_text().replace("steps = 45", "steps = 2"))
    assert main(command(recipe)) == 0
    assert "not trained on, since none of its classes: plasma_cell 1\n" in capsys.readouterr().out


@pytest.mark.slow
@needs_posix_signals
def test_a_stopped_training_goes_on_and_ends_with_the_same_weights(recipe, capsys):
    work = recipe.parent / "model.training"

    def stop_on_the_way():
        while (
            not (work / "model-0.metrics.jsonl").is_file()
            or not (work / "model-0.metrics.jsonl").stat().st_size
        ):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    threading.Thread(target=stop_on_the_way, daemon=True).start()
    assert main(command(recipe)) == 130
    assert "the same command goes on from here" in complaint(capsys)
    assert signal.getsignal(signal.SIGINT) is before
    assert not (recipe.parent / "model").exists()
    stopped_at = len((work / "model-0.metrics.jsonl").read_text().splitlines())
    assert 1 <= stopped_at < 3

    assert main(command(recipe)) == 0
    said = capsys.readouterr()
    assert "held-out cells" in said.out
    assert not said.err
    assert [json.loads(x)["step"] for x in (work / "model-0.metrics.jsonl").read_text().splitlines()] == [
        20,
        40,
        45,
    ]
    whole = train(TrainingConfig.from_toml(recipe), recipe.parent / "whole", device="cpu")
    hashes = {
        json.loads((recipe.parent / n / "model.json").read_text())["sha256"] for n in ("model", whole.name)
    }
    assert len(hashes) == 1


def test_wrong_wishes_are_told_before_any_work(recipe, tmp_path, capsys):
    assert main(command(tmp_path / "missing.toml")) == 2
    assert "missing.toml cannot be read as a training configuration" in complaint(capsys)
    recipe.write_text(recipe.read_text() + "stepz = 3\n")
    assert main(command(recipe)) == 2
    assert "unknown key 'stepz'" in complaint(capsys)
    (tmp_path / "model").mkdir()
    recipe.write_text('manifests = ["cells.csv"]\n')
    assert main(command(recipe)) == 2
    assert "model exists; give another folder" in complaint(capsys)
    assert not (tmp_path / "model.training").exists()


def test_what_fails_on_the_way_is_told(recipe, capsys):
    assert main(command(recipe, "--init", str(recipe.parent / "no.safetensors"))) == 1
    assert "no.safetensors cannot be read as weights" in complaint(capsys)
    assert not (recipe.parent / "model").exists()


def test_the_help_has_an_example(capsys):
    assert main(["train", "--help"]) == 0
    assert "napari-wbc train recipe.toml --out models/mine" in capsys.readouterr().out
