"""Places on disk that hold labelled cells: how many labels each has, and which ones are learned from every time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_wbc.errors import InputError, OutputError
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.leukocytes import UNIDENTIFIED, in_order
from napari_wbc.review.edits import Edit
from napari_wbc.review.folder import LOG, is_review, read_description
from napari_wbc.review.log import ChangeLog
from napari_wbc.review.other_model import OtherModel

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
    """Count the labels of a place by class, without a look at any image.

    Raises
    ------
    InputError
        It is none of the three, or cannot be read.
    """
    path = place.path
    if is_review(path):
        counts = _of_review(path)
    elif path.is_file():
        from napari_wbc.training.manifests import read_manifest

        counts = Counter(read_manifest(path)["label"])
    elif path.is_dir():
        from napari_wbc.training.adapters.class_folders import find

        counts = Counter(found.label for found in find(path))
    else:
        raise InputError(f"{path} is not there any more")
    return {name: counts[name] for name in in_order(counts)}


def _of_review(folder: Path) -> Counter[str]:
    """Follow the log of a review as far as people gave labels in it."""
    first = int(read_description(folder)["run"]["cells"])
    done: list[Edit | None] = []
    undone: list[Edit | None] = []
    log = folder / LOG
    for number, entry in enumerate(ChangeLog(log).entries if log.is_file() else (), 1):
        try:
            what = entry["do"]
            if what in ("undo", "redo"):
                source, target = (done, undone) if what == "undo" else (undone, done)
                target.append(source.pop())
            elif what not in ("sign", "unlock"):
                # A look by another model changes no label of a person.
                done.append(None if what == OtherModel.kind else Edit.from_plain(entry))
                undone.clear()
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(f"{log}: line {number} cannot be understood: {error}") from None
    labels: dict[int, str] = {}
    cells = first
    for edit in done:
        if edit is None:
            continue
        for row, state in zip(edit.rows, edit.after, strict=True):
            labels.pop(row, None)
            if state.status == "reviewed":
                labels[row] = state.label
        for cell in edit.added:
            labels[cells] = str(cell.columns["label"])
            cells += 1
    return Counter(label for label in labels.values() if label != UNIDENTIFIED)


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
            f"{file}: the places of labels cannot be remembered ({error.strerror or error})"
        ) from None


def _file() -> Path:
    from platformdirs import user_data_path

    return user_data_path("napari-wbc", appauthor=False) / _FILE
