"""``review.json``: what a review is of; checked before anything is made of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from napari_wbc.domain_shift import DomainShift
from napari_wbc.errors import InputError
from napari_wbc.provenance import is_sound_run
from napari_wbc.slides import Scale
from napari_wbc.slides.scale import MAX_UM_PER_PX, MIN_UM_PER_PX

SCHEMA_VERSION = 1
# The slide model in it holds the light of the slide, and the run the changes of a person.
_LARGEST = 64 << 20


def load_description(file: Path) -> dict[str, Any]:
    """Read and check ``review.json``.

    Parameters
    ----------
    file : pathlib.Path
        Of the folder of a review.

    Raises
    ------
    InputError
        It is damaged, or of a later version.
    """
    damaged = InputError(f"{file}: damaged; take a copy of the folder from before")
    try:
        if file.stat().st_size > _LARGEST:
            raise damaged
        description = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise damaged from None
    if not isinstance(description, dict) or not _is_whole_number(description.get("schema_version")):
        raise damaged
    if description["schema_version"] != SCHEMA_VERSION:
        raise InputError(f"{file.parent}: written by a later version of napari-wbc; update to open it")
    image, run = description.get("image"), description.get("run")
    if (
        not isinstance(image, dict)
        or not isinstance(image.get("name"), str)
        or not isinstance(image.get("path", ""), str | None)
        or "\0" in (image.get("path") or "")
        or not isinstance(run, dict)
        or not is_sound_run(run)
        or not all(isinstance(run.get(part), dict) for part in ("image", "model", "slide_model"))
        or not isinstance(run["image"].get("sha256"), str)
        or not isinstance(description.get("profile"), str)
    ):
        raise damaged
    return description


def scale_of(description: dict[str, Any]) -> Scale:
    """Give the scale of a review.

    Raises
    ------
    ValueError, TypeError, KeyError
        It is none.
    """
    scale = Scale(**description["scale"])
    if not (_is_number(scale.um_per_px) and MIN_UM_PER_PX <= scale.um_per_px <= MAX_UM_PER_PX):
        raise ValueError(f"its scale is {scale.um_per_px!r}")
    if not (
        _is_number(scale.confidence) and _is_whole_number(scale.n_red_cells) and isinstance(scale.origin, str)
    ):
        raise ValueError("its scale is incomplete")
    return scale


def domain_shift_of(plain: Any) -> DomainShift | None:
    """Give the entry ``domain_shift`` of a review or an opinion.

    Raises
    ------
    ValueError, TypeError
        It is none.
    """
    if plain is None:
        return None
    shift = DomainShift(**plain)
    if not (isinstance(shift.nearest, str) and _is_number(shift.ratio) and _is_whole_number(shift.cells)):
        raise ValueError("its domain_shift is incomplete")
    return shift


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
