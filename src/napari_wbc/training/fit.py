"""Fitting a network: the loop, its checkpoints and its resume."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from napari_wbc.classification.crops import normalise_background, to_tensor
from napari_wbc.classification.network import MobileNetV2, build_network
from napari_wbc.errors import InputError
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.losses import Batch, LossConfig, TrainingRows, build_objective
from napari_wbc.training.manifests import CropRows
from napari_wbc.training.sampling import row_weights

_CHECKPOINT_EVERY = 200


def start_network(config: TrainingConfig) -> MobileNetV2:
    """Build the network, from the ImageNet start or the bundle that the configuration names.

    Raises
    ------
    InputError
        The start cannot be read or does not fit.
    """
    torch.manual_seed(config.seed)
    network = build_network("mobilenet_v2", len(config.classes), dropout=config.dropout)
    if config.init:
        try:
            weights = load_file(config.init)
        except (OSError, ValueError) as error:
            raise InputError(f"{config.init} cannot be read as weights: {error}") from None
        # The weights of a bundle carry a prefix, those of an ImageNet start do not.
        plain = {k.removeprefix("network."): v for k, v in weights.items()}
        body = {k: v.float() for k, v in plain.items() if k.startswith("features.")}
        missing, unexpected = network.load_state_dict(body, strict=False)
        if unexpected or any(k.startswith("features.") for k in missing):
            raise InputError(f"{config.init} does not fit the network mobilenet_v2")
    else:
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def fit_network(
    config: TrainingConfig,
    rows: pd.DataFrame,
    crops: NDArray[np.uint8] | CropRows,
    *,
    checkpoint: str | Path | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> MobileNetV2:
    """Train a network on the rows given.

    Parameters
    ----------
    config : TrainingConfig
        The recipe; rows are not split here.
    rows : pandas.DataFrame
        Training rows with ``domain`` and ``label``.
    crops : numpy.ndarray of uint8, shape (n, side, side, 3)
        One per row.
    checkpoint : str or Path, optional
        File that the state is kept in; when it exists, training goes on from it and ends as if it had never stopped.
    progress : callable, optional
        Takes :class:`~napari_wbc.execution.progress.Progress`.
    cancel : CancelToken, optional
        Checked at each step; a checkpoint is written before the run stops.

    Returns
    -------
    MobileNetV2
        The average of the weights over the run, in evaluation mode.
    """
    weights = row_weights(
        list(rows["domain"]),
        list(rows["label"]),
        domain_power=config.domain_power,
        class_power=config.class_power,
    )
    training_rows = TrainingRows.of(list(rows["domain"]), list(rows["label"]), weights, config.classes)
    unknown = ~training_rows.members.any(axis=1)
    if unknown.any():
        label = rows["label"].iloc[int(np.flatnonzero(unknown)[0])]
        raise InputError(
            f"the label {label!r} allows none of the model's classes; drop its rows or add the class"
        )
    objective = build_objective(
        LossConfig(tau=config.tau, unlabelled_prior=config.unlabelled_prior), training_rows
    )
    network = start_network(config).to(memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    rates = [config.lr * config.lr_decay**i for i in range(len(network.stages()))][::-1]
    optimizer = torch.optim.AdamW(
        [{"params": p, "lr": r} for p, r in zip(network.stages(), rates, strict=True)],
        weight_decay=config.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _schedule(step, config))
    generator = torch.Generator().manual_seed(config.seed)
    random = np.random.default_rng(config.seed)
    done = 0
    path = Path(checkpoint) if checkpoint is not None else None
    if path is not None and path.is_file():
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        objective.load_state_dict(state["objective"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        done = int(state["step"])
        # The draws of the rows are replayed rather than stored: cheap, and the file holds tensors only.
        for _ in range(done):
            random.choice(len(rows), config.batch, p=weights)

    def save(step: int) -> None:
        if path is None:
            return
        state = {
            "network": network.state_dict(),
            "objective": objective.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "generator": generator.get_state(),
            "torch": torch.get_rng_state(),
            "step": step,
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    network.train()
    members, domains, labels = (
        torch.from_numpy(x) for x in (training_rows.members, training_rows.domains, training_rows.labels)
    )
    for step in range(done, config.steps):
        if cancel is not None and cancel.cancelled:
            save(step)
            cancel.check()
        index = random.choice(len(rows), config.batch, p=weights)
        images = network_batch(np.array(crops[index]), config, generator)
        logits, embeddings = network(images)
        loss, _ = objective(Batch(logits, embeddings, members[index], domains[index], labels[index], step))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        # A short memory at first, so that the start does not linger in the average.
        decay = min(config.ema, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1.0 - decay)
        if (step + 1) % _CHECKPOINT_EVERY == 0:
            save(step + 1)
        if progress is not None:
            progress(Progress(f"Training (loss {loss.item():.3f})", step + 1, config.steps, "step"))
    save(config.steps)
    return average


def network_batch(crops: NDArray[np.uint8], config: TrainingConfig, generator: torch.Generator) -> Tensor:
    """Turn stored crops into what the network sees in training."""
    images = normalise_background(to_tensor(crops))
    images = config.augmentation(images, config.input_px, generator)
    return (images * 2.0 - 1.0).contiguous(memory_format=torch.channels_last)


def _schedule(step: int, config: TrainingConfig) -> float:
    """Warm up linearly, then fall along half a cosine."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    part = (step - config.warmup) / max(1, config.steps - config.warmup)
    return float(0.5 * (1.0 + np.cos(np.pi * min(1.0, part)))) * 0.99 + 0.01
