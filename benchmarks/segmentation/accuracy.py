"""Detection and outlines against the marks, per source."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_wbc.segmentation import SlideModel, fit_slide_model, segment
from napari_wbc.slides import open_slide

from .fields import FULLY_MARKED, Field
from .intervals import group_draws, interval, share, share_interval, value_draws
from .matching import finds_of, score
from .pictures import save_if_wrong
from .readings import Readings
from .tables import markdown, with_interval

#: Masks that are wrong by eye; they stay in the figures, which are also given without them.
WRONG_MASKS = ("BloodImage_00177",)


def measure(fields: Iterable[Field], pictures: Path | None = None, same_slide: bool = False) -> pd.DataFrame:
    """Segment every field; a row per field.

    Each has a slide model of its own; with ``same_slide`` the fields of a group share one.
    """
    rows = []
    known = Readings()
    for group in _groups(fields) if same_slide else ([field] for field in fields):
        model = _pooled(group) if len(group) > 1 else None
        for field in group:
            start = time.process_time()
            found = segment(field.pixels, um_per_px=field.um_per_px, slide_model=model)
            seconds = time.process_time() - start
            finds = finds_of(found)
            result = score(field, finds)
            places = {
                "missed_boxes": field.boxes[result.missed].tolist(),
                "loose_boxes": field.boxes[result.loose].tolist(),
                "unmarked_centres": finds.centres[result.unmarked].round(1).tolist(),
            }
            rows.append(asdict(result) | places | _read(field, places, known) | {"seconds": seconds})
            if pictures is not None:
                save_if_wrong(field, found, result, pictures)
    return pd.DataFrame(rows)


def _groups(fields: Iterable[Field]) -> list[list[Field]]:
    groups: dict[tuple[str, str], list[Field]] = {}
    for field in fields:
        groups.setdefault((field.domain, field.group), []).append(field)
    return list(groups.values())


def _pooled(group: list[Field]) -> SlideModel:
    return fit_slide_model([open_slide(field.pixels) for field in group], group[0].um_per_px)


def _read(field: Field, places: dict[str, list[list[float]]], known: Readings) -> dict[str, int]:
    """Count what the disagreements of a field look like by eye."""

    def readings(kind: str, centres: list[tuple[float, float]]) -> list[str]:
        return [known.reading(field.path, kind, y, x, field.um_per_px) for y, x in centres]

    finds = readings("find", [(y, x) for y, x in places["unmarked_centres"]])
    marks = readings("mark", [((y0 + y1) / 2, (x0 + x1) / 2) for y0, x0, y1, x1 in places["missed_boxes"]])
    return {
        "unmarked_leukocytes": finds.count("leukocyte"),
        "wrong_marks": marks.count("no leukocyte") + marks.count("marked twice"),
        "unsure": finds.count("unsure") + marks.count("unsure"),
        "not_read": finds.count("") + marks.count(""),
    }


def summary(scores: pd.DataFrame) -> dict[str, Any]:
    """Figures per source, each with its 95 % interval, and over the sources."""
    by_domain = {str(domain): _of_domain(rows) for domain, rows in scores.groupby("domain", sort=True)}
    return {"domains": by_domain, "over_sources": _over_sources(scores)}


def f1_draws(scores: pd.DataFrame, part: str) -> tuple[float, np.ndarray]:
    """F1 and its draws."""
    whole, drawn = group_draws(scores, [part, "marked", "found"])
    return tuple(share(2 * s[part], s["marked"] + s["found"]) for s in (whole, drawn))  # type: ignore[return-value]


def _of_domain(rows: pd.DataFrame) -> dict[str, Any]:
    def f1(part: str) -> tuple[float, float, float]:
        return interval(
            rows, [part, "marked", "found"], lambda s: share(2 * s[part], s["marked"] + s["found"])
        )

    def per_100(part: str) -> tuple[float, float, float]:
        return interval(rows, [part, "marked"], lambda s: 100 * share(s[part], s["marked"]))

    figures: dict[str, Any] = {
        "fields": len(rows),
        "groups": int(rows["group"].nunique()),
        "marked": int(rows["marked"].sum()),
        "found": int(rows["found"].sum()),
        "recall_iou": share_interval(rows, "by_iou", "marked"),
        "recall_centre": share_interval(rows, "by_centre", "marked"),
        "precision_iou": share_interval(rows, "by_iou", "found"),
        "precision_centre": share_interval(rows, "by_centre", "found"),
        "f1_iou": f1("by_iou"),
        "f1_centre": f1("by_centre"),
        "splits_per_100": per_100("splits"),
        "merges_per_100": per_100("merges"),
        "cpu_seconds_per_field": float(rows["seconds"].mean()),
    }
    if "not_read" in rows:
        figures["after_reading"] = _after_reading(rows)
    dice = rows["dice"].dropna()
    if len(dice):
        figures["dice"] = _dice(dice.to_numpy())
        good = ~rows.loc[dice.index, "path"].map(lambda path: Path(path).stem in WRONG_MASKS)
        if not good.all():
            figures["dice_without_wrong_masks"] = _dice(dice[good].to_numpy())
    return figures


def _after_reading(rows: pd.DataFrame) -> dict[str, Any]:
    """Figures with the marks mended: wrong marks that were missed do not count, unmarked leukocytes are no false finds.

    Recall is still that of marked cells only; what is unsure or not read counts against the program.
    """
    mended = pd.DataFrame(
        {
            "group": rows["group"],
            "marked": rows["marked"] - rows["wrong_marks"],
            "found": rows["found"],
            "found_of_marked": rows["found"] - rows["unmarked_leukocytes"],
            "by_iou": rows["by_iou"],
            "by_centre": rows["by_centre"],
            "right": rows["by_centre"] + rows["unmarked_leukocytes"],
        }
    )

    def f1(part: str) -> tuple[float, float, float]:
        return interval(
            mended,
            [part, "marked", "found_of_marked"],
            lambda s: share(2 * s[part], s["marked"] + s["found_of_marked"]),
        )

    counts = ("unmarked_leukocytes", "wrong_marks", "unsure", "not_read")
    return {name: int(rows[name].sum()) for name in counts} | {
        "f1_iou": f1("by_iou"),
        "f1_centre": f1("by_centre"),
        "recall_centre": share_interval(mended, "by_centre", "marked"),
        "precision_centre": share_interval(mended, "right", "found"),
    }


def _dice(values: np.ndarray) -> dict[str, Any]:
    statistics = {
        "mean": np.mean,
        "median": np.median,
        "percentile_5": lambda v: np.percentile(v, 5),
    }
    return {name: (float(f(values)), *value_draws(values, f)) for name, f in statistics.items()}


def _over_sources(scores: pd.DataFrame) -> dict[str, Any]:
    """Worst and mean F1 of the sources whose leukocytes are all marked, worst recall of all sources."""
    result: dict[str, Any] = {}
    full = scores[scores["domain"].isin(FULLY_MARKED)]
    for part in ("iou", "centre"):
        pairs = [f1_draws(rows, f"by_{part}") for _, rows in full.groupby("domain")]
        if pairs:
            values, draws = np.array([p[0][0] for p in pairs]), np.array([p[1] for p in pairs])
            for name, f in (("mean", np.mean), ("worst", np.min)):
                low, high = np.nanpercentile(f(draws, axis=0), [2.5, 97.5])
                result[f"{name}_f1_{part}"] = (float(f(values)), float(low), float(high))
    recall = scores.groupby("domain")[["by_centre", "marked"]].sum()
    result["worst_recall_centre"] = float((recall["by_centre"] / recall["marked"]).min())
    errors = scores["splits"].sum() + scores["merges"].sum()
    result["splits_and_merges_per_100"] = float(100 * errors / max(1, scores["marked"].sum()))
    return result


def table(figures: dict[str, Any]) -> str:
    """Markdown: a row per source, then the figures over the sources."""
    rows = []
    for domain, f in figures["domains"].items():
        dice = f.get("dice")
        rows.append(
            {
                "source": domain,
                "fields (groups)": f"{f['fields']} ({f['groups']})",
                "WBC": f["marked"],
                "finds": f["found"],
                "F1, IoU 0.5": with_interval(f["f1_iou"]),
                "recall, IoU 0.5": with_interval(f["recall_iou"]),
                "recall, centre": with_interval(f["recall_centre"]),
                "precision, centre": with_interval(f["precision_centre"]),
                "F1, centre": with_interval(f["f1_centre"]),
                "splits per 100": with_interval(f["splits_per_100"], 1),
                "merges per 100": with_interval(f["merges_per_100"], 1),
                "Dice mean": with_interval(dice["mean"]) if dice else "-",
                "median": f"{dice['median'][0]:.3f}" if dice else "-",
                "5th percentile": with_interval(dice["percentile_5"]) if dice else "-",
                "CPU s per field": f["cpu_seconds_per_field"],
            }
        )
    over = figures["over_sources"]
    lines = [markdown(rows), ""]
    if "mean_f1_iou" in over:
        lines.append(
            f"Sources with every leukocyte marked: F1 (IoU 0.5) mean {with_interval(over['mean_f1_iou'])}, worst "
            f"{with_interval(over['worst_f1_iou'])}; F1 (centre) mean {with_interval(over['mean_f1_centre'])}, "
            f"worst {with_interval(over['worst_f1_centre'])}."
        )
    lines.append(
        f"All sources: worst recall (centre) {over['worst_recall_centre']:.3f}, "
        f"splits and merges {over['splits_and_merges_per_100']:.2f} per 100 WBC."
    )
    if all("after_reading" in f for f in figures["domains"].values()):
        lines += ["", table_after_reading(figures), ""]
    for domain, f in figures["domains"].items():
        if "dice_without_wrong_masks" in f:
            d = f["dice_without_wrong_masks"]
            lines.append(
                f"Dice of {domain} without the wrong mask of {', '.join(WRONG_MASKS)}: mean {d['mean'][0]:.3f}, "
                f"median {d['median'][0]:.3f}, 5th percentile {d['percentile_5'][0]:.3f}."
            )
    return "\n".join(lines)


def table_after_reading(figures: dict[str, Any]) -> str:
    """Markdown: the same after the disagreements were read by eye."""
    rows = []
    for domain, f in figures["domains"].items():
        read = f["after_reading"]
        rows.append(
            {
                "after reading": domain,
                "unmarked finds that are leukocytes": read["unmarked_leukocytes"],
                "missed marks that are none, or double": read["wrong_marks"],
                "unsure": read["unsure"],
                "not read": read["not_read"],
                "F1, IoU 0.5": with_interval(read["f1_iou"]),
                "F1, centre": with_interval(read["f1_centre"]),
                "recall, centre": with_interval(read["recall_centre"]),
                "precision, centre": with_interval(read["precision_centre"]),
            }
        )
    return markdown(rows)
