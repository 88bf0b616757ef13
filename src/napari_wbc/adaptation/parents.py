"""Which model an adapted one came from."""

from __future__ import annotations

from pathlib import Path

from napari_wbc.classification.bundle import Model, list_models, load_model
from napari_wbc.errors import InputError, ModelError


def is_adapted(model: Model) -> bool:
    """Tell whether a model was adapted from another one."""
    return "adaptation" in model.info


def source_of(model: Model, given: str | Path | Model | None = None) -> Model:
    """Give the model that an adapted one was adapted from; any other is its own source.

    Parameters
    ----------
    model : Model
        Adapted or not.
    given : str, Path or Model, optional
        The source, where it is not installed.

    Raises
    ------
    ModelError
        The source is not installed.
    InputError
        What was given is another model.
    """
    if not is_adapted(model):
        return model
    parent = model.info["adaptation"]["parent"]
    return installed(str(parent["name"]), str(parent["sha256"]), given)


def installed(name: str, sha256: str, given: str | Path | Model | None = None) -> Model:
    """Find a model by its weights among those installed, or check the one that is given.

    Raises
    ------
    ModelError
        It is not installed.
    InputError
        What was given is another model.
    """
    if given is not None:
        model = load_model(given)
        if model.sha256 != sha256:
            raise InputError(
                f"{model.name} is not the model that is needed: {name}, SHA-256 {sha256[:12]}..."
            )
        return model
    for found in list_models():
        try:
            candidate = load_model(found.folder)
        except ModelError:
            continue
        if candidate.sha256 == sha256:
            return candidate
    raise ModelError(
        f"the source model {name} (SHA-256 {sha256[:12]}...) is not installed; install it, or give its bundle"
    )
