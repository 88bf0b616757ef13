"""Which cells of its training a finished bundle takes along, for later adaptations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.classification.bundle import Model, load_model, save_bundle
from napari_wbc.classification.replay import REPLAY_FILE, Replay, packed_replay
from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken, ProgressCallback
from napari_wbc.leukocytes import CONTAINS
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.manifests import load_crops
from napari_wbc.training.outputs import lower_maps
from napari_wbc.training.train import held_out, read_manifests, with_known_labels
from napari_wbc.training.trust.cells import per_pair

#: Cells of each pair of domain and label that an adaptation trains on again, and that it is watched on.
TRAINED_PER_PAIR, GUARD_PER_PAIR = 32, 40
_HEADING = "## Cells that travel with it"


def choose_replay(
    rows: pd.DataFrame,
    config: TrainingConfig,
    *,
    trained: int = TRAINED_PER_PAIR,
    guard: int = GUARD_PER_PAIR,
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Choose cells at random, so many of every pair of domain and label.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of :func:`~napari_wbc.training.train.read_manifests`.
    config : TrainingConfig
        Of the model: its seed and share of held-out groups tell which cells it was trained on.
    trained, guard : int, optional
        The most of each pair, of the cells that it was trained on and of those held out.

    Returns
    -------
    chosen : numpy.ndarray of int
        Rows; only labels that the model has a class for.
    of_guard : numpy.ndarray of bool
        Which of them were held out.
    """
    test = held_out(rows, config)
    known = rows["label"].isin(_known(config.classes)).to_numpy()
    chosen, of_guard = [], []
    for mask, most, is_guard in ((~test, trained, False), (test, guard, True)):
        inside = np.flatnonzero(mask & known)
        some = inside[per_pair(rows["domain"].iloc[inside], rows["label"].iloc[inside], most, config.seed)]
        chosen.append(some)
        of_guard.append(np.full(len(some), is_guard))
    return np.concatenate(chosen), np.concatenate(of_guard)


def _known(classes: Sequence[str]) -> set[str]:
    return {*classes, *(coarse for coarse, fine in CONTAINS.items() if any(c in classes for c in fine))}


def add_replay(
    bundle: str | Path,
    manifests: Sequence[str | Path],
    *,
    trained: int = TRAINED_PER_PAIR,
    guard: int = GUARD_PER_PAIR,
    work_dir: str | Path | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Path:
    """Add cells of its training to a finished bundle; the weights, and with them its identity, stay.

    Parameters
    ----------
    bundle : str or Path
        Name or folder of a bundle; replaced as a whole.
    manifests : sequence of str or Path
        Those that it was trained with, in the same order.
    trained, guard : int, optional
        Cells of each pair of domain and label: to train on again, and held out, to be watched. About 8 kB each, no
        images.
    work_dir : str or Path, optional
        Where the crops of the training are kept, where they still are.
    progress, cancel : optional
        A callback and a token to stop.

    Returns
    -------
    pathlib.Path
        The bundle.

    Raises
    ------
    InputError
        A manifest cannot be read, or is not one that the model was trained with.
    """
    model = load_model(bundle)
    config = training_config(model, manifests)
    rows, _ = with_known_labels(read_manifests(config), config)
    chosen, of_guard = choose_replay(rows, config, trained=trained, guard=guard)
    _check_domains(model, rows)
    some = rows.iloc[chosen]
    if work_dir is not None:
        crops = load_crops(rows, work_dir, progress=progress, cancel=cancel)[chosen]
    else:
        crops = load_crops(some, progress=progress, cancel=cancel)
    maps = lower_maps(model.network("cpu"), np.asarray(crops), model.input_px, model.view, cancel=cancel)[0]
    replay = Replay(maps, some["label"].to_numpy(str), some["domain"].to_numpy(str), np.asarray(of_guard))
    licences = {
        str(d): "; ".join(sorted({str(x) for x in part["license"]} - {""}))
        for d, part in some.groupby("domain")
    }
    content, stated = packed_replay(replay, model.sha256, licences)
    return save_bundle(
        model.folder,
        model.tensors,
        {**model.info, "replay": stated},
        _with_replay(model.card, stated),
        further={REPLAY_FILE: content},
    )


def _with_replay(card: str, stated: Mapping[str, Any]) -> str:
    """Say in a model card what travels; what an earlier one said is replaced."""
    kept = card.split(_HEADING)[0].rstrip()
    licences = "; ".join(f"{domain}: {licence}" for domain, licence in stated["licences"].items() if licence)
    return (
        f"{kept}\n\n{_HEADING}\n\nFor adaptations to a laboratory (`napari-wbc fine-tune`), feature maps of "
        f"{stated['cells']} cells of the training and of {stated['guard_cells']} held-out ones lie in `{REPLAY_FILE}`: "
        f"what leaves the second stage of the network, no images. Licences of the images that they come from: "
        f"{licences or 'not known'}.\n"
    )


def training_config(model: Model, manifests: Sequence[str | Path]) -> TrainingConfig:
    """Give what decided which cells a model was trained on: manifests, domains left out, seed and share held out."""
    told = model.info.get("training", {})
    kept = {k: told[k] for k in ("leave_out", "holdout", "seed") if k in told}
    return TrainingConfig(manifests=tuple(map(str, manifests)), classes=model.classes).changed(kept)


def _check_domains(model: Model, rows: pd.DataFrame) -> None:
    theirs = {str(d["name"]) for d in model.info.get("training_domains", [])}
    unknown = sorted(set(rows["domain"]) - theirs)
    if theirs and unknown:
        raise InputError(
            f"the model {model.name} was not trained on the domain {unknown[0]!r}; give the manifests of its training"
        )
