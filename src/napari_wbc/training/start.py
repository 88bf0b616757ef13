"""What a network starts from: an ImageNet network, a model bundle, torchvision's weights, or random ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import URLError

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from napari_wbc.classification.backbone import Network
from napari_wbc.classification.bundle import load_model
from napari_wbc.classification.network import build_network
from napari_wbc.errors import InputError
from napari_wbc.training.config import TORCHVISION, TrainingConfig

#: ``MobileNet_V2_Weights.IMAGENET1K_V2``; the end of the name is the beginning of its SHA-256.
_TORCHVISION_URL = "https://download.pytorch.org/models/mobilenet_v2-7ebf99e0.pth"
#: What torchvision's networks subtract and divide by, for images in 0..1.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
#: ``eps`` of torch.nn.BatchNorm2d.
_EPSILON = 1e-5
_HEAD = "head."


def start_network(config: TrainingConfig) -> Network:
    """Build the network of a configuration with the weights that it starts from.

    ``config.init`` is a safetensors file of an ImageNet network, the folder or name of a model bundle, ``torchvision``
    (fetched from its server once and kept in torch's cache) or empty. The last layer starts at random, but for
    the classes that a bundle has in common with the configuration.

    Raises
    ------
    InputError
        The start cannot be read or fetched, or does not fit.
    """
    torch.manual_seed(config.seed)
    network = build_network(config.network.name, len(config.classes), **config.network.arguments())
    if config.init:
        weights, classes = _start_weights(config)
        _load(network, weights, config)
        if classes:
            _copy_head(network, weights, classes, config.classes)
    return network


def fold_batch_norm(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    r"""Fold batch normalisation into the convolutions before it; the network computes the same.

    .. math:: \gamma \frac{w * x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta
              = \left(\frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} w\right) * x
              + \beta - \frac{\gamma \mu}{\sqrt{\sigma^2 + \epsilon}}

    Parameters
    ----------
    weights : mapping of str to torch.Tensor
        Of a network made of sequences in which a normalisation ``a.b.n`` follows the convolution ``a.b.(n-1)``, as
        torchvision's MobileNetV2 is. The convolutions have no bias.

    Returns
    -------
    dict of str to torch.Tensor
        float32, the same names without those of the normalisations and with a bias for each convolution.
    """
    folded = {k: v.double() for k, v in weights.items() if v.is_floating_point()}
    for norm in [k.removesuffix(".running_mean") for k in weights if k.endswith(".running_mean")]:
        parent, _, position = norm.rpartition(".")
        convolution = f"{parent}.{int(position) - 1}"
        mean, variance = folded.pop(f"{norm}.running_mean"), folded.pop(f"{norm}.running_var")
        scale = folded.pop(f"{norm}.weight") / torch.sqrt(variance + _EPSILON)
        folded[f"{convolution}.weight"] = folded[f"{convolution}.weight"] * scale[:, None, None, None]
        folded[f"{convolution}.bias"] = folded.pop(f"{norm}.bias") - mean * scale
    return {k: v.float() for k, v in folded.items()}


def fold_imagenet_normalisation(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Let a first convolution made for torchvision's normalised images take images in [-1, 1].

    With u in [-1, 1], torchvision's input is (u / 2 + 1 / 2 - mean) / std. Only the outermost pixels differ: the
    convolution pads with zeros, which here are mid-grey and there the mean colour.
    """
    mean, std = torch.tensor(_IMAGENET_MEAN), torch.tensor(_IMAGENET_STD)
    offset = ((0.5 - mean) / std)[None, :, None, None]
    return weight * (0.5 / std)[None, :, None, None], bias + (weight * offset).sum(dim=(1, 2, 3))


def _start_weights(config: TrainingConfig) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Give the weights of the start, and the classes of its last layer where it is a bundle."""
    if config.init == TORCHVISION:
        return _torchvision_weights(config.network.name), ()
    if Path(config.init).is_file() or config.init.endswith(".safetensors"):
        try:
            weights = load_file(config.init)
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(f"{config.init} cannot be read as weights: {error}") from None
        # The weights of a bundle carry a prefix, those of an ImageNet start do not.
        return {k.removeprefix("network."): v.float() for k, v in weights.items()}, ()
    model = load_model(config.init)
    if model.info["architecture"]["name"] != config.network.name:
        raise InputError(
            f"{config.init} is a {model.info['architecture']['name']}, the configuration asks for "
            f"{config.network.name}; change network.name or init"
        )
    tensors = {
        k.removeprefix("network."): torch.from_numpy(np.array(v, np.float32))
        for k, v in model.tensors.items()
        if k.startswith("network.")
    }
    return tensors, model.classes


def _torchvision_weights(name: str) -> dict[str, Tensor]:
    if name != "mobilenet_v2":
        raise InputError(
            f'torchvision has no weights for {name}; use init = "" or network.name "mobilenet_v2"'
        )
    try:
        # Not through torchvision: importing it brings in triton, see classification.network.
        weights = torch.hub.load_state_dict_from_url(
            _TORCHVISION_URL, progress=False, check_hash=True, weights_only=True
        )
    except (URLError, OSError, RuntimeError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"torchvision's weights cannot be fetched from {_TORCHVISION_URL} ({reason}); give a file with init"
        ) from None
    folded = fold_batch_norm({k: v for k, v in weights.items() if k.startswith("features.")})
    first = "features.0.0"
    folded[f"{first}.weight"], folded[f"{first}.bias"] = fold_imagenet_normalisation(
        folded[f"{first}.weight"], folded[f"{first}.bias"]
    )
    return folded


def _load(network: nn.Module, weights: Mapping[str, Tensor], config: TrainingConfig) -> None:
    """Load all weights but those of the last layer; normalisation layers that the start lacks stay as they are."""
    norms = tuple(
        f"{name}." for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)
    )
    wanted = {k: v for k, v in network.state_dict().items() if not k.startswith(_HEAD)}
    body = {k: v for k, v in weights.items() if k in wanted and v.shape == wanted[k].shape}
    lacking = [k for k in wanted if k not in body and not k.startswith(norms)]
    foreign = [k for k in weights if k.startswith("features.") and k not in body]
    if lacking or foreign:
        raise InputError(
            f"{config.init} does not fit the network {config.network.name} (see {(lacking + foreign)[0]})"
        )
    network.load_state_dict(body, strict=False)


def _copy_head(
    network: Network, weights: Mapping[str, Tensor], theirs: Sequence[str], ours: Sequence[str]
) -> None:
    """Take over the outputs of the classes that both have."""
    shared = [(ours.index(name), theirs.index(name)) for name in theirs if name in ours]
    with torch.no_grad():
        for kind, parameter in network.head.named_parameters():
            for ours_row, theirs_row in shared:
                parameter[ours_row] = weights[f"{_HEAD}{kind}"][theirs_row]
