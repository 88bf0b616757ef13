"""F1 and recall lost under disturbances, field by field against the undisturbed image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from napari_wbc.segmentation import segment
from napari_wbc.slides.scale import ScaleUnknownError

from .disturbances import DISTURBANCES, GOALS, Disturbed
from .fields import FULLY_MARKED, Field
from .intervals import Sums, interval, share
from .matching import Score, finds_of, score
from .tables import markdown

PLAIN = "none"
COUNTS = ["marked", "found", "by_iou", "by_centre"]


def measure(fields: Iterable[Field], names: list[str] | None = None) -> pd.DataFrame:
    """Segment every field under every disturbance; a row per field and disturbance.

    Where the red cells do not tell the scale, the program asks its user: no row.
    """
    rows = []
    for field in fields:
        rows.append(_row(PLAIN, _segmented(field, Disturbed(field.pixels, field.um_per_px))))
        for _, name, disturb in DISTURBANCES:
            if names is not None and not any(part in name for part in names):
                continue
            try:
                rows.append(_row(name, _segmented(field, disturb(field.pixels, field.um_per_px))))
            except ScaleUnknownError:
                continue
    return pd.DataFrame(rows)


def _segmented(field: Field, disturbed: Disturbed) -> Score:
    found = segment(disturbed.pixels, um_per_px=disturbed.um_per_px)
    return score(field, finds_of(found), disturbed.zoom)


def _row(name: str, result: Score) -> dict[str, Any]:
    counts = asdict(result)
    return {"disturbance": name} | {key: counts[key] for key in ("domain", "group", "path", *COUNTS)}


def summary(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Losses per disturbance and source, with 95 % intervals of the paired difference."""
    plain = scores[scores["disturbance"] == PLAIN].set_index("path")
    results = []
    for kind, name, _ in DISTURBANCES:
        rows = scores[scores["disturbance"] == name]
        if rows.empty:
            continue
        pairs = rows.join(plain[COUNTS].add_suffix("_plain"), on="path")
        sources = {
            str(domain): {
                "fields": len(of),
                "f1_iou_lost": interval(of, _PAIRED, lambda s: _f1(s, "by_iou", "_plain") - _f1(s, "by_iou")),
                "f1_centre_lost": interval(
                    of, _PAIRED, lambda s: _f1(s, "by_centre", "_plain") - _f1(s, "by_centre")
                ),
                "recall_lost": interval(
                    of, _PAIRED, lambda s: share(s["by_centre_plain"] - s["by_centre"], s["marked"])
                ),
            }
            for domain, of in pairs.groupby("domain", sort=True)
        }
        results.append({"kind": kind, "name": name, "goal": GOALS.get(kind), "sources": sources})
    return results


_PAIRED = COUNTS + [f"{c}_plain" for c in COUNTS]


def _f1(sums: Sums, part: str, suffix: str = "") -> np.ndarray:
    return share(2 * sums[part + suffix], sums["marked" + suffix] + sums["found" + suffix])


def table(results: list[dict[str, Any]]) -> str:
    """Markdown: F1 lost and recall lost, a row per disturbance."""
    domains = sorted({domain for result in results for domain in result["sources"]})
    parts = []
    for title, key in (
        ("F1 (IoU 0.5) lost", "f1_iou_lost"),
        ("recall (centre in box) lost", "recall_lost"),
    ):
        rows = []
        for result in results:
            lost = {d: s[key] for d, s in result["sources"].items()}
            # Unmarked leukocytes count as false on chula: its F1 rises where they are lost, and falls where found.
            judged = {d: v for d, v in lost.items() if key == "recall_lost" or d in FULLY_MARKED}
            row: dict[str, Any] = {title: result["name"]}
            row |= {d: f"{lost[d][0]:+.3f}" if d in lost else "-" for d in domains}
            if judged:
                worst = max(judged.values(), key=lambda v: v[0])
                row["worst (95 %)"] = f"{worst[0]:+.3f} ({worst[1]:+.3f} to {worst[2]:+.3f})"
                row["mean"] = f"{np.mean([v[0] for v in judged.values()]):+.3f}"
            if key == "f1_iou_lost":
                row["goal"] = "-" if result["goal"] is None else f"{result['goal']:.2f}"
            rows.append(row)
        parts.append(markdown(rows))
    estimated = [r for r in results if r["name"] == "scale from the red cells"]
    if estimated:
        told = ", ".join(f"{d} {s['fields']}" for d, s in estimated[0]["sources"].items())
        parts.append(f"Fields whose red cells tell the scale (in the others the program asks): {told}.")
    return "\n\n".join(parts)
