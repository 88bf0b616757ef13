"""What others do with the same labels: all weights trained on them alone, as they are or after a transfer of colour."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab

from napari_wbc.adaptation.adam import Adam
from napari_wbc.adaptation.balance import TARGET
from napari_wbc.adaptation.outputs import probabilities_of
from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.adaptation.start import Start, start_of
from napari_wbc.adaptation.views import source_network
from napari_wbc.classification.backbone import Network
from napari_wbc.training.evaluation.metrics import measure
from napari_wbc.training.losses import TrainingRows
from napari_wbc.training.losses.cross_entropy import set_log_probability
from napari_wbc.training.manifests import load_crops
from napari_wbc.training.outputs import CropSource, network_outputs
from napari_wbc.training.replay import choose_replay, training_config
from napari_wbc.training.train import read_manifests

from .adapted import some_of
from .cells import MANIFESTS, Target, draw, halves
from .instant import write

STEPS, BATCH = 120, 32
#: The learning rate of Chossegros et al. 2024 (https://doi.org/10.1016/j.jpi.2024.100405), for both.
LR = 7e-5
_STAINS = 200


@dataclass(frozen=True, slots=True)
class _Guard:
    """Cells of the training laboratories that the source was not trained on, and the colours of those that it was."""

    crops: NDArray[np.uint8]
    labels: NDArray[np.str_]
    colours: NDArray[np.float64]


def run(of: Iterable[Target], wanted: Sequence[str], labels: str, draws: int, file: Path) -> None:
    """Give one row for every target, draw and method; what is there already is not done again."""
    rows: list[dict[str, Any]] = json.loads(file.read_text()) if file.is_file() else []
    done = {(r["target"], r["labels"], r["draw"], r["method"]) for r in rows}
    for target in of:
        if wanted and target.name not in wanted:
            continue
        for seed in range(draws):
            pool, test = halves(target, seed)
            test = some_of(test, seed)
            chosen = draw(target, pool, labels, seed)
            for method in ("full fine-tuning", "Reinhard and full fine-tuning"):
                if (target.name, labels, seed, method) in done:
                    continue
                told = {
                    "target": target.name,
                    "method": method,
                    "labels": labels,
                    "cells": len(chosen),
                    "draw": seed,
                }
                rows.append(told | _figures(target, chosen, test, method.startswith("Reinhard")))
                write(rows, file)
                print(rows[-1], flush=True)


def _figures(
    target: Target, chosen: NDArray[np.intp], test: NDArray[np.intp], transfer: bool
) -> dict[str, float]:
    guard = _guard(target)
    learned, tested = np.asarray(target.crops[chosen]), np.asarray(target.crops[test])
    if transfer:
        learned, tested = (reinhard(crops, guard.colours) for crops in (learned, tested))
    start = start_of(target.model, target.labels[chosen])
    begun = time.process_time()
    network = trained(start, learned, target.labels[chosen])
    seconds = time.process_time() - begun
    m = measure(_said(start, network, tested), start.classes, list(target.labels[test]), names=target.classes)
    kept, now = (
        measure(_said(start, of, guard.crops), start.classes, list(guard.labels)).accuracy
        for of in (source_network(start, "cpu"), network)
    )
    return {
        "accuracy": m.accuracy,
        "balanced_accuracy": m.balanced_accuracy,
        "macro_f1": m.macro_f1,
        "calibration_error": m.calibration_error,
        "source_lost": kept - now,
        "cpu_seconds": seconds,
    }


def trained(start: Start, crops: NDArray[np.uint8], labels: NDArray[np.str_]) -> Network:
    """Train all weights of the source on labelled cells alone, with the augmentation of our recipe."""
    network, recipe, model = source_network(start, "cpu"), Recipe(), start.model
    parameters = list(network.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    rows = TrainingRows.of(
        [TARGET] * len(labels), list(map(str, labels)), np.ones(len(labels)), start.classes
    )
    members = torch.from_numpy(rows.members)
    source, optimizer = CropSource(crops), Adam(parameters)
    random, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network.train()
    for _ in range(STEPS):
        some = random.choice(len(labels), BATCH)
        images = source.augmented(
            some,
            model.input_px,
            model.view,
            recipe.augmentation,
            generator,
            torch.zeros(BATCH, dtype=torch.int64),
        )
        loss = -set_log_probability(network(images)[0], members[some]).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(LR)
    network.eval().requires_grad_(False)
    return network


def reinhard(crops: NDArray[np.uint8], colours: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Give every crop the mean and the spread of CIELAB of other images (Reinhard et al. 2001)."""
    lab = rgb2lab(crops)
    mean, spread = lab.mean(axis=(1, 2), keepdims=True), lab.std(axis=(1, 2), keepdims=True)
    moved = (lab - mean) / np.maximum(spread, 1e-3) * colours[1] + colours[0]
    return np.asarray(np.rint(255 * np.clip(lab2rgb(moved), 0, 1)), np.uint8)


def _said(start: Start, network: Network, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    logits, _ = network_outputs(network, crops, start.model.input_px, start.model.view)
    return probabilities_of(start, logits, start.temperature)


@cache
def _guard_of(bundle: str) -> _Guard:
    from napari_wbc.classification.bundle import load_model

    model = load_model(bundle)
    config = training_config(model, MANIFESTS)
    rows = read_manifests(config)
    chosen, of_guard = choose_replay(rows, config)
    trained_on = np.random.default_rng(0).permutation(chosen[~of_guard])[:_STAINS]
    lab = rgb2lab(load_crops(rows.iloc[trained_on]))
    held = rows.iloc[chosen[of_guard]]
    colours = np.stack([lab.mean(axis=(0, 1, 2)), lab.std(axis=(1, 2)).mean(axis=0)])
    return _Guard(np.asarray(load_crops(held)), held["label"].to_numpy(str), colours)


def _guard(target: Target) -> _Guard:
    return _guard_of(str(target.model.folder))
