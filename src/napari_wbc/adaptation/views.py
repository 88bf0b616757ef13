"""Augmented copies of cells, as a network sees them: what a head is fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.adaptation.start import Start
from napari_wbc.classification.backbone import Network
from napari_wbc.classification.network import build_network
from napari_wbc.classification.replay import Replay
from napari_wbc.execution.progress import CancelToken
from napari_wbc.training.outputs import CropSource, network_outputs

_VIEW_CROPS = 64
#: Told how many of how many are done.
Done = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Embeddings of augmented copies.

    Attributes
    ----------
    labelled : numpy.ndarray, shape (v, n, d)
        Of n labelled cells.
    replayed : numpy.ndarray, shape (w, m, d)
        Of m replayed cells.
    """

    labelled: NDArray[np.float32]
    replayed: NDArray[np.float32]

    def rows(self, chosen: NDArray[np.intp]) -> Views:
        """Give those of some of the labelled cells."""
        return Views(self.labelled[:, chosen], self.replayed)


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


def look(
    network: Network,
    start: Start,
    crops: NDArray[np.uint8],
    replay: Replay,
    recipe: Recipe,
    *,
    step: Done | None = None,
    cancel: CancelToken | None = None,
) -> Views:
    """Show augmented copies of all cells to a network.

    Parameters
    ----------
    network : Network
        In evaluation mode, with the weights in question.
    start : Start
        Tells size and view.
    crops : numpy.ndarray of uint8, shape (n, side, side, 3)
        Labelled cells.
    replay : Replay
        Without its guard; may be empty.
    recipe : Recipe
        How many copies.
    step : callable, optional
        Told how many crops of how many are done.
    cancel : CancelToken, optional
        Checked before each batch.
    """
    device = next(network.parameters()).device.type
    generator = torch.Generator(device).manual_seed(recipe.seed)
    # Many cells are as good as many copies of few.
    copies = int(np.clip(recipe.view_crops // max(1, len(crops)), 1, recipe.views))
    total = copies * len(crops) + recipe.replay_views * len(replay)
    done = 0

    def embedded(of: NDArray[np.uint8], views: int) -> NDArray[np.float32]:
        nonlocal done
        source = CropSource(of, device)
        found = np.zeros((views, len(of), network.embedding_size), np.float32)
        for view in range(views):
            for first in range(0, len(of), _VIEW_CROPS):
                if cancel is not None:
                    cancel.check()
                rows = np.arange(first, min(first + _VIEW_CROPS, len(of)))
                with torch.inference_mode():
                    images = augmented(source, rows, np.zeros(len(rows), np.int64), start, recipe, generator)
                    found[view, rows] = network(images)[1].float().cpu().numpy()
                done += len(rows)
                if step is not None:
                    step(done, total)
        return found

    return Views(embedded(crops, copies), embedded(replay.crops, recipe.replay_views))


def augmented(
    source: CropSource,
    rows: NDArray[np.intp],
    domains: NDArray[np.int64],
    start: Start,
    recipe: Recipe,
    generator: torch.Generator,
) -> Tensor:
    """Give the network's input of some crops, augmented as the recipe says."""
    of = torch.from_numpy(domains).to(source.device)
    model = start.model
    return source.augmented(rows, model.input_px, model.view, recipe.augmentation, generator, of)


def plain_outputs(
    network: Network, start: Start, replay: Replay, cancel: CancelToken | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give logits ``(m, k)`` and embeddings ``(m, d)`` of replayed cells as they are."""
    if not len(replay):
        return np.zeros((0, len(start.classes)), np.float32), np.zeros(
            (0, network.embedding_size), np.float32
        )
    model = start.model
    return network_outputs(network, replay.crops, model.input_px, model.view, cancel=cancel)
