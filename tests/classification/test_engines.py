"""The engines agree with each other, whatever the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_wbc as wbc
from napari_wbc.classification.engines import build_engine
from napari_wbc.classification.engines.torch_engine import TorchEngine
from napari_wbc.classification.network import build_network

onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed (extra: fast)")
onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra: fast)")
NETWORKS = [
    ("mobilenet_v2", {}),
    ("mobilenet_v2", {"normalisation": "batch"}),
    ("convnext_atto", {"mixstyle": 0.5}),
]


def batches(n, size=64, side=64):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand((size, 3, side, side), generator=generator) * 2 - 1 for _ in range(n)]


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda p: "-".join(map(str, (p[0], *p[1].values()))))
def network(request):
    torch.manual_seed(0)
    name, arguments = request.param
    built = build_network(name, 7, **arguments)
    # Statistics and scales as after training: those of a new network would hide a swapped pair.
    for layer in built.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(layer.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.uniform_(layer.bias, -0.1, 0.1)
    for name, values in built.named_parameters():
        if name.endswith("layer_scale"):
            torch.nn.init.constant_(values, 0.5)
    return built.eval().requires_grad_(False)


def test_onnx_runtime_gives_what_torch_gives(network):
    engine = build_engine(network, "cpu", 64)
    assert engine.name.startswith("ONNX Runtime")
    images = batches(3, engine.batch_crops)
    for ours, theirs in zip(engine.outputs(images), TorchEngine(network, "cpu").outputs(images), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert a.dtype == np.float32
            scale = np.abs(b).max()
            assert scale > 0
            np.testing.assert_allclose(a, b, atol=1e-4 * scale)


def test_the_numbers_do_not_depend_on_threads(network):
    from napari_wbc.classification.engines.onnx_runtime import OnnxEngine

    images = batches(5, OnnxEngine.batch_crops)
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(list(OnnxEngine(network, 64).outputs(iter(images))))
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*found, strict=True):
        for a, b in zip(one, three, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_layer_that_is_not_known_is_said():
    from napari_wbc.classification.engines.onnx_graph import onnx_model
    from napari_wbc.errors import ModelError

    with pytest.raises(ModelError, match="SELU"):
        onnx_model(torch.nn.Sequential(torch.nn.SELU()), 32)


def test_the_bundle_runs_in_onnx_runtime_where_it_is_installed():
    model = wbc.load_model("robust")
    assert model.engine("cpu").name.startswith("ONNX Runtime")
    assert model.engine("cpu") is model.engine("cpu")
