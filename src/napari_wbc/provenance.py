"""``run.json``: what made a result, so that it can be checked, repeated and resumed."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.errors import printable
from napari_wbc.version import __version__

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model
    from napari_wbc.differential.profile import Profile
    from napari_wbc.segmentation.slide_model import SlideModel
    from napari_wbc.slides import Scale, Slide

SCHEMA_VERSION = 1
#: Parts of a ``run.json`` that are objects, and what of them is a number or not there.
_NUMBERS_OF_A_RUN = {
    "image": ("height_px", "width_px"),
    "scale": ("um_per_px", "confidence", "n_red_cells"),
    "slide_model": ("confidence", "red_cell_fraction", "threshold_nucleus", "um_per_px"),
    "model": (),
    "parameters": (),
    "review": (),
}

#: Packages whose version can change a result.
_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-image",
    "pandas",
    "pillow",
    "tifffile",
    "imagecodecs",
    "zarr",
    "dask",
    "openslide-python",
    "torch",
    "onnx",
    "onnxruntime",
)


def run_record(
    *,
    slide: Slide,
    image_sha256: str,
    scale: Scale,
    model: Mapping[str, Any],
    parameters: Mapping[str, Any],
    slide_model: Mapping[str, Any],
    device: str,
    workers: int,
    engine: str,
    tiles: int,
    tiles_resumed: int,
    n_cells: int,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Put together what ``run.json`` holds.

    Parameters
    ----------
    slide : Slide
        The image; only its file name and size are recorded, no metadata of the file (it may name a patient).
    image_sha256 : str
        Of the file or array.
    scale : Scale
        That was used, with its origin.
    model : mapping
        Of :func:`model_entry`.
    parameters : mapping
        Everything that the user chose and that changes the result, the lab's profile included.
    slide_model : mapping
        Stain and background that the segmentation went by.
    device : str
        Where the classifier ran.
    workers : int
        Processes of the segmentation; they do not change the result.
    engine : str
        Where the segmentation ran: ``this process``, ``processes`` or ``dask``.
    tiles, tiles_resumed : int
        Pieces of work in all, and those that an earlier run had finished.
    n_cells : int
        Rows of the cell table.
    seconds : mapping
        Time of each stage.

    Returns
    -------
    dict
        Ready for JSON.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "program": "napari-wbc",
        "version": __version__,
        "research_use": RESEARCH_USE,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "image": {
            "name": printable(slide.path.name) if slide.path is not None else slide.name,
            "sha256": image_sha256,
            "height_px": slide.shape[0],
            "width_px": slide.shape[1],
        },
        "scale": {
            "um_per_px": scale.um_per_px,
            "origin": scale.origin,
            "confidence": round(scale.confidence, 4),
            "n_red_cells": scale.n_red_cells,
        },
        "model": dict(model),
        "parameters": dict(parameters),
        # Nothing in a count is drawn at random; a seed is recorded so that this stays visible.
        "seed": None,
        "slide_model": dict(slide_model),
        "cells": n_cells,
        "device": device,
        "workers": workers,
        "engine": engine,
        "tiles": tiles,
        "tiles_resumed": tiles_resumed,
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": _versions(),
    }


def slide_model_sha256(slide_model: SlideModel | str | Path) -> str:
    """Give a fingerprint of a slide model, wherever it lies."""
    from napari_wbc.segmentation.reuse import known_slide_model

    known = known_slide_model(slide_model)
    assert known is not None
    return sha256(json.dumps(known.to_dict(), sort_keys=True).encode()).hexdigest()


def profile_sha256(profile: Profile) -> str:
    """Give a fingerprint of what a profile says, whatever its file is called."""
    return sha256(json.dumps(asdict(profile), sort_keys=True).encode()).hexdigest()


def job_fingerprint(
    slide: Slide,
    image_sha256: str,
    scale: Scale,
    slide_model: SlideModel,
    model_sha256: str,
    device: str,
    parameters: Mapping[str, Any],
) -> str:
    """Give a fingerprint of everything that decides which cells are found and how they are classified.

    Parameters
    ----------
    slide, image_sha256
        The image; its name stands in the cell table.
    scale, slide_model
        That the segmentation goes by.
    model_sha256, device : str
        The classifier; the last digits of its numbers differ between devices.
    parameters : mapping
        As recorded; see :meth:`napari_wbc.pipeline.CountOptions.parameters`.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    decisive = {
        "code": _code_sha256(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": _versions(),
        "image": image_sha256,
        "name": slide.name,
        "um_per_px": scale.um_per_px,
        "slide_model": slide_model.to_dict(),
        "model": model_sha256,
        "device": device,
        "parameters": dict(parameters),
    }
    return sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _code_sha256() -> str:
    """Give a fingerprint of this package: a checkout changes without a new version."""
    digest, package = sha256(__version__.encode()), Path(__file__).parent
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def read_run(folder: str | Path) -> dict[str, Any] | None:
    """Read the ``run.json`` of a result folder.

    Parameters
    ----------
    folder : str or Path
        A folder that :meth:`napari_wbc.CountResult.write` may have written.

    Returns
    -------
    dict or None
        None where there is none, or none of ours.
    """
    try:
        record = json.loads((Path(folder) / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    ours = isinstance(record, dict) and record.get("program") == "napari-wbc" and is_sound_run(record)
    return record if ours else None


def is_sound_run(record: Mapping[str, Any]) -> bool:
    """Tell whether the entries of a ``run.json`` that others read are of the kind that this program writes.

    Examples
    --------
    >>> is_sound_run({"image": {"name": "a.svs", "width_px": 10}}), is_sound_run({"image": {"width_px": "wide"}})
    (True, False)
    """
    for part, numbers in _NUMBERS_OF_A_RUN.items():
        entry = record.get(part) or {}
        if not isinstance(entry, Mapping):
            return False
        for name in numbers:
            value = entry.get(name)
            # Beyond 1e15 a float is no count of pixels any more.
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
            # What is not known of a scale is None; a slide model knows all of it.
            if not is_number and (value is not None or (part == "slide_model" and name in entry)):
                return False
    return isinstance(record.get("packages", {}), Mapping)


def same_run(
    record: Mapping[str, Any] | None, *, image_sha256: str, model_sha256: str, parameters: Mapping[str, Any]
) -> bool:
    """Tell whether a result was made from the same image and model with the same parameters.

    Parameters
    ----------
    record : mapping or None
        From :func:`read_run`.
    image_sha256, model_sha256 : str
        Of what would be counted now.
    parameters : mapping
        As recorded; see :meth:`napari_wbc.pipeline.CountOptions.parameters`.
    """
    if record is None:
        return False
    # A round trip through JSON makes tuples and lists alike.
    wanted = json.loads(json.dumps(dict(parameters)))
    return bool(
        record.get("image", {}).get("sha256") == image_sha256
        and record.get("model", {}).get("sha256") == model_sha256
        and record.get("parameters") == wanted
    )


def model_entry(model: Model, device: str) -> dict[str, Any]:
    """Tell what is recorded of a model that classified cells.

    Parameters
    ----------
    model : Model
        That was used.
    device : str
        Where it ran.

    Returns
    -------
    dict
        ``name``, ``sha256``, ``classes``, and the ``engine`` that ran it: the last digits differ between engines.
    """
    return {
        "name": model.name,
        "sha256": model.sha256,
        "classes": list(model.classes),
        "engine": model.engine(device).name,
    }


def model_of_run(run: Mapping[str, Any]) -> Model:
    """Load the model that a count was made with.

    Parameters
    ----------
    run : mapping
        Of ``run.json``.

    Raises
    ------
    ModelError
        It is not installed, or another model has its name now, which would not fit to what the first one said.
    """
    from napari_wbc.classification.bundle import load_model
    from napari_wbc.errors import ModelError

    wanted = run["model"]
    model = load_model(wanted["name"])
    if model.sha256 != wanted["sha256"]:
        raise ModelError(
            f"the model {Path(wanted['name']).name} is another one since this count; count again"
        )
    return model
