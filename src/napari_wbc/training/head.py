"""The last layer, fitted a second time on the embeddings of a network that stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn import functional

from napari_wbc.execution.progress import Progress
from napari_wbc.training.losses import Batch, build_objective
from napari_wbc.training.outputs import CropSource
from napari_wbc.training.sampling import training_rows

if TYPE_CHECKING:
    from napari_wbc.classification.backbone import Network
    from napari_wbc.execution.progress import CancelToken, ProgressCallback
    from napari_wbc.training.config import TrainingConfig
    from napari_wbc.training.manifests import CropRows

_FORWARD_CROPS = 128
_STEP_ROWS = 512


def refit_head(
    network: Network,
    config: TrainingConfig,
    rows: pd.DataFrame,
    crops: NDArray[np.uint8] | CropRows,
    *,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> None:
    r"""Fit the last layer again with ``config.head``; the layers below keep their weights.

    A short training leaves the last layer behind: the fine classes of the training labs are not told apart as well as
    the embeddings allow. More steps for all layers mend that and cost accuracy on labs never seen; more steps for the
    last one, held near where it was, mend most of it and cost nothing there. The same observation, the other way
    round, is linear probing before fine-tuning (Kumar et al. 2022, https://arxiv.org/abs/2202.10054).

    .. math:: \min_{W, b} L_{CE}(W, b) + \tfrac{\lambda}{2} \lVert W - W_0 \rVert^2

    Parameters
    ----------
    network : Network
        In evaluation mode; its last layer is changed.
    config : TrainingConfig
        The recipe: sampling, augmentation and classification loss are those of the training.
    rows, crops, device, progress, cancel
        As for :func:`~napari_wbc.training.fit.fit_network`.
    """
    settings = config.head
    if not settings.draws:
        return
    numbered = training_rows(rows, config)
    members, domains, labels = (
        torch.from_numpy(x).to(device) for x in (numbered.members, numbered.domains, numbered.labels)
    )
    source = CropSource(crops, device)
    drawn = np.random.default_rng(config.seed).choice(len(rows), settings.draws, p=numbered.weights)
    generator = torch.Generator(device).manual_seed(config.seed)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(drawn), _FORWARD_CROPS):
            if cancel is not None:
                cancel.check()
            index = drawn[start : start + _FORWARD_CROPS]
            images = source.augmented(
                index,
                config.input_px,
                config.view,
                config.augmentation,
                generator,
                domains[torch.from_numpy(index).to(device)],
            )
            parts.append(network(images)[1].float())
            if progress is not None:
                done = min(start + _FORWARD_CROPS, len(drawn))
                progress(Progress("Fitting the last layer", done, len(drawn), "crop"))
    # A copy: what was made in inference mode cannot be trained on.
    embeddings = torch.cat(parts).clone()
    of = torch.from_numpy(drawn).to(device)
    objective = build_objective(config.loss.classification_alone(), numbered, network.embedding_size).to(
        device
    )
    start_weight = network.head.weight.detach().clone()
    weight = start_weight.clone().requires_grad_()
    bias = network.head.bias.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([weight, bias], lr=settings.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    torch.manual_seed(config.seed)
    for step in range(settings.steps):
        chosen = torch.randint(len(embeddings), (_STEP_ROWS,), generator=generator, device=device)
        row = of[chosen]
        seen = functional.dropout(embeddings[chosen], config.network.dropout)
        logits = functional.linear(seen, weight, bias)
        batch = Batch(logits, embeddings[chosen], members[row], domains[row], labels[row], step)
        loss = objective(batch)[0] + settings.pull / 2 * (weight - start_weight).square().sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        network.head.weight.copy_(weight)
        network.head.bias.copy_(bias)
