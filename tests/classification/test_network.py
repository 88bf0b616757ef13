import subprocess
import sys

import pytest
import torch
from torch import nn

from napari_wbc.classification.backbone import MixStyle
from napari_wbc.classification.network import build_network
from napari_wbc.errors import ModelError


@pytest.mark.parametrize("name", ["mobilenet_v2", "convnext_atto"])
def test_outputs_embeddings_and_stages(name):
    network = build_network(name, 3).eval()
    images = torch.rand(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        logits, embeddings = network(images)
        assert torch.allclose(network.head(embeddings), logits)
    assert logits.shape == (2, 3)
    assert embeddings.shape == (2, network.embedding_size)
    stages = network.stages()
    assert len(stages) == 5
    grouped = [id(p) for stage in stages for p in stage]
    assert len(grouped) == len(set(grouped)) == len(list(network.parameters()))


def test_unknown_names_and_arguments():
    with pytest.raises(ModelError, match="unknown architecture 'resnet'"):
        build_network("resnet", 3)
    with pytest.raises(ModelError, match="convnext_atto cannot be built"):
        build_network("convnext_atto", 3, normalisation="batch")


def test_batch_normalisation_stands_behind_every_convolution():
    plain, with_norm = (
        build_network("mobilenet_v2", 3),
        build_network("mobilenet_v2", 3, normalisation="batch"),
    )
    convolutions = [n for n, m in plain.named_modules() if isinstance(m, nn.Conv2d)]
    norms = [n for n, m in with_norm.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == len(convolutions) == 52
    assert not any(isinstance(m, nn.BatchNorm2d) for m in plain.modules())
    # The names of the others are the same, so weights without normalisation fit.
    assert set(plain.state_dict()) < set(with_norm.state_dict())


def test_styles_are_mixed_in_training_only():
    mix = MixStyle(1.0)
    features = torch.randn(6, 4, 8, 8) * torch.rand(6, 4, 1, 1) + torch.randn(6, 4, 1, 1)
    assert torch.equal(mix.eval()(features), features)
    assert torch.equal(MixStyle(0.0).train()(features), features)
    torch.manual_seed(0)
    mixed = mix.train()(features)
    torch.manual_seed(0)
    assert torch.equal(mix(features), mixed)
    assert not torch.allclose(mixed, features)

    def shape(x):
        return (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True)

    # Mean and spread of the pixels change, their pattern stays.
    assert torch.allclose(shape(mixed), shape(features), atol=1e-3)
    assert mixed.mean((2, 3)).min() >= features.mean((2, 3)).min() - 1e-5


def test_a_network_mixes_styles_after_its_first_two_stages():
    network = build_network("mobilenet_v2", 2, dropout=0.0, mixstyle=1.0)
    images = torch.rand(4, 3, 32, 32)
    torch.manual_seed(0)
    mixed = network.train()(images)[0]
    assert not torch.allclose(mixed, network.eval()(images)[0], atol=1e-6)
    assert "mixstyle" not in " ".join(network.state_dict())


def test_convnext_computes_what_torchvisions_does():
    # In a process of its own: torchvision brings in triton, see classification.network.
    code = """
import torch
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from napari_wbc.classification.network import build_network
torch.manual_seed(0)
stages = ((40, 80, 2), (80, 160, 2), (160, 320, 6), (320, None, 2))
settings = [CNBlockConfig(*stage) for stage in stages]
theirs = ConvNeXt(settings, layer_scale=0.5, num_classes=3).eval()
ours = build_network("convnext_atto", 3).eval()
names = {"classifier.0": "norm", "classifier.2": "head"}
weights = {}
for name, value in theirs.state_dict().items():
    for their_part, our_part in names.items():
        name = name.replace(their_part, our_part)
    weights[name] = value
ours.load_state_dict(weights)
images = torch.randn(2, 3, 64, 64)
with torch.inference_mode():
    difference = (theirs(images) - ours(images)[0]).abs().max()
assert difference < 1e-4, difference
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
