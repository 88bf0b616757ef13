"""This package against other methods on the same images: accuracy, and megapixels per second in the same run."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from napari_wbc.segmentation import segment

from .accuracy import summary as accuracy_summary
from .fields import Field
from .matching import finds_of, score
from .peer_methods import CYTOPLASM_UM, METHODS, finds_from
from .tables import markdown, with_interval

OURS = "napari-wbc"


def measure(fields: Iterable[Field]) -> pd.DataFrame:
    """Run every method on every field, in turn; a row per field and method. Time is CPU time of one thread."""
    rows = []
    for field in fields:
        pixels, um = field.pixels, field.um_per_px
        start = time.process_time()
        found = finds_of(segment(pixels, um_per_px=um))
        rows.append(_row(OURS, field, found, time.process_time() - start))
        for name, nuclei_of in METHODS.items():
            start = time.process_time()
            found = finds_from(nuclei_of(pixels, um), CYTOPLASM_UM[name], um)
            rows.append(_row(name, field, found, time.process_time() - start))
    return pd.DataFrame(rows)


def _row(method: str, field: Field, found: Any, seconds: float) -> dict[str, Any]:
    return {"method": method, **asdict(score(field, found)), "seconds": seconds}


def choose_cytoplasm(fields: Iterable[Field]) -> str:
    """Mean F1 (IoU 0.5) over the sources for widths of the cytoplasm, as a Markdown table."""
    widths = np.arange(0.0, 4.1, 0.5)
    rows = []
    for field in fields:
        for name, nuclei_of in METHODS.items():
            nuclei = nuclei_of(field.pixels, field.um_per_px)
            for width in widths:
                result = score(field, finds_from(nuclei, float(width), field.um_per_px))
                rows.append({"method": name, "width": width, **asdict(result)})
    sums = pd.DataFrame(rows).groupby(["method", "width", "domain"])[["by_iou", "marked", "found"]].sum()
    f1 = (2 * sums["by_iou"] / (sums["marked"] + sums["found"])).groupby(["method", "width"]).mean()
    return markdown([{"µm": name} | {f"{w:.1f}": float(f1[name, w]) for w in widths} for name in METHODS])


def summary(scores: pd.DataFrame) -> dict[str, Any]:
    """Figures per method and source."""
    speeds = scores.groupby("method")[["megapixels", "seconds"]].sum()
    speed = speeds["megapixels"] / speeds["seconds"]
    return {
        method: accuracy_summary(scores[scores["method"] == method])
        | {"megapixels_per_s": float(speed[method]), "times_slower": float(speed[OURS] / speed[method])}
        for method in (OURS, *METHODS)
    }


def table(figures: dict[str, Any]) -> str:
    """Markdown: F1 per source, recall, Dice, speed; a row per method."""
    rows = []
    for method, f in figures.items():
        domains = f["domains"]
        dice = next((d["dice"] for d in domains.values() if "dice" in d), None)
        errors = f["over_sources"]["splits_and_merges_per_100"]
        row = {"method": method}
        row |= {f"F1 {d}": with_interval(v["f1_iou"]) for d, v in domains.items()}
        row["mean of sources"] = float(np.mean([v["f1_iou"][0] for v in domains.values()]))
        row["worst"] = float(min(v["f1_iou"][0] for v in domains.values()))
        row["F1 by centre, mean"] = float(np.mean([v["f1_centre"][0] for v in domains.values()]))
        row["worst "] = float(min(v["f1_centre"][0] for v in domains.values()))
        row["worst recall, centre"] = f["over_sources"]["worst_recall_centre"]
        row["splits and merges per 100"] = f"{errors:.1f}"
        row["whole-cell Dice (5th percentile)"] = (
            f"{dice['mean'][0]:.3f} ({dice['percentile_5'][0]:.3f})" if dice else "-"
        )
        row["Mpx/s"] = f"{f['megapixels_per_s']:.1f}"
        row["CPU time over ours"] = f"{f['times_slower']:.1f}"
        rows.append(row)
    return markdown(rows)
