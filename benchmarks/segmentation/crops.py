"""Single cells: windows of 25 µm around one marked cell each, every one an image with a slide model of its own.

There is next to nothing in such a window to learn the stain from: often no red cell, sometimes no empty slide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_wbc.segmentation import SlideModel, fit_slide_model, segment
from napari_wbc.slides import open_slide

from .fields import IMAGES, evenly, pixels_of
from .intervals import wilson_interval
from .tables import markdown, with_interval

UM_PER_PX = 25.0 / 192
#: The outline of the marked cell comes this near to the middle of the window. (Windows of cells at the border of
#: their field are mirrored there, so that their cells look double and their nuclei lie elsewhere.)
_OUTLINE_UM = 3.5
#: Two nuclei this near to the middle are one in parts.
_NUCLEUS_UM = 5.0
#: Windows that a model of their slide is pooled over.
_ENOUGH = 12
NO_LEUKOCYTES = ("platelet",)


def chosen_crops(half: str, per_class: int) -> pd.DataFrame:
    """Cells of a half of the groups, at most so many per source and class; pbc names no slides: every second cell."""
    cells = pd.read_csv(IMAGES / "cells.csv", keep_default_na=False)
    chosen = []
    for domain, of in cells.groupby("domain", sort=True):
        groups = of["path"] if domain == "pbc" else of["group"].astype(str)
        order = {group: k for k, group in enumerate(sorted(groups.unique()))}
        here = of[groups.map(order) % 2 == (half == "odd")]
        for _, rows in here.groupby("label", sort=True):
            chosen.append(rows.iloc[evenly(len(rows), per_class)])
    return pd.concat(chosen)


def measure(cells: pd.DataFrame, same_slide: bool = False) -> pd.DataFrame:
    """A row per cell: whether something was found in the middle of the window, and whether in parts.

    With ``same_slide`` the slide model is pooled over windows of the same group, where there are enough.
    """
    models = _slide_models(cells) if same_slide else {}
    rows = []
    for cell in cells.itertuples():
        pixels = pixels_of(cell.path)
        model = models.get((cell.domain, cell.group))
        if same_slide and model is None:
            continue
        result = segment(pixels, um_per_px=UM_PER_PX, slide_model=model)
        y, x = np.nonzero(result.cells)
        nearest = np.hypot(y - 95.5, x - 95.5).min(initial=np.inf) * UM_PER_PX
        nuclei = np.hypot(result.table["y_px"] - 95.5, result.table["x_px"] - 95.5) * UM_PER_PX
        rows.append(
            {
                "source": cell.domain,
                "label": cell.label,
                "path": cell.path,
                "found": bool(nearest < _OUTLINE_UM),
                "in_parts": int((nuclei < _NUCLEUS_UM).sum()) > 1,
            }
        )
    return pd.DataFrame(rows)


def _slide_models(cells: pd.DataFrame) -> dict[tuple[str, str], SlideModel]:
    """Fit a model to windows of every group that has enough of them."""
    every = pd.read_csv(IMAGES / "cells.csv", keep_default_na=False)
    wanted = set(zip(cells["domain"], cells["group"], strict=True))
    models = {}
    for key, of in every.groupby(["domain", "group"], sort=True):
        if key in wanted and len(of) >= _ENOUGH:
            some = of.iloc[evenly(len(of), _ENOUGH)]
            models[key] = fit_slide_model([open_slide(pixels_of(path)) for path in some["path"]], UM_PER_PX)
    return models


def summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Per source and class: cells, how many were found, how many in parts."""
    return {
        f"{source}/{label}": {
            "cells": len(of),
            "found": int(of["found"].sum()),
            "in_parts": int(of["in_parts"].sum()),
        }
        for (source, label), of in rows.groupby(["source", "label"], sort=True)
    }


def by_source(figures: dict[str, Any]) -> dict[str, tuple[float, float, float]]:
    """Recall of leukocytes per source: the mean of its classes, rare ones weighing as much as common ones."""
    result = {}
    for source in dict.fromkeys(name.split("/")[0] for name in figures):
        shares, cells = [], 0
        for name, f in figures.items():
            if name.split("/")[0] == source and name.split("/")[1] not in NO_LEUKOCYTES:
                shares.append(f["found"] / f["cells"])
                cells += f["cells"]
        mean = float(np.mean(shares))
        result[source] = (mean, *wilson_interval(mean, cells))
    return result


def table(figures: dict[str, Any]) -> str:
    """Markdown: share found, a row per class, a column per source."""
    sources = list(by_source(figures))
    labels = sorted(
        {name.split("/")[1] for name in figures}, key=lambda label: (label in NO_LEUKOCYTES, label)
    )
    rows = []
    for label in labels:
        row: dict[str, Any] = {"share found": label}
        for source in sources:
            f = figures.get(f"{source}/{label}")
            row[source] = f"{f['found']}/{f['cells']} = {f['found'] / f['cells']:.3f}" if f else "-"
        rows.append(row)
    rows.append({"share found": "mean of the classes of leukocytes"})
    rows[-1] |= {source: with_interval(value) for source, value in by_source(figures).items()}
    parts = sum(f["in_parts"] for f in figures.values())
    total = sum(f["cells"] for f in figures.values())
    return markdown(rows) + f"\n\nTwo or more finds within 5 µm of the middle: {parts} of {total} windows."
