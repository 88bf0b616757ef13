"""Cells of the training laboratories that travel with a bundle, so that an adaptation does not forget them.

They lie in a file of their own beside the weights: the identity of a model is its weights, and who only counts cells
need not read it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_wbc.errors import ModelError

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model

REPLAY_FILE = "replay.safetensors"
#: A file larger than this is not one of ours.
_LARGEST = 256 << 20
#: Of JPEG, without losing colour resolution: an eighth of the size of the pixels, and no difference that a network
#: trained with JPEG artefacts would see.
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Replay:
    """Labelled crops of the training domains.

    Attributes
    ----------
    crops : numpy.ndarray of uint8, shape (n, side, side, 3)
        Windows of 25 µm, as the network was trained on.
    labels, domains : numpy.ndarray of str, shape (n,)
        Of each; labels may be coarse.
    guard : numpy.ndarray of bool, shape (n,)
        Cells that the model was not trained on and that no adaptation trains on: they show what it forgets.
    """

    crops: NDArray[np.uint8]
    labels: NDArray[np.str_]
    domains: NDArray[np.str_]
    guard: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, chosen: NDArray[Any]) -> Replay:
        """Give some of the cells."""
        return Replay(self.crops[chosen], self.labels[chosen], self.domains[chosen], self.guard[chosen])


def packed_replay(replay: Replay, licences: Mapping[str, str]) -> tuple[bytes, dict[str, Any]]:
    """Pack the cells for a bundle.

    Parameters
    ----------
    replay : Replay
        The cells.
    licences : mapping of str to str
        Of the images, by domain.

    Returns
    -------
    content : bytes
        Of ``replay.safetensors``: JPEG images and numbers.
    stated : dict
        The entry ``replay`` of ``model.json``.
    """
    from safetensors.numpy import save

    images = [_encoded(crop) for crop in replay.crops]
    label_names, label = np.unique(replay.labels, return_inverse=True)
    domain_names, domain = np.unique(replay.domains, return_inverse=True)
    content = save(
        {
            "images": np.frombuffer(b"".join(images), np.uint8),
            "ends": np.cumsum([len(image) for image in images]).astype(np.int64),
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
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from None
    if not isinstance(stated, dict) or hashlib.sha256(content).hexdigest() != stated.get("sha256"):
        raise ModelError(
            f"{path} is damaged or was altered (its SHA-256 is not that of model.json); fetch it again"
        )
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
        ends = tensors["ends"]
        labels = np.asarray(stated["labels"], str)[tensors["label"]]
        domains = np.asarray(stated["domains"], str)[tensors["domain"]]
        packed, guard = tensors["images"].tobytes(), tensors["guard"].astype(bool)
        starts: Sequence[int] = [0, *ends[:-1].tolist()]
        crops = [_decoded(packed[a:b]) for a, b in zip(starts, ends.tolist(), strict=True)]
        return Replay(np.stack(crops), labels, domains, guard)
    except (SafetensorError, KeyError, IndexError, TypeError, ValueError, OSError) as error:
        raise ModelError(
            f"{model.folder / REPLAY_FILE} cannot be understood: {str(error).splitlines()[0]}"
        ) from None


def _encoded(crop: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(crop).save(file, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return file.getvalue()


def _decoded(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
        return np.asarray(image.convert("RGB"))
