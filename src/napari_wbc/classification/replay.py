"""Cells of the training laboratories that travel with a bundle, so that an adaptation does not forget them.

No image travels: what leaves the second stage of the network does, numbers that an adaptation can learn from anew
because it leaves the first two stages as they are (latent replay: Pellegrini et al. 2020,
https://arxiv.org/abs/1912.01100). They lie in a file of their own beside the weights: the identity of a model is its
weights, and who only counts cells need not read it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import ModelError, system_reason

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model

REPLAY_FILE = "replay.safetensors"
#: A file larger than this is not one of ours.
_LARGEST = 256 << 20
_STEPS = 255


@dataclass(frozen=True, slots=True)
class Replay:
    """Labelled cells of the training domains.

    Attributes
    ----------
    maps : numpy.ndarray of float16, shape (n, channels, h, w)
        What leaves the second stage of the network
        (:meth:`~napari_wbc.classification.backbone.Network.lower`).
    labels, domains : numpy.ndarray of str, shape (n,)
        Of each; labels may be coarse.
    guard : numpy.ndarray of bool, shape (n,)
        Cells that the model was not trained on and that no adaptation trains on: they show what it forgets.
    """

    maps: NDArray[np.float16]
    labels: NDArray[np.str_]
    domains: NDArray[np.str_]
    guard: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, chosen: NDArray[Any]) -> Replay:
        """Give some of the cells."""
        return Replay(self.maps[chosen], self.labels[chosen], self.domains[chosen], self.guard[chosen])


def packed_replay(
    replay: Replay, weights_sha256: str, licences: Mapping[str, str]
) -> tuple[bytes, dict[str, Any]]:
    """Pack the cells for a bundle, a byte for each number.

    Parameters
    ----------
    replay : Replay
        The cells.
    weights_sha256 : str
        Of the model whose feature maps these are; to another one they mean nothing.
    licences : mapping of str to str
        Of the images, by domain.

    Returns
    -------
    content : bytes
        Of ``replay.safetensors``.
    stated : dict
        The entry ``replay`` of ``model.json``.
    """
    from safetensors.numpy import save

    maps = replay.maps.astype(np.float32)
    lowest = maps.min(axis=(0, 2, 3))
    step = np.maximum(maps.max(axis=(0, 2, 3)) - lowest, 1e-6) / _STEPS
    label_names, label = np.unique(replay.labels, return_inverse=True)
    domain_names, domain = np.unique(replay.domains, return_inverse=True)
    content = save(
        {
            "maps": np.rint((maps - _by_channel(lowest)) / _by_channel(step)).astype(np.uint8),
            "lowest": lowest,
            "step": step,
            "label": label.astype(np.int16),
            "domain": domain.astype(np.int16),
            "guard": replay.guard.astype(np.uint8),
        }
    )
    stated = {
        "cells": int((~replay.guard).sum()),
        "guard_cells": int(replay.guard.sum()),
        "labels": label_names.tolist(),
        "domains": domain_names.tolist(),
        "weights_sha256": weights_sha256,
        "licences": {str(d): licences.get(str(d), "") for d in domain_names},
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return content, stated


def replay_content(model: Model) -> bytes | None:
    """Read the packed cells of a bundle as they are; None where it has none.

    Raises
    ------
    ModelError
        They are missing, damaged or altered.
    """
    stated = model.info.get("replay")
    if stated is None:
        return None
    path = model.folder / REPLAY_FILE
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(f"{path} is larger than 256 MB; this is no bundle of ours")
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {system_reason(error)}") from None
    if not isinstance(stated, dict) or hashlib.sha256(content).hexdigest() != stated.get("sha256"):
        raise ModelError(
            f"{path} is damaged or was altered (its SHA-256 is not that of model.json); fetch it again"
        )
    if stated.get("weights_sha256") != model.sha256:
        raise ModelError(f"{path} was made for other weights; make it anew with napari-wbc models add-replay")
    return content


def load_replay(model: Model) -> Replay | None:
    """Give the cells that came with a bundle; None for bundles without, which are older or were made without.

    Raises
    ------
    ModelError
        They are missing, damaged or altered.
    """
    content = replay_content(model)
    if content is None:
        return None
    from safetensors import SafetensorError
    from safetensors.numpy import load

    stated = model.info["replay"]
    try:
        tensors = load(content)
        labels = np.asarray(stated["labels"], str)[tensors["label"]]
        domains = np.asarray(stated["domains"], str)[tensors["domain"]]
        lowest, step = (_by_channel(tensors[name].astype(np.float32)) for name in ("lowest", "step"))
        maps = (tensors["maps"] * step + lowest).astype(np.float16)
        guard = tensors["guard"].astype(bool)
        if maps.ndim != 4 or len({len(maps), len(labels), len(domains), len(guard)}) != 1:
            raise ValueError("its parts do not fit together")
        if not np.isfinite(maps).all():
            raise ValueError("not all of it are numbers")
        return Replay(maps, labels, domains, guard)
    except (SafetensorError, KeyError, IndexError, TypeError, ValueError) as error:
        raise ModelError(
            f"{model.folder / REPLAY_FILE} cannot be understood: {str(error).splitlines()[0]}"
        ) from None


def _by_channel(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values[:, np.newaxis, np.newaxis]
