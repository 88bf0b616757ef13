"""The page of a batch: its slides side by side, in one HTML file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from napari_wbc.batch_table import ImageCounts
from napari_wbc.cohort.charts import class_strip, dot_strip, legend_swatch, slide_bar, target_bar
from napari_wbc.cohort.slides import SlideCount, classes_table
from napari_wbc.differential.advice import flagged_limits, is_settled
from napari_wbc.differential.charts import axis_ticks
from napari_wbc.differential.pages import page
from napari_wbc.differential.wording import cells_text, percent_text, range_text, whole_text
from napari_wbc.leukocytes import class_of, in_order

#: So many different values of a setting are named.
_NAMED = 4
#: Slides with fewer leukocytes have a thin bar: 100 is the routine count.
FEW = 100


def cohort_page(
    rows: Sequence[ImageCounts],
    slides: Sequence[SlideCount],
    *,
    name: str,
    planned: int,
    runs: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Give the text of ``cohort.html``.

    Parameters
    ----------
    rows : sequence of ImageCounts
        The images that had their turn.
    slides : sequence of SlideCount
        Of them.
    name : str
        What the batch is called.
    planned : int
        How many images it has.
    runs : sequence of mapping
        What the ``run.json`` of the counted images hold.

    Returns
    -------
    str
        HTML that loads nothing from elsewhere; its links lead to the reports of the images, relative to the folder that
        holds their folders of results.
    """
    counted = [slide for slide in slides if slide.leukocytes]
    classes = in_order({cls for slide in counted for cls in slide.counts})
    titles = {cls: title for slide in slides for cls, title in slide.titles.items()}
    total = {cls: sum(slide.counts.get(cls, 0) for slide in counted) for cls in classes}
    first = max(classes, key=lambda cls: total[cls], default="")
    ordered = sorted(
        slides,
        key=lambda s: (s.leukocytes == 0, -s.percents.get(first, 0.0) if s.leukocytes else 0.0, s.name),
    )
    return page(
        "cohort.html.j2",
        package="napari_wbc.cohort",
        heading=name,
        name=name,
        stopped=planned - len(rows),
        planned=planned,
        facts=_facts(rows, slides),
        failed=[row for row in rows if row.summary is None],
        strips=_strips(counted, slides),
        few=FEW,
        sorted_by=titles.get(first, ""),
        slides=[_slide_row(slide, classes) for slide in ordered],
        several=any(len(slide.images) > 1 for slide in slides),
        legend=[
            {
                "swatch": legend_swatch(cls, classes),
                "abbreviation": class_of(cls).abbreviation,
                "title": titles[cls],
            }
            for cls in classes
            if total[cls]
        ],
        alarms=[(slide.name, slide.alarms) for slide in ordered if slide.alarms],
        classes=_class_rows(counted, titles),
        ticks=axis_ticks(),
        provenance=_provenance(runs),
    )


def _facts(rows: Sequence[ImageCounts], slides: Sequence[SlideCount]) -> list[tuple[str, str, str]]:
    failed = sum(row.summary is None for row in rows)
    short = sum(slide.leukocytes < slide.profile.target_count for slide in slides)
    alarmed = sum(bool(slide.alarms) for slide in slides)
    return [
        ("Slides", whole_text(len(slides)), "counted"),
        ("Images", whole_text(len(rows) - failed), f"counted; {whole_text(failed)} failed"),
        ("Leukocytes", whole_text(sum(slide.leukocytes for slide in slides)), "of all slides"),
        ("Below the target", whole_text(short), "slides with too few leukocytes"),
        ("With an alarm", whole_text(alarmed), "slides whose count is not reliable"),
    ]


def _strips(counted: Sequence[SlideCount], slides: Sequence[SlideCount]) -> list[dict[str, Any]]:
    """Give the figures of quality, each with its limit; those of slides with one and the same limit."""
    figures: list[tuple[str, str, list[tuple[str, float, float]], bool]] = [
        (
            "Leukocytes counted",
            "Fewer than the target widen every interval.",
            [(s.name, float(s.leukocytes), float(s.profile.target_count)) for s in slides],
            True,
        ),
        (
            "Unidentified, %",
            "Of leukocytes, erythroblasts and unidentified cells.",
            [(s.name, s.unidentified_percent, s.profile.unidentified_percent) for s in slides],
            False,
        ),
        (
            "Unlike the training cells, %",
            "Cells that the model saw nothing like.",
            [(s.name, s.unlike_percent, s.profile.unlike_training_percent) for s in slides],
            False,
        ),
        (
            "Unlike the training slides",
            "Distance of all cells together from the nearest laboratory of the training, in units of its limit.",
            [(s.name, s.shift, 1.0) for s in counted if not math.isnan(s.shift)],
            False,
        ),
    ]
    strips = []
    for title, remark, values, below in figures:
        limits = {limit for _, _, limit in values}
        # Slides with different limits have no line in common: their table says who is beyond.
        if len(limits) != 1:
            continue
        chart = dot_strip(
            [(name, value) for name, value, _ in values], limits.pop(), below=below, title=title
        )
        strips.append({"title": title, "remark": remark, "chart": chart})
    return strips


def _slide_row(slide: SlideCount, classes: Sequence[str]) -> dict[str, Any]:
    profile = slide.profile
    bar = None
    if slide.leukocytes:
        shares = [(name, slide.titles[name], percent) for name, percent in slide.percents.items()]
        bar = slide_bar(shares, classes, thin=slide.leukocytes < FEW)
    links = [{"href": f"{quote(image.folder)}/report.html", "text": image.image} for image in slide.images]
    return {
        "name": slide.name if len(links) > 1 or slide.images[0].slide else slide.images[0].image,
        "links": links,
        "count": whole_text(slide.leukocytes),
        "target": target_bar(slide.leukocytes, profile.target_count),
        "short": slide.leukocytes < profile.target_count,
        "bar": bar,
        "unidentified": f"{slide.unidentified_percent:.1f}",
        "many_unidentified": slide.unidentified_percent > profile.unidentified_percent,
        "unlike": f"{slide.unlike_percent:.1f}",
        "many_unlike": slide.unlike_percent > profile.unlike_training_percent,
        "shift": "–" if math.isnan(slide.shift) else f"{slide.shift:.2f}",
        "far": slide.shift > 1,
        "flags": ", ".join(_flag(row) for row in slide.table.to_dict("records") if row["flag"]),
        "alarm": bool(slide.alarms),
    }


def _flag(row: Mapping[Any, Any]) -> str:
    """Give the flag of a class in brief; in brackets where more cells could change it."""
    arrow = "▼" if str(row["flag"]).startswith("low") else "▲"
    text = f"{arrow}\u202f{class_of(str(row['class'])).abbreviation}"
    return text if all(is_settled(row, limit) for limit in flagged_limits(row)) else f"({text})"


def _class_rows(counted: Sequence[SlideCount], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    profiles = {slide.profile.name: slide.profile for slide in counted}
    # Slides of several profiles have no reference interval in common.
    only = next(iter(profiles.values())) if len(profiles) == 1 else None
    rows = []
    for row in classes_table(counted).to_dict("records"):
        name = str(row["class"])
        reference = only.class_named(name).reference if only is not None else None
        percents = [slide.percents[name] for slide in counted if name in slide.percents]
        colour = class_of(name).colour
        rows.append(
            {
                "title": titles[name],
                "colour": colour,
                "slides": row["slides"],
                "cells": whole_text(row["cells"]),
                "percent": percent_text(row["percent"]),
                "median": percent_text(row["median"]),
                "quartiles": f"{row['q1']:.1f}–{row['q3']:.1f}",
                "range": f"{row['lowest']:.1f}–{row['highest']:.1f}",
                "reference": range_text(*(reference or (math.nan, math.nan))),
                "plot": class_strip(percents, reference, row["median"], colour),
            }
        )
    return rows


def _provenance(runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, bool]]:
    """Give rows of name, value and whether it is a checksum; what differs between images is listed."""

    def values(*keys: str) -> str:
        found: dict[str, None] = {}
        for run in runs:
            value: Any = run
            for key in keys:
                value = value.get(key) if isinstance(value, Mapping) else None
            if value is not None and value != "":
                found[str(value)] = None
        named = list(found)
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        return ", ".join(named[:_NAMED]) + more

    times = sorted(str(run["finished"]) for run in runs if run.get("finished"))
    rows = [
        ("Program", f"napari-wbc {values('version')}" if runs else "", False),
        ("Model", values("model", "name"), False),
        ("Model SHA-256", values("model", "sha256"), True),
        ("Profile", values("parameters", "profile"), False),
        ("Profile SHA-256", values("parameters", "profile_sha256"), True),
        ("Origin of the scale", values("scale", "origin").replace("_", " "), False),
        ("Device", values("device"), False),
        ("Images counted", cells_text(len(runs), "image"), False),
        ("Finished", " to ".join(dict.fromkeys((times[0], times[-1]))) if times else "", False),
    ]
    return [row for row in rows if row[1]]
