import shutil
from dataclasses import replace

import numpy as np
import pytest
from tests.adaptation.drawn import drawn_manifest

import napari_wbc as wbc
from napari_wbc.adaptation.outputs import upper_outputs
from napari_wbc.classification.bundle import save_bundle, verify_bundle
from napari_wbc.classification.replay import REPLAY_FILE, Replay, load_replay, packed_replay
from napari_wbc.errors import InputError, ModelError
from napari_wbc.training.manifests import load_crops, read_manifest
from napari_wbc.training.outputs import lower_maps
from napari_wbc.training.replay import add_replay, training_config
from napari_wbc.training.train import held_out, read_manifests


@pytest.fixture
def copy(source, tmp_path):
    return wbc.load_model(shutil.copytree(source.folder, tmp_path / "copy"))


def test_replay_is_the_training_and_its_guard_was_held_out(source, tmp_path):
    replay = load_replay(source)
    assert set(replay.domains) == {"a", "b"}
    assert set(replay.labels) == {"lymphocyte", "eosinophil", "monocyte"}
    manifest = drawn_manifest(tmp_path, 120, seed=1)
    config = training_config(source, [manifest])
    rows = read_manifests(config)
    test = held_out(rows, config)
    network = source.network("cpu")
    maps = lower_maps(network, load_crops(read_manifest(manifest)), source.input_px, source.view)[0]
    for i in range(0, len(replay), 7):
        # A byte for each number changes it by its rounding at most; another cell is far away.
        nearest = np.abs(maps.astype(float) - replay.maps[i]).mean(axis=(1, 2, 3)).argmin()
        assert rows["label"][nearest] == replay.labels[i]
        assert test[nearest] == replay.guard[i]
        assert (
            np.abs(
                upper_outputs(network, replay.maps[i : i + 1])[0]
                - upper_outputs(network, maps[nearest][None])[0]
            ).max()
            < 0.1
        )
    assert source.info["replay"]["licences"] == {"a": "CC BY 4.0", "b": "MIT"}


def test_replay_leaves_the_model_what_it_is(source, copy):
    assert copy.sha256 == source.sha256
    assert copy.card.count("## Cells that travel with it") == 1
    assert "a: CC BY 4.0; b: MIT" in copy.card
    assert (copy.folder / REPLAY_FILE).stat().st_size < 2_000_000


def test_replay_of_other_weights_or_without_numbers_is_told(source, copy):
    info = {**copy.info, "replay": {**copy.info["replay"], "weights_sha256": "0" * 64}}
    with pytest.raises(ModelError, match="made for other weights"):
        load_replay(replace(copy, info=info))
    few = load_replay(source).rows(np.arange(3))
    broken = Replay(few.maps.astype(np.float32) * np.nan, few.labels, few.domains, few.guard)
    with np.errstate(invalid="ignore"):
        content, stated = packed_replay(broken, copy.sha256, {})
    save_bundle(
        copy.folder, copy.tensors, {**copy.info, "replay": stated}, copy.card, further={REPLAY_FILE: content}
    )
    with pytest.raises(ModelError, match="not all of it are numbers"):
        load_replay(wbc.load_model(copy.folder))


def test_a_bundle_without_replay_has_none(copy):
    (copy.folder / REPLAY_FILE).unlink()
    info = {k: v for k, v in copy.info.items() if k != "replay"}
    assert load_replay(replace(copy, info=info)) is None


def test_damaged_replay_is_told(copy):
    with (copy.folder / REPLAY_FILE).open("r+b") as file:
        file.seek(5000)
        file.write(b"\0\0\0\0\0\0\0\0")
    with pytest.raises(ModelError, match="damaged or was altered"):
        verify_bundle(copy.folder)
    (copy.folder / REPLAY_FILE).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_replay(copy)


def test_other_manifests_than_those_of_the_training_are_refused(copy, tmp_path):
    manifest = drawn_manifest(tmp_path, 24, seed=2)
    text = manifest.read_text().replace(",b,", ",elsewhere,")
    manifest.write_text(text)
    with pytest.raises(InputError, match="elsewhere"):
        add_replay(copy.folder, [manifest])
