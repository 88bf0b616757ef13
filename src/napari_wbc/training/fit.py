"""Fitting a network: the loop over batches."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_wbc.classification.backbone import Network
from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.training.batch_norm import calibrate_batch_norm
from napari_wbc.training.checkpoint import RunState
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.losses import Batch, TrainingRows, build_objective
from napari_wbc.training.manifests import CropRows
from napari_wbc.training.memory import keep_freed_memory
from napari_wbc.training.metrics_log import MetricsLog
from napari_wbc.training.outputs import CropSource, network_outputs
from napari_wbc.training.sampling import training_rows
from napari_wbc.training.start import start_network

#: Steps between two entries of the log; the loss is looked at then, so that a GPU need not wait for it at each step.
LOG_EVERY = 20
#: Rows of each pair of domain and label that its centroid is taken from: the mean of so many is steady, and the
#: whole training set would take as long as hundreds of steps.
_CENTROID_ROWS = 32
#: Rows whose statistics a batch normalisation starts with.
_CALIBRATION_ROWS = 512


class Watch(Protocol):
    """Looks at the network every so many steps, and may end the run."""

    @property
    def every(self) -> int:
        """Steps between two looks."""

    def look(self, step: int, network: Network) -> bool:
        """Look at the network as it would be used; True ends the run."""

    def state(self) -> dict[str, Any]:
        """Give what must be remembered over a resume, as plain values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what was remembered."""


def fit_network(
    config: TrainingConfig,
    rows: pd.DataFrame,
    crops: NDArray[np.uint8] | CropRows,
    *,
    device: str = "cpu",
    draw_seed: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 60.0,
    watch: Watch | None = None,
    stage: str = "Training",
    log: MetricsLog | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Network:
    """Train a network on the rows given.

    The result depends on the configuration, the rows and the crops alone: on the CPU, with the same number of threads,
    two runs end with the same bits, also where one of them was stopped or killed on its way.

    Parameters
    ----------
    config : TrainingConfig
        The recipe; rows are not split here.
    rows : pandas.DataFrame
        Training rows with ``domain`` and ``label``.
    crops : numpy.ndarray of uint8, shape (n, side, side, 3)
        One per row.
    device : {"cpu", "cuda"}
        On a GPU the crops, the augmentation and the network are there, and the network runs in bfloat16.
    draw_seed : int, optional
        Of rows, augmentation and dropout; ``config.seed`` by default. The start always goes by ``config.seed``.
    checkpoint : str or Path, optional
        File that the state is kept in; when it exists, training goes on from it and ends as if it had never stopped.
    checkpoint_seconds : float, optional
        Time between two writings of the checkpoint.
    watch : Watch, optional
        Looks at the network on the way and may end the run.
    stage : str, optional
        What progress calls this run.
    log : MetricsLog, optional
        Takes the losses every 20 steps.
    progress : callable, optional
        Takes :class:`~napari_wbc.execution.progress.Progress`.
    cancel : CancelToken, optional
        Checked at each step; a checkpoint is written before the run stops.

    Returns
    -------
    Network
        The average of the weights over the run, or the last ones, in evaluation mode.

    Raises
    ------
    InputError
        A label allows none of the classes, the start or the checkpoint does not fit, or the loss runs away.
    """
    keep_freed_memory()
    seed = config.seed if draw_seed is None else draw_seed
    numbered = training_rows(rows, config)
    unknown = ~numbered.members.any(axis=1)
    if unknown.any():
        label = rows["label"].iloc[int(np.flatnonzero(unknown)[0])]
        raise InputError(
            f"the label {label!r} allows none of the model's classes; drop its rows or add the class"
        )
    source = CropSource(crops, device)
    state = _begin(config, numbered, source, seed)
    pull = _StartPull(config, state.network)
    path = Path(checkpoint) if checkpoint is not None else None
    fingerprint = f"{config.fingerprint()} {rows_fingerprint(rows)} {seed} {device}"
    if path is not None and path.is_file():
        watched = state.restore(path, fingerprint)
        if watch is not None:
            watch.restore(watched)
    if log is not None:
        log.begin(state.step)

    def save() -> None:
        if path is not None:
            state.save(path, fingerprint, watch.state() if watch is not None else {})

    members, domains, labels = (
        torch.from_numpy(x).to(device) for x in (numbered.members, numbered.domains, numbered.labels)
    )
    clock = _Clock()
    state.network.train()
    while state.step < config.last_step and not state.ended:
        if cancel is not None and cancel.cancelled:
            save()
            cancel.check()
        if state.objective.needs_centroids(state.step):
            _update_centroids(state, numbered, source, config)
        index = state.random.choice(len(rows), config.batch, p=numbered.weights)
        chosen = torch.from_numpy(index).to(device)
        images = source.augmented(
            index, config.input_px, config.view, config.augmentation, state.generator, domains[chosen]
        )
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits, embeddings = state.network(images)
        batch = Batch(logits, embeddings, members[chosen], domains[chosen], labels[chosen], state.step)
        total, parts = state.objective(batch)
        state.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), config.optimizer.clip)
        state.optimizer.step()
        pull(state.optimizer)
        state.schedule.step()
        state.step += 1
        state.update_average(config)
        if state.step % LOG_EVERY == 0 or state.step == config.last_step:
            _log(log, state, total, parts, clock)
        if progress is not None:
            progress(Progress(stage, state.step, config.last_step, "step"))
        if watch is not None and state.step % watch.every == 0:
            state.ended = watch.look(state.step, state.result())
        if clock.since_save() >= checkpoint_seconds:
            save()
            clock.saved()
    save()
    return state.result()


def _begin(config: TrainingConfig, rows: TrainingRows, source: CropSource, seed: int) -> RunState:
    device = source.device
    network = start_network(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.init and config.network.normalisation == "batch":
        # The start has its normalisation folded in; the layers put back must not change what it computes.
        drawn = np.random.default_rng(config.seed).choice(len(source), _CALIBRATION_ROWS, p=rows.weights)
        calibrate_batch_norm(
            network, (source.plain(d, config.input_px, config.view) for d in np.split(drawn, 4))
        )
    torch.manual_seed(seed)
    stages = network.stages()
    frozen = config.optimizer.frozen_stages
    if frozen >= len(stages):
        raise InputError(f"optimizer.frozen_stages is {frozen}, but the network has {len(stages)} stages")
    for parameter in (p for stage in stages[:frozen] for p in stage):
        parameter.requires_grad_(False)
    head = len(stages) - 1
    optimizer = torch.optim.AdamW(
        [
            {"params": stage, "lr": config.optimizer.lr * config.optimizer.lr_decay ** (head - i)}
            for i, stage in enumerate(stages)
            if i >= frozen
        ],
        weight_decay=config.optimizer.weight_decay,
    )
    averaged = config.average.kind == "ema"
    return RunState(
        network=network,
        average=copy.deepcopy(network).eval().requires_grad_(False) if averaged else None,
        objective=build_objective(config.loss, rows, network.embedding_size).to(device),
        optimizer=optimizer,
        schedule=torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, config)),
        generator=torch.Generator(device).manual_seed(seed),
        random=np.random.default_rng(seed),
    )


class _StartPull:
    """Draws all but the head back to the start, after each step and in proportion to the rate (L2-SP, decoupled)."""

    def __init__(self, config: TrainingConfig, network: Network) -> None:
        self._strength = config.optimizer.start_pull
        stages = network.stages()[config.optimizer.frozen_stages : -1] if self._strength > 0 else []
        self._starts = [[p.detach().clone() for p in stage] for stage in stages]

    def __call__(self, optimizer: torch.optim.Optimizer) -> None:
        with torch.no_grad():
            for group, starts in zip(optimizer.param_groups, self._starts, strict=False):
                torch._foreach_lerp_(group["params"], starts, min(1.0, group["lr"] * self._strength))


def rate_at(step: int, config: TrainingConfig) -> float:
    """Give the factor on the learning rates: a linear warm-up, then half a cosine down to a hundredth.

    Examples
    --------
    >>> from napari_wbc.training.config import TrainingConfig
    >>> config = TrainingConfig(steps=300).changed({"optimizer.warmup": 100})
    >>> [round(rate_at(step, config), 3) for step in (0, 99, 200, 300)]
    [0.01, 1.0, 0.505, 0.01]
    """
    warmup = config.optimizer.warmup
    if step < warmup:
        return (step + 1) / warmup
    part = (step - warmup) / max(1, config.steps - warmup)
    return float(0.5 * (1.0 + np.cos(np.pi * min(1.0, part)))) * 0.99 + 0.01


def _update_centroids(
    state: RunState, rows: TrainingRows, source: CropSource, config: TrainingConfig
) -> None:
    """Show the losses the embeddings of some rows of each pair of domain and label, without augmentation."""
    order = state.random.permutation(len(rows.domains))
    pair = rows.domains[order] * len(rows.label_names) + rows.labels[order]
    place_in_pair = pd.Series(pair).groupby(pair).cumcount().to_numpy()
    chosen = order[place_in_pair < _CENTROID_ROWS]
    state.network.eval()
    _, embeddings = network_outputs(state.network, source, config.input_px, config.view, rows=chosen)
    state.network.train()
    state.objective.update_centroids(
        *(
            torch.from_numpy(x).to(source.device)
            for x in (embeddings, rows.domains[chosen], rows.labels[chosen])
        )
    )


def _log(
    log: MetricsLog | None, state: RunState, total: Tensor, parts: Mapping[str, Tensor], clock: _Clock
) -> None:
    loss = total.item()
    if not np.isfinite(loss):
        raise InputError(
            f"the loss is no number any more at step {state.step}; lower optimizer.lr, or the weights of the losses"
        )
    if log is not None:
        values = {"loss": loss, **{f"loss/{k}": float(v) for k, v in parts.items()}}
        rate = state.schedule.get_last_lr()[-1]
        log.write(state.step, values | {"lr": rate, "steps_per_second": clock.rate(state.step)})


class _Clock:
    """Tells the rate of steps and when the state was last written."""

    def __init__(self) -> None:
        self._saved = self._looked = time.monotonic()
        self._step = -1

    def since_save(self) -> float:
        return time.monotonic() - self._saved

    def saved(self) -> None:
        self._saved = time.monotonic()

    def rate(self, step: int) -> float:
        now = time.monotonic()
        done = step - self._step if self._step >= 0 else LOG_EVERY
        rate = done / max(1e-9, now - self._looked)
        self._looked, self._step = now, step
        return round(rate, 3)


def rows_fingerprint(rows: pd.DataFrame) -> str:
    """Give a hash of which rows there are, by ``path``, ``domain`` and ``label``, in their order."""
    named = [c for c in ("path", "domain", "label") if c in rows.columns]
    text = "\n".join("\t".join(map(str, row)) for row in rows[named].itertuples(index=False))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
