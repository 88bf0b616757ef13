"""The rows of a report's tables: numbers of a differential as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from napari_wbc.differential.advice import MOST_CELLS, CountMore, flagged_limits, is_settled, round_up
from napari_wbc.differential.charts import Segment, interval_plot, stacked_bar
from napari_wbc.differential.intervals import largest_remainder
from napari_wbc.differential.marks import contrasting, rgb
from napari_wbc.differential.plain_text import in_sentence
from napari_wbc.differential.wording import (
    flag_text,
    interval_text,
    per_litre_text,
    percent_text,
    propagated_text,
    range_text,
    ratio_interval_text,
    whole_text,
)
from napari_wbc.leukocytes import class_of

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential


def inside_rows(differential: Differential) -> list[dict[str, Any]]:
    """Give a row for every class of the denominator."""
    rows = []
    table = differential.table[differential.table["in_denominator"] == 1]
    errors = errors_of(differential)
    before = largest_remainder([int(count) for count in table["count_before_review"]])
    for row, percent_before in zip(table.to_dict("records"), before, strict=True):
        name, n = str(row["class"]), differential.denominator
        reference = (
            None if math.isnan(row["reference_low"]) else (row["reference_low"], row["reference_high"])
        )
        colour = class_of(name).colour
        flags = str(row["flag"])
        rows.append(
            {
                "title": differential.titles[name],
                "colour": colour,
                "count": whole_text(row["count"]),
                "percent": percent_text(row["percent"]),
                "interval": interval_text(row["ci_low"], row["ci_high"], row["count"], n),
                "with_errors": propagated_text(*errors[name]) if name in errors else "–",
                "plot": interval_plot(
                    row["percent"], row["ci_low"], row["ci_high"], reference, colour, errors.get(name)
                ),
                "with_unidentified": percent_text(differential.with_unidentified[name]),
                "absolute": per_litre_text(row["absolute_per_l"]),
                "reference": range_text(row["reference_low"], row["reference_high"]),
                "flag": flag_text(flags),
                "arrow": "" if not flags else "▼" if flags.startswith("low") else "▲",
                "settled": all(is_settled(row, limit) for limit in flagged_limits(row)),
                "before": whole_text(row["count_before_review"]),
                "percent_before": percent_text(percent_before),
                "changed": row["count_before_review"] != row["count"],
                "parts": _parts_text(name, differential),
            }
        )
    return rows


def errors_of(differential: Differential) -> Mapping[str, tuple[float, float]]:
    """Give the intervals with the errors of the model by class, percent; empty where nothing of them is known."""
    propagated = differential.propagated
    return propagated.intervals if propagated.sources else {}


def _parts_text(row: str, differential: Differential) -> str:
    """Say what a merged row is made of."""
    parts = differential.parts.get(row, {})
    names = {
        part: "not split" if part == row else in_sentence(differential.profile.title_of(part), differential)
        for part in parts
    }
    return "of which " + ", ".join(f"{parts[part]} {names[part]}" for part in parts) if parts else ""


def outside_rows(differential: Differential) -> list[dict[str, str]]:
    """Give a row for everything that is no leukocyte."""
    rows = []
    for row in differential.table[differential.table["in_denominator"] == 0].to_dict("records"):
        name = str(row["class"])
        low, high = differential.per_100_intervals.get(name, (math.nan, math.nan))
        rows.append(
            {
                "title": differential.titles[name],
                "colour": class_of(name).colour,
                "count": whole_text(row["count"]),
                "per_100": "" if math.isnan(row["per_100_wbc"]) else f"{row['per_100_wbc']:.1f}",
                # Not a share: as many as there are leukocytes is no bound.
                "interval": "" if math.isnan(low) else interval_text(low, high, row["count"], -1),
                "absolute": per_litre_text(row["absolute_per_l"]),
                "flag": flag_text(str(row["flag"])),
                "before": whole_text(row["count_before_review"]),
            }
        )
    return rows


def ratio_rows(differential: Differential) -> list[dict[str, str]]:
    """Give a row for every ratio of the profile."""
    rows = []
    for ratio in differential.ratios:
        none = math.isnan(ratio.value)
        rows.append(
            {
                "title": ratio.title,
                "cells": f"{whole_text(ratio.above)}:{whole_text(ratio.below)}",
                "value": "–" if none else f"{ratio.value:.2f}",
                "interval": "–" if none else ratio_interval_text(ratio.ci_low, ratio.ci_high),
                "with_errors": "–"
                if none
                else ratio_interval_text(ratio.propagated_low, ratio.propagated_high),
            }
        )
    return rows


def class_bar(differential: Differential) -> Markup | None:
    """Draw the differential as one bar; None without leukocytes."""
    if differential.denominator == 0:
        return None
    segments = []
    for row in differential.table[differential.table["in_denominator"] == 1].to_dict("records"):
        shape = class_of(str(row["class"]))
        title = differential.titles[shape.name]
        segments.append(Segment(title, shape.abbreviation, shape.colour, ink(shape.colour), row["percent"]))
    return stacked_bar(segments)


def ink(colour: str) -> str:
    """Give near-black or white, whichever can be read on a colour."""
    return "#{:02x}{:02x}{:02x}".format(*contrasting(rgb(colour)))


def settle_rows(differential: Differential) -> list[dict[str, str]]:
    """Give a row for every limit that lies within an interval, with the further cells that would settle it."""
    return [
        _settle_row(c, differential) for c in differential.count_more if c.sentence in differential.advice
    ]


def _settle_row(item: CountMore, differential: Differential) -> dict[str, str]:
    row = differential.table.set_index("class").loc[item.name]
    more = (
        f"> {whole_text(MOST_CELLS)}"
        if item.more_cells is None
        else f"≈ {whole_text(round_up(item.more_cells))}"
    )
    interval = f"{row['ci_low']:.1f}–{row['ci_high']:.1f}"
    return {"title": item.title, "limit": f"{item.limit:g}", "interval": interval, "more": more}
