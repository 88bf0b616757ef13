"""Places on disk that hold labelled cells: how many labels each has, and which ones are learned from every time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_wbc.cell_table import is_labelled
from napari_wbc.errors import InputError, OutputError, system_reason
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.leukocytes import in_order
from napari_wbc.review.folder import image_path, is_review, reviewed_cells

_FILE, _VERSION = "label-places.json", 1


@dataclass(frozen=True, slots=True)
class LabelPlace:
    """Where labelled cells lie.

    Attributes
    ----------
    path : pathlib.Path
        A review, a table of cells, or a folder with a folder per class.
    um_per_px : float or None
        Of the images of such a folder.
    """

    path: Path
    um_per_px: float | None = None


def labels_at(place: LabelPlace) -> dict[str, int]:
    """Count the labels of a place by class, without a look into any image.

    Raises
    ------
    InputError
        It is none of the three or cannot be read, or the image of a review is gone.
    """
    path = place.path
    if is_review(path):
        # The cells are cut out of it anew when they are learned from.
        image_path(path)
        cells, _ = reviewed_cells(path)
        counts = Counter(cells.loc[is_labelled(cells), "label"])
    elif path.is_file():
        from napari_wbc.training.manifests import read_manifest

        counts = Counter(read_manifest(path)["label"])
    elif path.is_dir():
        from napari_wbc.training.adapters.class_folders import find

        counts = Counter(found.label for found in find(path))
    else:
        raise InputError(f"{path} is not there any more")
    return {name: counts[name] for name in in_order(counts)}


def remembered_places() -> list[LabelPlace]:
    """Give the places that were learned from before, those that are gone left out."""
    try:
        told = json.loads(_file().read_text(encoding="utf-8"))
        places = [LabelPlace(Path(one["path"]), one["um_per_px"]) for one in told["places"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [place for place in places if place.path.exists()]


def remember_places(places: Sequence[LabelPlace]) -> None:
    """Keep the places for the next time.

    Raises
    ------
    OutputError
        They cannot be kept.
    """
    file = _file()
    told = {
        "version": _VERSION,
        "places": [{"path": str(p.path.absolute()), "um_per_px": p.um_per_px} for p in places],
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as temporary:
            temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{file}: the places of labels cannot be remembered ({system_reason(error)})"
        ) from None


def _file() -> Path:
    from platformdirs import user_data_path

    return user_data_path("napari-wbc", appauthor=False) / _FILE
