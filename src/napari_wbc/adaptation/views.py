"""Labelled cells as the lower stages of a network show them: as they are, turned, and in augmented copies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.adaptation.start import Start
from napari_wbc.classification.backbone import Network
from napari_wbc.classification.network import build_network
from napari_wbc.execution.progress import CancelToken
from napari_wbc.training.outputs import CropSource, lower_maps

_BATCH = 64
#: Told how many of how many are done.
Done = Callable[[int, int], None]


def source_network(start: Start, device: str) -> Network:
    """Build the network of the source with an output for every class, in evaluation mode."""
    model = start.model
    architecture = model.info["architecture"]
    network = build_network(architecture["name"], len(start.classes), **architecture.get("arguments", {}))
    weights = {k: v.detach().clone() for k, v in model.network("cpu").state_dict().items()}
    weights["head.weight"] = torch.from_numpy(start.head.weight.astype(np.float32))
    weights["head.bias"] = torch.from_numpy(start.head.bias.astype(np.float32))
    network.load_state_dict(weights)
    network.eval().requires_grad_(False)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def plain_maps(
    network: Network, start: Start, crops: NDArray[np.uint8], *, cancel: CancelToken | None = None
) -> NDArray[np.float16]:
    """Give the feature maps of cells as they are and as a second look turns them.

    Parameters
    ----------
    network : Network
        Of the source: an adaptation leaves its lower stages alone.
    start : Start
        Tells size, view and orientations.
    crops : numpy.ndarray of uint8, shape (n, side, side, 3)
        The cells.
    cancel : CancelToken, optional
        Checked before each batch.

    Returns
    -------
    numpy.ndarray of float16, shape (orientations, n, channels, h, w)
    """
    model = start.model
    turns = range(model.second_look.orientations)
    return lower_maps(network, crops, model.input_px, model.view, orientations=turns, cancel=cancel)


def augmented_maps(
    network: Network,
    start: Start,
    crops: NDArray[np.uint8],
    recipe: Recipe,
    *,
    step: Done | None = None,
    cancel: CancelToken | None = None,
) -> NDArray[np.float16]:
    """Give the feature maps of augmented copies of cells.

    Parameters
    ----------
    network, start, crops, cancel
        As for :func:`plain_maps`.
    recipe : Recipe
        How many copies, and how they are augmented.
    step : callable, optional
        Told how many crops of how many are done.

    Returns
    -------
    numpy.ndarray of float16, shape (copies, n, channels, h, w)
    """
    device = next(network.parameters()).device.type
    source = CropSource(crops, device)
    model = start.model
    generator = torch.Generator(device).manual_seed(recipe.seed)
    # Many cells are as good as many copies of few.
    copies = int(np.clip(recipe.view_crops // max(1, len(crops)), 1, recipe.views))
    one_laboratory = torch.zeros(len(crops), dtype=torch.int64, device=device)
    found = []
    for copy in range(copies):
        for first in range(0, len(crops), _BATCH):
            if cancel is not None:
                cancel.check()
            rows = np.arange(first, min(first + _BATCH, len(crops)))
            with torch.inference_mode():
                images = source.augmented(
                    rows, model.input_px, model.view, recipe.augmentation, generator, one_laboratory[rows]
                )
                found.append(network.lower(images).half().contiguous().cpu().numpy())
            if step is not None:
                step(copy * len(crops) + int(rows[-1]) + 1, copies * len(crops))
    maps = np.concatenate(found)
    return maps.reshape(copies, len(crops), *maps.shape[1:])
