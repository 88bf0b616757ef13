import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.training.drawn_cells import small_config

from napari_wbc.classification.bundle import load_model
from napari_wbc.errors import InputError
from napari_wbc.training import start
from napari_wbc.training.config import TORCHVISION
from napari_wbc.training.start import fold_batch_norm, fold_imagenet_normalisation, start_network

#: In a process of its own: torchvision brings in triton, which does not go with Mesa.
TORCHVISION_AGREES = """
import torch, torchvision
from napari_wbc.classification.network import build_network
from napari_wbc.training.start import fold_batch_norm
torch.manual_seed(0)
theirs = torchvision.models.mobilenet_v2().eval()
for module in theirs.modules():
    if isinstance(module, torch.nn.BatchNorm2d):
        torch.nn.init.uniform_(module.weight, 0.5, 1.5)
        torch.nn.init.normal_(module.bias, std=0.3)
        module.running_mean.normal_(std=0.3)
        module.running_var.uniform_(0.3, 2.0)
ours = build_network("mobilenet_v2", 2).eval()
folded = fold_batch_norm({k: v for k, v in theirs.state_dict().items() if k.startswith("features.")})
missing, unexpected = ours.load_state_dict(folded, strict=False)
assert all(k.startswith("head.") for k in missing) and not unexpected, (missing, unexpected)
images = torch.randn(2, 3, 64, 64)
with torch.inference_mode():
    expected, found = theirs.features(images), ours.features(images)
print(float((expected - found).abs().max() / expected.abs().max()), float(expected.std()))
"""


def test_folding_gives_what_torchvisions_network_gives():
    done = subprocess.run(
        [sys.executable, "-c", TORCHVISION_AGREES], capture_output=True, text=True, check=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    difference, spread = map(float, done.stdout.split())
    assert spread > 0.01
    assert difference < 1e-5


def test_the_first_convolution_takes_our_input_for_torchvisions():
    torch.manual_seed(0)
    images, weight, bias = torch.rand(1, 3, 9, 9), torch.randn(4, 3, 3, 3), torch.randn(4)
    mean, std = (torch.tensor(x)[:, None, None] for x in (start._IMAGENET_MEAN, start._IMAGENET_STD))
    expected = torch.nn.functional.conv2d((images - mean) / std, weight, bias)
    found = torch.nn.functional.conv2d(images * 2 - 1, *fold_imagenet_normalisation(weight, bias))
    assert torch.allclose(expected, found, atol=1e-5)


def with_batch_norm(network):
    """Give weights as torchvision names them: no bias, a normalisation after each convolution."""
    torch.manual_seed(1)
    weights = {}
    for name, module in network.features.named_modules(prefix="features"):
        if isinstance(module, torch.nn.Conv2d):
            n = module.out_channels
            parent, _, place = name.rpartition(".")
            norm = f"{parent}.{int(place) + 1}"
            weights |= {
                f"{name}.weight": module.weight.detach().clone(),
                f"{norm}.weight": torch.rand(n) + 0.5,
                f"{norm}.bias": torch.randn(n),
                f"{norm}.running_mean": torch.randn(n),
                f"{norm}.running_var": torch.rand(n) + 0.5,
                f"{norm}.num_batches_tracked": torch.tensor(7),
            }
    return weights


def test_torchvisions_weights_are_fetched_checked_and_folded(tmp_path, monkeypatch):
    weights = with_batch_norm(start_network(small_config()))
    torch.save(weights | {"classifier.1.bias": torch.zeros(3)}, tmp_path / "w.pth")
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()[:8]
    served = (tmp_path / "w.pth").rename(tmp_path / f"mobilenet_v2-{digest}.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(start, "_TORCHVISION_URL", served.as_uri())
    network = start_network(small_config(init=TORCHVISION))
    folded = fold_batch_norm(weights)
    name = "features.18.0"
    assert torch.equal(network.state_dict()[f"{name}.weight"], folded[f"{name}.weight"])
    # Something that is not what its name promises is not used.
    wrong = tmp_path / "mobilenet_v2-00000000.pth"
    wrong.write_bytes(served.read_bytes())
    monkeypatch.setattr(start, "_TORCHVISION_URL", wrong.as_uri())
    with pytest.raises(InputError, match="cannot be fetched"):
        start_network(small_config(init=TORCHVISION))


def test_without_internet_one_line_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(start, "_TORCHVISION_URL", "http://127.0.0.1:9/mobilenet_v2-7ebf99e0.pth")
    with pytest.raises(
        InputError, match=r"^torchvision's weights cannot be fetched from .*; give a file"
    ) as error:
        start_network(small_config(init=TORCHVISION))
    assert "\n" not in str(error.value)


def test_a_bundle_brings_its_outputs_for_the_classes_it_shares():
    model = load_model("robust")
    network = start_network(small_config(init="robust", classes=["eosinophil", "smudge", "lymphocyte"]))
    theirs = model.network()
    assert torch.equal(network.features[3].conv[2].weight, theirs.features[3].conv[2].weight)
    for ours, name in ((0, "eosinophil"), (2, "lymphocyte")):
        assert torch.equal(network.head.weight[ours], theirs.head.weight[model.classes.index(name)])
    assert torch.equal(
        network.head.weight[1], start_network(small_config(classes=["x", "y", "z"])).head.weight[1]
    )


def test_the_weights_file_of_a_bundle_is_a_start_too():
    path = load_model("robust").folder / "model.safetensors"
    network = start_network(small_config(init=str(path)))
    assert torch.equal(network.features[0][0].weight, load_model("robust").network().features[0][0].weight)


@pytest.mark.parametrize("content", [b"nonsense", None])
def test_a_start_that_cannot_be_read_is_told(tmp_path, content):
    path = tmp_path / "start.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"start\.safetensors cannot be read as weights"):
        start_network(small_config(init=str(path)))


def test_a_start_of_another_network_is_told(tmp_path):
    from safetensors.torch import save_file

    save_file({"features.0.0.weight": torch.zeros(2, 3, 3, 3)}, tmp_path / "s.safetensors")
    with pytest.raises(InputError, match="does not fit the network mobilenet_v2"):
        start_network(small_config(init=str(tmp_path / "s.safetensors")))
