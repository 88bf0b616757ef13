import json
import shutil

import numpy as np
import pytest
import torch

from napari_wbc.classification.bundle import (
    INFO_FILE,
    WEIGHTS_FILE,
    list_models,
    load_model,
    save_bundle,
    verify_bundle,
)
from napari_wbc.classification.network import build_network
from napari_wbc.errors import ModelError, OutputError


def bundle(folder, **changes):
    torch.manual_seed(0)
    network = build_network("mobilenet_v2", 2)
    tensors = {f"network.{k}": v.numpy() for k, v in network.state_dict().items()}
    tensors["novelty.reference"] = np.eye(4, 1280, dtype=np.float16)
    info = {
        "name": "tiny",
        "architecture": {"name": "mobilenet_v2", "arguments": {"dropout": 0.2}},
        "classes": ["lymphocyte", "monocyte"],
        "um_per_px": 0.26,
        "window_um": 25.0,
        "input_px": 96,
        "normalisation": {"background_quantile": 0.95, "white": 0.92},
        "temperature": 1.0,
        "class_priors": {"lymphocyte": 0.6, "monocyte": 0.4},
        "novelty": {"neighbours": 2, "quantiles": [0.0, 1.0]},
        "thresholds": {"min_confidence": 0.5, "max_novelty": 0.99},
        **changes,
    }
    return save_bundle(folder, tensors, info, "# tiny\n")


def test_a_saved_bundle_loads_and_runs(tmp_path):
    folder = bundle(tmp_path / "tiny")
    model = verify_bundle(folder)
    assert model.classes == ("lymphocyte", "monocyte")
    assert model.card == "# tiny\n"
    assert sorted(p.name for p in folder.iterdir()) == ["CARD.md", "model.json", "model.safetensors"]


def test_users_bundles_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_WBC_MODELS", str(tmp_path))
    bundle(tmp_path / "mine")
    assert [m.name for m in list_models() if not m.bundled] == ["mine"]
    assert load_model("mine").folder == tmp_path / "mine"


def test_an_altered_weights_file_is_refused(tmp_path):
    folder = bundle(tmp_path / "tiny")
    weights = folder / WEIGHTS_FILE
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="altered"):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 99}, "schema version"),
        ({"classes": []}, "classes"),
        ({"classes": ["a", "a"]}, "classes"),
        ({"temperature": 0}, "temperature"),
        ({"class_priors": {"lymphocyte": 1.0}}, "prior"),
        ({"class_priors": {"lymphocyte": 1.0, "monocyte": 0.0}}, "prior"),
        ({"um_per_px": -1}, "um_per_px"),
        ({"input_px": "96"}, "input_px"),
        ({"second_look": {"orientations": 3}}, "orientations must be 1, 2, 4 or 8"),
        ({"second_look": {"below": 2.0}}, "below must lie between 0 and 1"),
        ({"second_look": {"turns": 2}}, "second_look"),
        ({"view_um": 26.0}, "view_um"),
        ({"view_um": True}, "view_um"),
        ({"novelty": None}, "novelty"),
        ({"novelty": {"neighbours": 2}}, "quantiles"),
        (
            {"novelty": {"neighbours": 2, "quantiles": [0.0, 1.0], "parts": {"mood": [0, 1]}}},
            "parts of novelty",
        ),
        ({"thresholds": {"min_confidence": 0.5}}, "thresholds"),
        ({"conformal": {"level": 2, "threshold": 0.1}}, "conformal"),
        ({"domain_shift": {"domains": ["pbc"]}}, "domain_shift"),
    ],
)
def test_a_malformed_description_is_one_plain_line(tmp_path, change, message):
    folder = bundle(tmp_path / "tiny")
    info = json.loads((folder / INFO_FILE).read_text())
    (folder / INFO_FILE).write_text(json.dumps({**info, **change}))
    with pytest.raises(ModelError, match=message) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"[" * 100_000])
def test_broken_json_is_one_plain_line(tmp_path, content):
    folder = bundle(tmp_path / "tiny")
    (folder / INFO_FILE).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture_are_refused(tmp_path):
    folder = bundle(tmp_path / "tiny", classes=["a", "b", "c"], class_priors={"a": 0.4, "b": 0.3, "c": 0.3})
    with pytest.raises(ModelError, match="do not fit"):
        verify_bundle(folder)
    with pytest.raises(ModelError, match="unknown architecture"):
        verify_bundle(bundle(tmp_path / "other", architecture={"name": "vgg"}))


def test_a_missing_model_names_those_that_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_WBC_MODELS", str(tmp_path))
    bundle(tmp_path / "mine")
    with pytest.raises(ModelError, match="mine"):
        load_model("nothing-like-it")
    with pytest.raises(ModelError, match=r"no model\.json"):
        load_model(tmp_path)


def test_a_bundle_never_replaces_something_else(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("words")
    with pytest.raises(OutputError, match="no model bundle"):
        bundle(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "words"
    shutil.rmtree(tmp_path / "thesis")
    bundle(tmp_path / "thesis")
    bundle(tmp_path / "thesis")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis"]
