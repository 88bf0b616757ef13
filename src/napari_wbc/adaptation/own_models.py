"""The user's own models: what each was made of, under which names new ones can be kept, and taking one away."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_wbc.classification.bundle import find_model, list_models, read_info, user_models_dir
from napari_wbc.errors import InputError, ModelError, OutputError, system_reason

_NOT_IN_NAMES = '/\\:*?"<>|'


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A bundle of the user's own.

    Attributes
    ----------
    name : str
        What ``load_model`` takes.
    folder : pathlib.Path
        Where it lies.
    sha256 : str
        Of its weights.
    parent : str
        Name of the model that it was adapted from; empty where it was not adapted.
    date : str
        When, ``YYYY-MM-DD``.
    labels, slides : int
        Labelled cells that it learned from, and their slides.
    before, after : float or None
        Mean over the classes of the share recognised, of cells that neither learned from.
    """

    name: str
    folder: Path
    sha256: str
    parent: str = ""
    date: str = ""
    labels: int = 0
    slides: int = 0
    before: float | None = None
    after: float | None = None

    @property
    def verdict(self) -> str:
        """How it was judged, in a line."""
        if self.before is None or self.after is None:
            return "Not adapted here: no verdict."
        return (
            f"{100 * self.before:.0f} → {100 * self.after:.0f} % recognised, mean over the classes, of cells that it "
            "did not learn from"
        )

    @classmethod
    def of(cls, name: str, folder: Path, info: Mapping[str, Any]) -> OwnModel:
        """Read what ``model.json`` tells."""
        told = info.get("adaptation")
        if not isinstance(told, Mapping):
            return cls(name, folder, str(info["sha256"]))
        try:
            return cls._adapted(name, folder, str(info["sha256"]), told)
        except (AttributeError, TypeError, ValueError, OverflowError):
            # Somebody has made it by hand: it counts as a model of unknown origin.
            return cls(name, folder, str(info["sha256"]))

    @classmethod
    def _adapted(cls, name: str, folder: Path, sha256: str, told: Mapping[str, Any]) -> OwnModel:
        verdict = told.get("verdict", {})
        balanced = verdict.get("measures", {}).get("balanced_accuracy", {})
        before, after = (balanced.get(key, {}).get("value") for key in ("before", "after"))
        return cls(
            name,
            folder,
            sha256,
            str(told.get("parent", {}).get("name", "")),
            str(told.get("date", "")),
            int(verdict.get("labels", 0)),
            int(told.get("slides", 0)),
            None if before is None else float(before),
            None if after is None else float(after),
        )


def own_models() -> list[OwnModel]:
    """List the user's own models, the latest first; broken ones are left out.

    Examples
    --------
    >>> all(not model.folder.name.startswith(".") for model in own_models())
    True
    """
    found = []
    for model in list_models():
        if model.bundled or model.name.startswith("."):
            continue
        try:
            found.append(OwnModel.of(model.name, model.folder, read_info(model.folder)))
        except ModelError:
            continue
    return sorted(found, key=lambda model: (model.date, model.name), reverse=True)


def parent_of(name: str) -> str:
    """Give the name of the model that one was adapted from; its own where it was not adapted.

    Examples
    --------
    >>> parent_of("robust")
    'robust'
    """
    return next((m.parent for m in own_models() if m.name == name and m.parent), name)


def own_folder(name: str) -> Path:
    """Give the folder in which a model of this name is kept.

    Raises
    ------
    InputError
        It cannot be the name of a folder on every system, or is that of a model that came with the program.

    Examples
    --------
    >>> own_folder("our lab").name
    'our lab'
    """
    plain = name.strip()
    if not plain or any(c in _NOT_IN_NAMES or not c.isprintable() for c in plain) or plain.startswith("."):
        raise InputError("give the model a name of letters and digits")
    if len(plain) > 64:
        raise InputError("give the model a shorter name: 64 letters at most")
    if any(model.bundled and model.name == plain for model in list_models()):
        raise InputError(f"{plain} is the name of a model that came with the program; give another one")
    return user_models_dir() / plain


def free_name(wanted: str) -> str:
    """Give a name that no model has: the one wanted, or that with a number."""
    taken = {model.name for model in list_models()}
    plain = "".join("-" if c in _NOT_IN_NAMES or not c.isprintable() else c for c in wanted).strip(" .")[:60]
    plain = plain or "our-lab"
    number, name = 2, plain
    while name in taken:
        number, name = number + 1, f"{plain}-{number}"
    return name


def delete_model(name: str) -> None:
    """Take one of the user's own models away, for good.

    Raises
    ------
    InputError
        It came with the program.
    ModelError
        There is none of this name.
    OutputError
        It cannot be removed.
    """
    folder = find_model(name)
    if folder.parent != user_models_dir():
        raise InputError(f"{name} is none of your own models, so it stays")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be removed: {system_reason(error)}") from None
