"""Where labelled cells come from: reviews, a manifest, a folder per class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from napari_wbc.adaptation.cells import LabelledCells, joined
from napari_wbc.cell_table import is_labelled
from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.review.folder import is_review, open_session
from napari_wbc.review.session import ReviewSession
from napari_wbc.slides.crops import crop_cells
from napari_wbc.training.adapters.class_folders import find as find_in_class_folders
from napari_wbc.training.manifests import load_crops, read_manifest


def cells_of_review(session: ReviewSession) -> LabelledCells:
    """Give the cells that a person looked at in a review: those relabelled, accepted or drawn.

    Cells that were excluded or left unidentified say nothing about a class.
    """
    table = session.cells
    rows = table[is_labelled(table)]
    count = session.count
    slide = str(count.run["image"]["sha256"])
    crops = crop_cells(count.slide, rows[["y_px", "x_px"]].to_numpy(float), um_per_px=count.scale.um_per_px)
    return LabelledCells(
        crops,
        rows["label"].to_numpy(str),
        np.full(len(rows), slide),
        np.array([f"{count.slide.name}: cell {i}" for i in rows["cell_id"]], str),
        ("cells of a review",),
    )


def cells_of_manifest(
    manifest: str | Path, *, progress: ProgressCallback | None = None, cancel: CancelToken | None = None
) -> LabelledCells:
    """Give the cells of a manifest (``path,domain,label,group,um_per_px``).

    Raises
    ------
    InputError
        The manifest or an image of it cannot be used.
    """
    rows = read_manifest(manifest)
    crops = load_crops(rows, progress=progress, cancel=cancel)
    domains = ", ".join(sorted(set(rows["domain"])))
    return _of_rows(rows, crops, f"cells of a manifest ({domains})")


def cells_of_folder(
    folder: str | Path,
    um_per_px: float,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> LabelledCells:
    """Give the single-cell images of a folder with one folder per class (and, below it, one per slide if known).

    Parameters
    ----------
    folder : str or Path
        ``<class>/<image>`` or ``<class>/<slide>/<image>``.
    um_per_px : float
        Of the images.
    progress, cancel : optional
        A callback and a token to stop.

    Raises
    ------
    InputError
        A folder is not named after a class, or an image cannot be read.
    """
    found = find_in_class_folders(Path(folder))
    if not found:
        raise InputError(f"{folder}: no image in it; give a folder that holds one folder of images per class")
    rows = pd.DataFrame(
        {
            "path": [str(f.path.resolve()) for f in found],
            "domain": Path(folder).resolve().name,
            "label": [f.label for f in found],
            "group": [f.group for f in found],
            "um_per_px": um_per_px,
        }
    )
    return _of_rows(rows, load_crops(rows, progress=progress, cancel=cancel), "cells of a folder per class")


def labelled_cells(
    places: Sequence[str | Path],
    *,
    um_per_px: float | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> LabelledCells:
    """Gather labelled cells of any places.

    Parameters
    ----------
    places : sequence of str or Path
        Folders of reviews (``*.wbcreview``), manifests (``*.csv``) and folders with one folder per class.
    um_per_px : float, optional
        Of the images in class folders.
    progress, cancel : optional
        A callback and a token to stop.

    Raises
    ------
    InputError
        A place is none of these, or cannot be read; or there is no labelled cell in any of them.
    """
    parts = []
    for number, place in enumerate(map(Path, places)):
        if cancel is not None:
            cancel.check()
        if is_review(place):
            session = open_session(place, cancel=cancel)
            try:
                parts.append(cells_of_review(session))
            finally:
                session.count.slide.close()
        elif place.is_file():
            parts.append(cells_of_manifest(place, progress=progress, cancel=cancel))
        elif place.is_dir():
            if um_per_px is None:
                raise InputError(
                    f"{place}: the scale of single-cell images cannot be guessed; give um_per_px (--um-per-px)"
                )
            parts.append(cells_of_folder(place, um_per_px, progress=progress, cancel=cancel))
        else:
            raise InputError(
                f"{place}: not there; give a review, a manifest or a folder with a folder per class"
            )
        if progress is not None:
            progress(Progress("Gathering labelled cells", number + 1, len(places), "source"))
    return joined(parts)


def _of_rows(rows: pd.DataFrame, crops: np.ndarray, source: str) -> LabelledCells:
    names = [f"{Path(p).parent.name}/{Path(p).name}" for p in rows["path"]]
    # A cell of an unknown slide stands alone; so does one whose group is only known in its own laboratory.
    slides = [
        f"{d}/{g}" if g else f"{d}/{n}" for d, g, n in zip(rows["domain"], rows["group"], names, strict=True)
    ]
    return LabelledCells(
        np.asarray(crops), rows["label"].to_numpy(str), np.array(slides, str), np.array(names, str), (source,)
    )
