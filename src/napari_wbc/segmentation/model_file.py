"""Slide models in files: the ``run.json`` of a count, or a JSON of the model alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

from napari_wbc.errors import InputError, OutputError, system_reason
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.segmentation.slide_model import SlideModel

_LARGEST_FILE = 1 << 26


def load_slide_model(path: str | Path) -> SlideModel:
    """Read the slide model of an earlier count, to use it for other fields of the same slide.

    Parameters
    ----------
    path : str or pathlib.Path
        A ``run.json``, the folder of results that holds one, or a file of :func:`save_slide_model`.

    Returns
    -------
    SlideModel
        Equal to the one that was used then, to the last bit.

    Raises
    ------
    InputError
        When there is no such file, or no slide model in it that this version can use.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import napari_wbc as wbc
    >>> fields = [np.full((90, 90, 3), light, np.uint8) for light in (230, 240)]
    >>> model = wbc.pool_slide_model(fields, um_per_px=0.1)
    >>> file = save_slide_model(model, Path(tempfile.mkdtemp()) / "model.json")
    >>> load_slide_model(file).um_per_px
    0.1
    """
    # The method of Path raises an error about the name ~smear.json.
    path = Path(os.path.expanduser(path))  # noqa: PTH111
    file = path / "run.json" if path.is_dir() else path
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise ValueError("too large")
        plain = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{file}: the slide model cannot be read ({system_reason(error)}); give a run.json"
        ) from None
    except (ValueError, RecursionError):
        raise InputError(f"{file}: no slide model; give the run.json of a count") from None
    if isinstance(plain, dict) and "slide_model" in plain:
        plain = plain["slide_model"]
    try:
        return SlideModel.from_dict(plain)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def save_slide_model(model: SlideModel, path: str | Path) -> Path:
    """Write a slide model as JSON.

    Parameters
    ----------
    model : SlideModel
        From :func:`~napari_wbc.segmentation.fit_slide_model`.
    path : str or pathlib.Path
        The file; one that is there is replaced.

    Returns
    -------
    pathlib.Path
        ``path``.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    path = Path(path)
    try:
        with atomic_path(path) as temporary:
            text = json.dumps({"slide_model": model.to_dict()}, indent=2) + "\n"
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {system_reason(error)}") from None
    return path
