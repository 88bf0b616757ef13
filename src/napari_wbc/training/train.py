"""From a configuration to a model bundle."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax
from torch import nn

from napari_wbc.classification.bundle import save_bundle
from napari_wbc.classification.crops import BACKGROUND_QUANTILE, WHITE
from napari_wbc.classification.predict import choose_device
from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken, ProgressCallback
from napari_wbc.leukocytes import CONTAINS
from napari_wbc.slides.crops import WINDOW_UM
from napari_wbc.training.card import write_card
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.evaluation.metrics import measure
from napari_wbc.training.manifests import (
    CropRows,
    label_members,
    load_crops,
    read_manifest,
    split_by_group,
)
from napari_wbc.training.metrics_log import MetricsLog
from napari_wbc.training.outputs import model_outputs
from napari_wbc.training.priors import class_priors, log_prior
from napari_wbc.training.selection import select
from napari_wbc.training.soup import fit_soup
from napari_wbc.training.trust.cells import JudgedCells, per_pair
from napari_wbc.training.trust.domains import fit_domain_shift
from napari_wbc.training.trust.novelty import fit_novelty

#: Cells of each pair of domain and class that the references of novelty and domain shift are made of.
_MOST_PER_PAIR = 400


def read_manifests(config: TrainingConfig) -> pd.DataFrame:
    """Read the manifests of a configuration, without the domains that are left out; each row has a group.

    Raises
    ------
    InputError
        Nothing is left to train on.
    """
    rows = pd.concat([read_manifest(m) for m in config.manifests], ignore_index=True)
    rows = rows[~rows["domain"].isin(config.leave_out)].reset_index(drop=True)
    if rows.empty:
        raise InputError("the manifests hold no row of a domain to train on")
    rows["group"] = rows["group"].where(rows["group"] != "", rows["path"])
    return rows


def with_known_labels(rows: pd.DataFrame, config: TrainingConfig) -> tuple[pd.DataFrame, dict[str, int]]:
    """Leave out the rows whose label is none of the classes of a configuration, nor stands for some of them.

    Returns
    -------
    rows : pandas.DataFrame
        The others.
    left_out : dict of str to int
        Rows of each label that was left out.

    Raises
    ------
    InputError
        No row is left.
    """
    known = np.asarray(label_members(list(rows["label"]), config.classes).any(axis=1), bool)
    if not known.any():
        raise InputError(
            f"no label of the manifests is one of the classes {', '.join(config.classes)}; change classes or labels"
        )
    left_out = Counter(str(label) for label, kept in zip(rows["label"], known, strict=True) if not kept)
    return rows.iloc[np.flatnonzero(known)].reset_index(drop=True), dict(sorted(left_out.items()))


def held_out(rows: pd.DataFrame, config: TrainingConfig) -> NDArray[np.bool_]:
    """Choose the held-out rows: whole groups, the same share in every domain.

    Rows whose manifest says ``train`` in its column ``split`` are trained on, those with any other word there are held
    out, and a hash of the group decides on the rest.

    Raises
    ------
    InputError
        No row would be held out, or none of a domain trained on.
    """
    mask = split_by_group(list(rows["domain"] + "/" + rows["group"]), config.holdout, config.seed)
    # A domain with few groups must not lose all of them.
    for domain in rows["domain"].unique():
        inside = (rows["domain"] == domain).to_numpy()
        if mask[inside].all():
            mask[inside] = False
    if "split" in rows.columns:
        # What is said of one row of a group holds for all of it: a group must not cross the split.
        split = rows["split"].where(rows["split"] != "").groupby([rows["domain"], rows["group"]])
        said = split.transform("first").fillna("").to_numpy(str)
        mask = np.where(said == "", mask, said != "train")
    if not mask.any():
        raise InputError("no cell is held out for a test: each domain has one group only, or holdout is 0")
    for domain, held in pd.Series(mask).groupby(rows["domain"].to_numpy()):
        if held.all():
            raise InputError(
                f"every row of the domain {domain!r} is held out by its split; none is left to train on"
            )
    return mask


def train(
    config: TrainingConfig,
    out: str | Path,
    *,
    name: str = "",
    temperature: float | None = None,
    leave_one_domain_out: Sequence[Mapping[str, Any]] = (),
    work_dir: str | Path | None = None,
    device: str = "auto",
    tensorboard: bool = False,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Path:
    """Train a model and write its bundle.

    Rows whose label is none of the model's classes are not trained on; ``model.json`` and the card count them.

    Parameters
    ----------
    config : TrainingConfig
        The recipe.
    out : str or Path
        Folder of the bundle.
    name : str, optional
        Of the model; the folder's name by default.
    temperature : float, optional
        Fitted on out-of-fold logits of domains left out, since the fit on seen domains is over-confident elsewhere;
        by default that of the selection, and 1 without one.
    leave_one_domain_out : sequence of mapping, optional
        Rows for the card.
    work_dir : str or Path, optional
        Where crops, states and logs (``<name>-<seed>.metrics.jsonl``) are kept, so that a stopped training goes on;
        without it nothing is kept. A selection needs it.
    device : {"auto", "cpu", "cuda"}, optional
        Where to train.
    tensorboard : bool, optional
        Whether to write TensorBoard's files to ``<work_dir>/tensorboard``.
    progress, cancel : optional
        A callback and a token to stop.

    Returns
    -------
    pathlib.Path
        The bundle.

    Raises
    ------
    InputError
        The configuration, a manifest, an image or the start cannot be used.
    """
    out = Path(out)
    name = name or out.name
    place = choose_device(device)
    rows, left_out = with_known_labels(read_manifests(config), config)
    crops = load_crops(rows, work_dir, progress=progress, cancel=cancel)
    test = held_out(rows, config)
    fitted = np.flatnonzero(~test)
    fitted_rows, fitted_crops = rows.iloc[fitted].reset_index(drop=True), CropRows(crops, fitted)
    chosen: dict[str, Any] = {}
    if config.selection.every:
        if work_dir is None:
            raise InputError("a selection takes many runs and needs a work_dir to keep them in")
        choice = select(
            config,
            fitted_rows,
            fitted_crops,
            work_dir=work_dir,
            name=name,
            device=place,
            progress=progress,
            cancel=cancel,
        )
        config, chosen = choice.config, {"selection": choice.to_dict()}
        temperature = choice.temperature if temperature is None else temperature
    temperature = 1.0 if temperature is None else temperature
    network = fit_soup(
        config,
        fitted_rows,
        fitted_crops,
        device=place,
        work_dir=work_dir,
        name=name,
        log=_logs(Path(work_dir), name, tensorboard=tensorboard) if work_dir is not None else None,
        progress=progress,
        cancel=cancel,
    )
    tested = np.flatnonzero(test)
    logits, embeddings = model_outputs(network, CropRows(crops, tested), config)
    probabilities = softmax(logits / temperature + log_prior(class_priors(config)), axis=1)
    metrics = {}
    for domain in sorted(rows["domain"].unique()):
        inside = (rows["domain"].iloc[tested] == domain).to_numpy()
        labels = list(rows["label"].iloc[tested][inside])
        metrics[domain] = {
            level: measure(probabilities[inside], config.classes, labels, level=level).to_dict()
            for level in ("fine", "coarse")
        }
    references, trust = _trust(network, config, rows, crops, fitted, tested, (logits, embeddings))
    info = {
        "name": name,
        "architecture": {"name": config.network.name, "arguments": config.network.arguments()},
        "classes": list(config.classes),
        "hierarchy": {k: list(v) for k, v in CONTAINS.items()},
        "um_per_px": config.view_um / config.input_px,
        "window_um": WINDOW_UM,
        "view_um": config.view_um,
        "input_px": config.input_px,
        "normalisation": {
            "background_quantile": BACKGROUND_QUANTILE,
            "white": WHITE,
            "mean": 0.5,
            "std": 0.5,
        },
        "second_look": dataclasses.asdict(config.second_look),
        "temperature": round(temperature, 4),
        **trust,
        # The logit adjustment of the loss makes the scores balanced; this puts back how common the classes are.
        "class_priors": {c: round(p, 6) for c, p in class_priors(config).items()},
        "thresholds": {"min_confidence": 0.5, "max_novelty": 0.98},
        "training_domains": [
            {
                "name": str(d),
                "cells": len(part),
                "classes": {str(k): int(v) for k, v in part["label"].value_counts().items()},
            }
            for d, part in rows.iloc[fitted].groupby("domain")
        ],
        "metrics": {"in_domain": metrics, "leave_one_domain_out": [dict(r) for r in leave_one_domain_out]},
        "training": config.to_dict() | chosen | ({"labels_left_out": left_out} if left_out else {}),
        "licence": "BSD-3-Clause for the weights; the images keep their publishers' terms, see CARD.md",
    }
    tensors = {f"network.{k}": v.cpu().numpy() for k, v in network.state_dict().items()}
    tensors = {k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in tensors.items()}
    return save_bundle(out, tensors | references, info, write_card(info))


def _logs(folder: Path, name: str, *, tensorboard: bool) -> Callable[[int], MetricsLog]:
    """Give what makes the log of the run with a seed."""

    def log(seed: int) -> MetricsLog:
        board = folder / "tensorboard" / f"{name}-{seed}" if tensorboard else None
        return MetricsLog(folder / f"{name}-{seed}.metrics.jsonl", board)

    return log


def _trust(
    network: nn.Module,
    config: TrainingConfig,
    rows: pd.DataFrame,
    crops: NDArray[np.uint8],
    fitted: NDArray[np.intp],
    tested: NDArray[np.intp],
    held_out_outputs: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Make the references of novelty and domain shift: tensors, and entries of ``model.json``."""

    def judged(
        chosen: NDArray[np.intp], outputs: tuple[NDArray[np.float32], NDArray[np.float32]]
    ) -> JudgedCells:
        of = rows.iloc[chosen]
        return JudgedCells(*outputs, *(of[c].to_numpy(str) for c in ("label", "domain", "group")))

    some = per_pair(
        list(rows["domain"].iloc[fitted]), list(rows["label"].iloc[fitted]), _MOST_PER_PAIR, config.seed
    )
    seen = judged(
        fitted[some],
        model_outputs(network, CropRows(crops, fitted[some]), config),
    )
    unseen = judged(tested, held_out_outputs)
    tensors, novelty = fit_novelty(config.classes, seen, unseen, seed=config.seed)
    shift_tensors, shift = fit_domain_shift(class_priors(config), seen, unseen, seed=config.seed)
    return tensors | shift_tensors, {"novelty": novelty, **({"domain_shift": shift} if shift else {})}
