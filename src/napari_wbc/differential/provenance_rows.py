"""What a report says about where its numbers come from, in words and rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_wbc.differential.wording import cells_text, whole_text

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential

_ORIGINS = {
    "given": "given by the user",
    "metadata": "from the file",
    "slide_model": "from other fields of the slide",
}


def provenance_rows(run: Mapping[str, Any], differential: Differential) -> list[tuple[str, str, bool]]:
    """Give the rows of the provenance table.

    Parameters
    ----------
    run : mapping
        What ``run.json`` holds; what is not in it has no row.
    differential : Differential
        Of the same slide.

    Returns
    -------
    list of tuple
        Name, value, and whether the value is code (a checksum) rather than words.
    """
    image, model = _part(run, "image"), _part(run, "model")
    rows = [
        ("Image", str(image.get("name", "")), False),
        ("Image SHA-256", str(image.get("sha256", "")), True),
        ("Image size", _size(image), False),
        ("Scale", scale_text(_part(run, "scale")), False),
        ("Stain", stain_text(_part(run, "slide_model")), False),
        ("Model", str(model.get("name", "")), False),
        ("Model SHA-256", str(model.get("sha256", "")), True),
        ("Profile", f"{differential.profile.title} ({differential.profile.name})", False),
        ("Profile SHA-256", str(_part(run, "parameters").get("profile_sha256") or ""), True),
        ("Parameters", _settings(_part(run, "parameters")), False),
        ("Review", review_text(_part(run, "review")), False),
        ("Program", " ".join(str(run[key]) for key in ("program", "version") if run.get(key)), False),
        (
            "Packages",
            ", ".join(f"{name} {version}" for name, version in _part(run, "packages").items()),
            False,
        ),
        ("Python", " on ".join(str(run[key]) for key in ("python", "system") if run.get(key)), False),
        ("Device", str(run.get("device", "")), False),
        ("Finished", str(run.get("finished", "")), False),
    ]
    return [row for row in rows if row[1]]


def scale_text(scale: Mapping[str, Any]) -> str:
    """Write the scale and how it is known.

    Examples
    --------
    >>> scale_text({"um_per_px": 0.1, "origin": "red_cells", "n_red_cells": 412, "confidence": 0.87})
    '0.1000 µm per px, estimated from the size of 412 red cells (confidence 0.87)'
    """
    if "um_per_px" not in scale:
        return ""
    text = f"{scale['um_per_px']:.4f} µm per px"
    origin = scale.get("origin")
    if origin != "red_cells":
        return f"{text}, {_ORIGINS[origin]}" if origin in _ORIGINS else text
    cells = f"{whole_text(scale['n_red_cells'])} red cells" if scale.get("n_red_cells") else "the red cells"
    sure = f" (confidence {scale['confidence']:.2f})" if "confidence" in scale else ""
    return f"{text}, estimated from the size of {cells}{sure}"


def stain_text(slide_model: Mapping[str, Any]) -> str:
    """Write how well the stain is known, and where nuclei begin.

    Examples
    --------
    >>> stain_text({"confidence": 0.87, "red_cell_fraction": 0.31, "threshold_nucleus": 0.1834})
    'confidence 0.87; red cells on 31 % of what was sampled; nuclei from an optical density of 0.18 on their axis'
    >>> stain_text({"confidence": 0.0, "red_cell_fraction": 0.0, "threshold_nucleus": 0.1})
    'typical values, for there are too few red cells to learn it from'
    """
    if any(name not in slide_model for name in ("confidence", "red_cell_fraction", "threshold_nucleus")):
        return ""
    if slide_model["confidence"] == 0:
        return "typical values, for there are too few red cells to learn it from"
    return (
        f"confidence {slide_model['confidence']:.2f}; red cells on {slide_model['red_cell_fraction'] * 100:.0f} % of "
        f"what was sampled; nuclei from an optical density of {slide_model['threshold_nucleus']:.2f} on their axis"
    )


def review_text(review: Mapping[str, Any]) -> str:
    """Write how much a person changed, and who answers for it.

    Examples
    --------
    >>> signed = {"by": "A. Example", "at": "2026-01-31T12:00:00+00:00", "note": ""}
    >>> review_text({"changes": 3, "cells_reviewed": 7, "cells_excluded": 1, "by": ["ann"], "signed": signed})
    '3 changes by ann; 7 cells reviewed, 1 excluded; signed by A. Example on 2026-01-31'
    """
    if "changes" not in review:
        return ""
    changes = review["changes"]
    text = f"{whole_text(changes)} change{'' if changes == 1 else 's'} by {', '.join(review['by'])}"
    text += f"; {cells_text(review['cells_reviewed'], 'cell')} reviewed, {review['cells_excluded']} excluded"
    signed = review.get("signed")
    if not signed:
        return f"{text}; not signed"
    note = f" ({signed['note']})" if signed["note"] else ""
    return f"{text}; signed by {signed['by']} on {signed['at'][:10]}{note}"


def _part(run: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = run.get(key)
    return value if isinstance(value, Mapping) else {}


def _size(image: Mapping[str, Any]) -> str:
    if "width_px" not in image or "height_px" not in image:
        return ""
    return f"{whole_text(int(image['width_px']))} × {whole_text(int(image['height_px']))} px"


def _settings(parameters: Mapping[str, Any]) -> str:
    """Name the parameters that somebody set; the profile has a row of its own."""
    apart = ("profile", "profile_sha256")
    chosen = {name: value for name, value in parameters.items() if value is not None and name not in apart}
    return "; ".join(f"{name} {_value(value)}" for name, value in chosen.items())


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
