"""Crops of what is no leukocyte, cut from fields: marked red cells and platelets, and places that somebody read.

What a segmenter finds by mistake should be told from a leukocyte by the classifier, so that the class ``artifact``
needs what may look like one: red cells of every optics, clumps, dirt, empty glass, cells that the border cuts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.slides import open_slide
from napari_wbc.slides.crops import CROP_PX, crop_cells

#: A marked platelet larger than this may be a leukocyte with a wrong mark.
_LARGEST_PLATELET_UM = 5.5
#: Nothing is cut this close to a marked leukocyte: the crop would be centred on part of it.
CLEARANCE_UM = 9.0


def marked_places(
    fields: pd.DataFrame, boxes: pd.DataFrame, *, red_cells: int = 2, seed: int = 0
) -> pd.DataFrame:
    """Choose marked red cells and platelets.

    Parameters
    ----------
    fields : pandas.DataFrame
        ``path``, ``domain``, ``um_per_px``, ``group``.
    boxes : pandas.DataFrame
        ``path``, ``kind`` (wbc, rbc, platelet or platelets), ``x0``, ``y0``, ``x1``, ``y1``, px. Every leukocyte of a
        field should be marked.
    red_cells : int, optional
        Red cells taken from each field.
    seed : int, optional
        Of the choice.

    Returns
    -------
    pandas.DataFrame
        A row per place: ``path``, ``domain``, ``group`` and ``um_per_px`` of the field, ``label`` (``artifact`` or
        ``platelet``), ``y_px``, ``x_px``.
    """
    random = np.random.default_rng(seed)
    by_path = dict(iter(boxes.groupby("path")))
    rows = []
    for field in fields.to_dict("records"):
        marked = by_path.get(field["path"])
        if marked is None:
            continue
        about = {key: field[key] for key in ("path", "domain", "group", "um_per_px")}
        rows += [
            {**about, "label": label, "y_px": y, "x_px": x}
            for y, x, label in _of_field(marked, float(field["um_per_px"]), red_cells, random)
        ]
    return pd.DataFrame(rows, columns=["path", "domain", "group", "um_per_px", "label", "y_px", "x_px"])


def cut_places(
    places: pd.DataFrame,
    folder: str | Path,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> NDArray[np.uint8]:
    """Cut a window of 25 µm around each place.

    Parameters
    ----------
    places : pandas.DataFrame
        ``path`` of the field (relative to ``folder``), its ``um_per_px``, ``y_px``, ``x_px``.
    folder : str or Path
        Of the fields.
    progress, cancel : optional
        A callback and a token to stop.

    Returns
    -------
    numpy.ndarray of uint8, shape (n, 160, 160, 3)
        One per row, in order; beyond the border of a field it is mirrored.

    Raises
    ------
    InputError
        A field is missing or cannot be read.
    """
    crops = np.empty((len(places), CROP_PX, CROP_PX, 3), np.uint8)
    row_of = pd.Series(np.arange(len(places)), index=places.index)
    groups = places.groupby("path", sort=False)
    for i, (name, here) in enumerate(groups, start=1):
        if cancel is not None:
            cancel.check()
        path = Path(folder) / str(name)
        if not path.is_file():
            raise InputError(f"{path} is missing; the fields must lie beside their table")
        slide = open_slide(path)
        crops[row_of[here.index]] = crop_cells(
            slide,
            here[["y_px", "x_px"]].to_numpy(float),
            um_per_px=float(here["um_per_px"].iloc[0]),
            size_px=CROP_PX,
        )
        slide.close()
        if progress is not None:
            progress(Progress("Cutting crops from fields", i, len(groups), "field"))
    return crops


def _centres(boxes: pd.DataFrame) -> NDArray[np.float64]:
    return np.stack([(boxes["y0"] + boxes["y1"]) / 2, (boxes["x0"] + boxes["x1"]) / 2], axis=1).astype(float)


def _clear_of(
    points: NDArray[np.float64], leukocytes: NDArray[np.float64], distance_px: float
) -> NDArray[np.bool_]:
    if not len(leukocytes):
        return np.ones(len(points), bool)
    gaps = np.linalg.norm(points[:, None] - leukocytes[None], axis=2)
    return np.asarray(gaps.min(axis=1) > distance_px)


def _of_field(
    marked: pd.DataFrame, scale: float, red_cells: int, random: np.random.Generator
) -> list[tuple[float, float, str]]:
    leukocytes = _centres(marked[marked["kind"] == "wbc"])
    places: list[tuple[float, float, str]] = []
    platelets = marked[marked["kind"].str.startswith("platelet")]
    side = np.maximum(platelets["y1"] - platelets["y0"], platelets["x1"] - platelets["x0"]) * scale
    platelets = platelets[side < _LARGEST_PLATELET_UM]
    reds = marked[marked["kind"] == "rbc"]
    for boxes, label, most in ((platelets, "platelet", len(platelets)), (reds, "artifact", red_cells)):
        points = _centres(boxes)
        points = points[_clear_of(points, leukocytes, CLEARANCE_UM / scale)]
        chosen = random.permutation(len(points))[:most]
        places += [(float(y), float(x), label) for y, x in points[np.sort(chosen)]]
    return places
