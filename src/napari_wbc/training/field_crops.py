"""Crops of what is no leukocyte, cut from boxed fields: red cells and platelets.

The segmenter's false candidates are not used: on the development fields nearly all of them turned out to be
leukocytes that nobody had marked.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.slides import open_slide
from napari_wbc.slides.crops import crop_cells
from napari_wbc.training.manifests import STORE_PX

#: A marked platelet larger than this may be a leukocyte with a wrong mark.
_LARGEST_PLATELET_UM = 5.5
#: Nothing is cut this close to a marked leukocyte: the crop would be centred on part of it.
_CLEARANCE_UM = 9.0


def cut_field_crops(
    fields: pd.DataFrame,
    boxes: pd.DataFrame,
    folder: str | Path,
    *,
    red_cells: int = 2,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> tuple[pd.DataFrame, NDArray[np.uint8]]:
    """Cut training crops from boxed fields.

    Parameters
    ----------
    fields : pandas.DataFrame
        ``path`` (relative to ``folder``), ``domain``, ``um_per_px``, ``group``.
    boxes : pandas.DataFrame
        ``path``, ``kind`` (wbc, rbc, platelet or platelets), ``x0``, ``y0``, ``x1``, ``y1``. Every leukocyte of a
        field should be marked.
    folder : str or Path
        Of the images.
    red_cells : int, optional
        Red cells taken from each field.
    seed : int, optional
        Of the choice.
    progress, cancel : optional
        A callback and a token to stop.

    Returns
    -------
    rows : pandas.DataFrame
        ``path`` (of the field), ``domain``, ``label`` (``artifact`` or ``platelet``), ``group``, ``y_px``, ``x_px``.
    crops : numpy.ndarray of uint8, shape (n, 128, 128, 3)
        One per row.

    Raises
    ------
    InputError
        A field cannot be read.
    """
    random = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    crops = []
    by_path = dict(iter(boxes.groupby("path")))
    for i, field in enumerate(fields.to_dict("records")):
        if cancel is not None:
            cancel.check()
        marked = by_path.get(field["path"])
        if marked is None:
            continue
        scale = float(field["um_per_px"])
        path = Path(folder) / str(field["path"])
        if not path.is_file():
            raise InputError(f"{path} is missing; the fields must lie beside their table")
        slide = open_slide(path)
        places = _marked_places(marked, scale, red_cells, random)
        if places:
            centres = np.array([p[:2] for p in places], float)
            crops.append(crop_cells(slide, centres, um_per_px=scale, size_px=STORE_PX))
            rows += [
                {
                    "path": field["path"],
                    "domain": field["domain"],
                    "label": label,
                    "group": field["group"],
                    "y_px": y,
                    "x_px": x,
                }
                for y, x, label in places
            ]
        slide.close()
        if progress is not None:
            progress(Progress("Cutting crops from fields", i + 1, len(fields), "field"))
    if not rows:
        raise InputError("no field has a marked box; nothing to cut")
    return pd.DataFrame(rows), np.concatenate(crops)


def _centres(boxes: pd.DataFrame) -> NDArray[np.float64]:
    return np.stack([(boxes["y0"] + boxes["y1"]) / 2, (boxes["x0"] + boxes["x1"]) / 2], axis=1).astype(float)


def _clear_of(
    points: NDArray[np.float64], leukocytes: NDArray[np.float64], distance_px: float
) -> NDArray[np.bool_]:
    if not len(leukocytes):
        return np.ones(len(points), bool)
    gaps = np.linalg.norm(points[:, None] - leukocytes[None], axis=2)
    return np.asarray(gaps.min(axis=1) > distance_px)


def _marked_places(
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
        points = points[_clear_of(points, leukocytes, _CLEARANCE_UM / scale)]
        chosen = random.permutation(len(points))[:most]
        places += [(float(y), float(x), label) for y, x in points[np.sort(chosen)]]
    return places
