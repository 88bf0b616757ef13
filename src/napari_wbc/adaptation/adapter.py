"""A lab adapter: what makes an adapted model out of the one that it came from, and nothing else. No image is in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from napari_wbc.adaptation.parents import installed, is_adapted, source_of
from napari_wbc.classification.bundle import Model, load_model, save_bundle
from napari_wbc.errors import InputError, OutputError, system_reason
from napari_wbc.execution.atomic import atomic_path

_FORMAT = "napari-wbc lab adapter"
_VERSION = 1
_LARGEST = 64 << 20
#: How such files are called.
SUFFIX = ".wbcadapter"


@dataclass(frozen=True, slots=True)
class Adapter:
    """What an adapter says of itself.

    Attributes
    ----------
    file : pathlib.Path
        Where it lies.
    name : str
        Of the model that it was made of.
    parent, parent_sha256 : str
        Name and weights of the model that it belongs to.
    card : str
        Of the model that comes of it.
    """

    file: Path
    name: str
    parent: str
    parent_sha256: str
    card: str


def export_adapter(
    model: str | Path | Model, file: str | Path, *, source: str | Path | Model | None = None
) -> Path:
    """Write the difference of an adapted model to its source as one small file.

    Parameters
    ----------
    model : str, Path or Model
        An adapted model.
    file : str or Path
        By convention ``*.wbcadapter``: safetensors, with entries of ``model.json`` and the card as its metadata.
    source : str, Path or Model, optional
        What it was adapted from; by default it is looked for among the installed models.

    Raises
    ------
    InputError
        The model was not adapted from another one.
    OutputError
        The place cannot be written to.
    """
    from safetensors.numpy import save

    adapted = load_model(model)
    if not is_adapted(adapted):
        raise InputError(
            f"{adapted.name} was not adapted from another model; only adapted models have an adapter"
        )
    base = source_of(adapted, source)
    changed = {
        name: np.ascontiguousarray(value)
        for name, value in adapted.tensors.items()
        if name not in base.tensors or not _same(value, base.tensors[name])
    }
    info = {k: v for k, v in adapted.info.items() if base.info.get(k) != v}
    content = save(
        changed,
        metadata={
            "format": _FORMAT,
            "version": str(_VERSION),
            "parent": json.dumps({"name": base.name, "sha256": base.sha256}),
            "info": json.dumps(info),
            "dropped": json.dumps(sorted(set(base.info) - set(adapted.info))),
            "card": adapted.card,
            "sha256": adapted.sha256,
        },
    )
    file = Path(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise OutputError(f"cannot write {file}: {system_reason(error)}") from None
    return file


def read_adapter(file: str | Path) -> Adapter:
    """Read what an adapter says of itself; nothing is made of it.

    Raises
    ------
    InputError
        The file is no adapter, or cannot be read.
    """
    told, _ = _read(Path(file))
    parent, info = told["parent"], told["info"]
    return Adapter(
        Path(file), str(info.get("name", "")), str(parent["name"]), str(parent["sha256"]), told["card"]
    )


def import_adapter(
    file: str | Path, folder: str | Path, *, source: str | Path | Model | None = None
) -> Model:
    """Apply an adapter to the model that it belongs to: bit for bit the weights that it was made of, as a bundle.

    Parameters
    ----------
    file : str or Path
        From :func:`export_adapter`.
    folder : str or Path
        Of the bundle, which gets its name; nothing is written where something is wrong.
    source : str, Path or Model, optional
        What it belongs to; by default it is looked for among the installed models.

    Raises
    ------
    InputError
        The file is no adapter, or belongs to another model.
    ModelError
        The model that it belongs to is not installed.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load, save

    told, content = _read(Path(file))
    parent = told["parent"]
    base = installed(str(parent["name"]), str(parent["sha256"]), source)
    try:
        changed = load(content)
    except SafetensorError as error:
        raise InputError(f"{file} is damaged: {error}") from None
    dropped, folder = set(told["dropped"]), Path(folder)
    info = {k: v for k, v in {**base.info, **told["info"], "name": folder.name}.items() if k not in dropped}
    tensors = {**base.tensors, **changed}
    if sha256(save({k: np.ascontiguousarray(v) for k, v in tensors.items()})).hexdigest() != told["sha256"]:
        raise InputError(f"{file} is damaged: the model that comes of it is not the one that it was made of")
    return load_model(save_bundle(folder, tensors, info, told["card"]))


def _read(file: Path) -> tuple[dict[str, Any], bytes]:
    """Read the metadata of an adapter, and all of it as bytes."""
    try:
        if file.stat().st_size > _LARGEST:
            raise InputError(f"{file} is larger than 64 MB; this is no lab adapter")
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {system_reason(error)}") from None
    try:
        length = int.from_bytes(content[:8], "little")
        told = json.loads(content[8 : 8 + length])["__metadata__"]
        if told["format"] != _FORMAT:
            raise ValueError
        version = int(told["version"])
        result = {
            **{k: json.loads(told[k]) for k in ("parent", "info", "dropped")},
            "card": str(told["card"]),
            "sha256": str(told["sha256"]),
        }
        str(result["parent"]["name"]), str(result["parent"]["sha256"])
        # Both are looked into as objects.
        dict(result["info"])
        if not all(isinstance(name, str) for name in list(result["dropped"])):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        raise InputError(f"{file} is no lab adapter of napari-wbc, or a damaged one") from None
    if version != _VERSION:
        raise InputError(f"{file} was written by a later version of napari-wbc; update to import it")
    return result, content


def _same(one: Any, other: Any) -> bool:
    return bool(one.dtype == other.dtype and one.shape == other.shape and np.array_equal(one, other))
