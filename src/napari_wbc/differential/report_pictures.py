"""The pictures of a report: the slide with its cells marked, and cells of every class by confidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from napari_wbc.cell_table import counted
from napari_wbc.differential.overlay import draw_overlay, uncertain
from napari_wbc.differential.pages import Picture, jpeg
from napari_wbc.differential.profile import Profile
from napari_wbc.differential.wording import whole_text
from napari_wbc.leukocytes import CONTAINS, class_of, in_order
from napari_wbc.slides import Slide
from napari_wbc.slides.crops import crop_cells

#: At most this many cells of a class are shown, and at most so many in all: the file stays below about 5 MB.
GALLERY_PER_CLASS, GALLERY_IN_ALL = 24, 360
#: Side of the cells in the gallery, px.
GALLERY_PX = 96
#: Longer side of the overview in the file, px.
OVERVIEW_PX = 1600


def overview_address(overview: Picture, cells: pd.DataFrame, scale: float) -> str:
    """Give the slide with its cells marked.

    Parameters
    ----------
    overview : numpy.ndarray of uint8, shape (height, width, 3)
        The slide.
    cells : pandas.DataFrame
        The cells that count.
    scale : float
        Level-0 px per px of the overview.
    """
    factor = max(1, math.ceil(max(overview.shape[:2]) / OVERVIEW_PX))
    reduced = np.asarray(Image.fromarray(overview).reduce(factor))
    return jpeg(draw_overlay(reduced, cells, scale=scale * factor, legend=False), quality=82)


def read_gallery(slide: Slide, cells: pd.DataFrame, um_per_px: float) -> dict[int, Picture]:
    """Read the cells that the gallery shows: of each class the surest and the least sure ones.

    Parameters
    ----------
    slide : Slide
        The image.
    cells : pandas.DataFrame
        The cell table; excluded cells are not shown.
    um_per_px : float
        Of level 0.

    Returns
    -------
    dict of int to numpy.ndarray of uint8, shape (96, 96, 3)
        By ``cell_id``.
    """
    # The report shows no more of a class; a slide may have thousands.
    half = GALLERY_PER_CLASS // 2
    shown = []
    for _, group in counted(cells).groupby("label", sort=False):
        by_confidence = group.sort_values(["confidence", "cell_id"], ascending=[False, True])
        if len(group) > GALLERY_PER_CLASS:
            by_confidence = pd.concat([by_confidence.iloc[:half], by_confidence.iloc[-half:]])
        shown.append(by_confidence)
    if not shown:
        return {}
    chosen = pd.concat(shown)
    centres = chosen[["y_px", "x_px"]].to_numpy(float)
    crops = crop_cells(slide, centres, um_per_px=um_per_px, size_px=GALLERY_PX)
    return dict(zip(chosen["cell_id"].astype(int), crops, strict=True))


def legend_entries(cells: pd.DataFrame, profile: Profile) -> list[dict[str, str]]:
    """Give name, abbreviation, colour and number of cells of every class in a table."""
    return [_entry(name, count, cells["label"], profile) for name, count in _label_counts(cells)]


def gallery(cells: pd.DataFrame, crops: Mapping[int, Picture], profile: Profile) -> list[dict[str, Any]]:
    """Give the pictures of every class from the surest cell to the least sure one.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cells that count.
    crops : mapping of int to numpy.ndarray of uint8
        Pictures by ``cell_id``.
    profile : Profile
        Tells what the classes are called.
    """
    labels = _label_counts(cells)
    at_most = max(2, min(GALLERY_PER_CLASS, GALLERY_IN_ALL // max(1, len(labels))))
    doubtful = uncertain(cells)
    groups = []
    for name, count in labels:
        ranked = cells[cells["label"] == name].sort_values(["confidence", "cell_id"], ascending=[False, True])
        ranked = ranked.assign(rank=range(len(ranked)), doubt=doubtful)
        shown = ranked[ranked["cell_id"].isin(list(crops))]
        if len(shown) > at_most:
            shown = pd.concat([shown.iloc[: at_most - at_most // 2], shown.iloc[len(shown) - at_most // 2 :]])
        if shown.empty:
            continue
        # Where ranks are left out, the report says how many.
        shown = shown.assign(left_out=(shown["rank"].diff().fillna(1) - 1).astype(int))
        pictures = [
            {
                "id": int(cell["cell_id"]),
                "confidence": "–" if math.isnan(cell["confidence"]) else f"{cell['confidence']:.2f}",
                "doubt": bool(cell["doubt"]),
                "reviewed": cell["status"] == "reviewed",
                "model_title": profile.title_of(str(cell["model_label"])),
                "left_out": int(cell["left_out"]),
                "picture": jpeg(crops[int(cell["cell_id"])], quality=85),
            }
            for cell in shown.to_dict("records")
        ]
        entry = _entry(name, count, cells["label"], profile)
        groups.append({**entry, "pictures": pictures, "all": len(pictures) == count})
    return groups


def _label_counts(cells: pd.DataFrame) -> list[tuple[str, int]]:
    counts = cells["label"].value_counts()
    return [(name, int(counts[name])) for name in in_order(counts.index)]


def _entry(name: str, count: int, labels: pd.Series[str], profile: Profile) -> dict[str, str]:
    shape = class_of(name)
    not_split = labels.isin(CONTAINS.get(name, ())).any()
    title = profile.title_of(name) + (", not split" if not_split else "")
    names = {"title": title, "abbreviation": shape.abbreviation}
    return {**names, "colour": shape.colour, "count": whole_text(count)}
