"""The exported file gives what torch gives, and says what other programs need to know."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import napari_wbc as wbc
from napari_wbc.classification.engines import onnx_export, onnx_is_there
from napari_wbc.cli import main
from napari_wbc.errors import InputError, ModelError, OutputError

needs_onnx = pytest.mark.skipif(not onnx_is_there(), reason="ONNX is not installed (extra: fast)")


@needs_onnx
def test_the_file_gives_what_torch_gives(tmp_path, capsys):
    import onnxruntime

    out = tmp_path / "robust.onnx"
    assert main(["models", "export", "robust", "--out", str(out)]) == 0
    assert "the same class for 100 %" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    model = wbc.load_model("robust")
    images = (
        torch.rand((5, 3, model.input_px, model.input_px), generator=torch.Generator().manual_seed(2)) * 2 - 1
    )
    found = session.run(["logits", "embeddings"], {"images": images.numpy()})
    with torch.inference_mode():
        expected = model.network("cpu")(images)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b.numpy(), atol=1e-4 * float(b.abs().max()))
    notes = session.get_modelmeta().custom_metadata_map
    assert json.loads(notes["classes"]) == list(model.classes)
    assert json.loads(notes["window_um"]) == model.window_um
    assert notes["sha256"] == model.sha256


@needs_onnx
def test_a_network_that_differs_is_not_written(tmp_path, monkeypatch):
    model = wbc.load_model("robust")
    monkeypatch.setattr(onnx_export, "_LARGEST_DIFFERENCE", 0.0)
    with pytest.raises(ModelError, match="nothing was written"):
        onnx_export.export_onnx(model, tmp_path / "robust.onnx")
    assert list(tmp_path.iterdir()) == []


@needs_onnx
def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        onnx_export.export_onnx(wbc.load_model("robust"), tmp_path / "missing" / "robust.onnx")


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "napari_wbc.classification.engines.find_spec", lambda name: None if name == "onnx" else found(name)
    )
    with pytest.raises(InputError, match=r"napari-wbc\[fast\]"):
        onnx_export.export_onnx(wbc.load_model("robust"), tmp_path / "robust.onnx")
    # and counting goes on in torch
    assert replace(wbc.load_model("robust"), _engines={}).engine("cpu").name.startswith("torch ")
