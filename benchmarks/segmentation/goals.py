"""The goals that were set for the segmentation, beside what the results say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .disturbances import GOALS
from .fields import FULLY_MARKED
from .red_cells import per_100_megapixels
from .tables import markdown, with_interval


def table(results: Path) -> str:
    """Markdown: a row per goal; *met* goes by the value, not by the interval."""
    rows: list[dict[str, Any]] = []

    def add(name: str, value: float, text: str, goal: float, least: bool = True) -> None:
        met = value >= goal if least else value <= goal
        sign = "at least" if least else "at most"
        rows.append(
            {"figure": name, "goal": f"{sign} {goal:g}", "measured": text, "met": "yes" if met else "no"}
        )

    for name, add_rows in (
        ("accuracy", _accuracy),
        ("crops", _crops),
        ("robustness", _robustness),
        ("red-cells", _red_cells),
        ("speed", _speed),
    ):
        file = results / f"{name}.json"
        if file.exists():
            add_rows(json.loads(file.read_text()), add)
    return markdown(rows)


def _accuracy(content: dict[str, Any], add: Any) -> None:
    over, domains = content["over_sources"], content["domains"]
    add(
        "F1 (IoU 0.5), worst fully marked source",
        over["worst_f1_iou"][0],
        with_interval(over["worst_f1_iou"]),
        0.95,
    )
    add(
        "F1 (IoU 0.5), mean of these sources",
        over["mean_f1_iou"][0],
        with_interval(over["mean_f1_iou"]),
        0.97,
    )
    for domain, f in domains.items():
        if domain not in FULLY_MARKED:
            read = f["after_reading"]
            add(
                f"F1 (IoU 0.5), {domain}, marks as they are", f["f1_iou"][0], with_interval(f["f1_iou"]), 0.95
            )
            text = f"{with_interval(read['f1_iou'])}; {read['not_read']} disagreements not read"
            add(f"F1 (IoU 0.5), {domain}, after reading", read["f1_iou"][0], text, 0.95)
    for domain, f in domains.items():
        recall = f["recall_centre"]
        add(f"recall of nuclei, {domain}", recall[0], with_interval(recall), 0.99)
        read = f["after_reading"]
        if read["wrong_marks"]:
            recall = read["recall_centre"]
            add(f"recall of nuclei, {domain}, after reading", recall[0], with_interval(recall), 0.99)
    for domain, f in domains.items():
        if "dice" in f:
            dice = f["dice"]
            text = f"{with_interval(dice['mean'])}; 5th percentile {dice['percentile_5'][0]:.3f}"
            add(f"whole-cell Dice, {domain}, mean of fields", dice["mean"][0], text, 0.955)
    errors = over["splits_and_merges_per_100"]
    add("splits and merges per 100 WBC, all sources", errors, f"{errors:.2f}", 2, least=False)


def _crops(content: dict[str, Any], add: Any) -> None:
    for source, recall in content["recall"].items():
        add(f"recall in windows of 25 µm, {source}", recall[0], with_interval(recall), 0.99)
    for source, recall in content["recall_same_slide"].items():
        name = f"recall in windows of 25 µm, {source}, slide model of the group"
        add(name, recall[0], with_interval(recall), 0.99)


def _robustness(content: dict[str, Any], add: Any) -> None:
    for kind, goal in GOALS.items():
        losses = [
            (*d["sources"][domain]["f1_iou_lost"], d["name"], domain)
            for d in content["disturbances"]
            if d["kind"] == kind
            for domain in FULLY_MARKED
            if domain in d["sources"]
        ]
        if losses:
            lost, low, high, name, domain = max(losses)
            text = f"{lost:.3f} ({low:.3f} to {high:.3f}): {name}, {domain}"
            add(
                f"F1 (IoU 0.5) lost, {kind}, worst case of the fully marked sources",
                lost,
                text,
                goal,
                least=False,
            )


def _red_cells(content: dict[str, Any], add: Any) -> None:
    for kind in dict.fromkeys(area["kind"] for area in content["areas"]):
        of_kind = [area for area in content["areas"] if area["kind"] == kind]
        false = sum(area["finds"] - area["read_as_leukocytes"] for area in of_kind)
        rate = per_100_megapixels(false, sum(area["megapixels"] for area in of_kind))
        not_read = sum(area["not_read"] for area in of_kind)
        text = with_interval(rate, 1) + (f"; {not_read} finds not read" if not_read else "")
        add(f"false finds per 100 Mpx, {kind}", rate[0], text, 1, least=False)


def _speed(content: dict[str, Any], add: Any) -> None:
    first, second = content["first_pass_megapixels_per_s"], content["second_pass_cells_per_s"]
    add("first pass, native Mpx/s on one core, decoding apart", first, f"{first:.0f}", 300)
    add("second pass, cells/s on one core", second, f"{second:.0f}", 100)
