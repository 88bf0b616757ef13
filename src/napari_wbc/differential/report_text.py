"""What a report says in sentences: the figures at its top, notes, how the numbers came about."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_wbc.differential.intervals import METHOD_TITLES
from napari_wbc.differential.wording import cells_text, interval_text, per_litre_text, whole_text
from napari_wbc.leukocytes import class_of

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential

#: Flags of cells as the report says them; of others it gives the name.
_FLAGS = {
    "blurred": "out of focus",
    "clump": "cells that hang together",
    "smudge": "smudged nucleus",
    "unlike_training": "unlike the training cells",
    "drawn": "drawn by a person",
    "split": "split by a person",
    "merged": "merged by a person",
}


def facts(differential: Differential) -> list[tuple[str, str, str]]:
    """Give the figures at the top: what, value, remark."""
    quality, profile = differential.quality, differential.profile
    found = [
        ("Leukocytes", whole_text(differential.denominator), f"counted; target {profile.target_count}"),
        (
            "Unidentified",
            f"{quality['unidentified_percent']:.1f} %",
            f"{cells_text(differential.unidentified)}, limit {profile.unidentified_percent:g} %",
        ),
        (
            "Unlike training cells",
            f"{quality['unlike_training_percent']:.1f} %",
            f"limit {profile.unlike_training_percent:g} %",
        ),
    ]
    shift = quality["domain_shift"]
    if shift is not None:
        found.append(
            ("Unlike training slides", f"{shift['ratio']:.2f}", f"limit 1; nearest: {shift['nearest']}")
        )
    per_100 = differential.per_100.get("erythroblast", math.nan)
    if not math.isnan(per_100):
        found.append(("Erythroblasts", f"{per_100:.1f}", "per 100 leukocytes"))
    found.append(("Reviewed", whole_text(quality["reviewed"]), f"{differential.excluded} excluded"))
    return found


def quality_lines(differential: Differential) -> list[str]:
    """Say on what kind of smear the leukocytes lie, and what is odd about cells."""
    flags = [f"{_FLAGS.get(name, name)} {whole_text(n)}" for name, n in differential.quality["flags"].items()]
    lines = [differential.smear_quality, f"Marked cells: {', '.join(flags)}." if flags else ""]
    return [line for line in lines if line]


def worst_case(differential: Differential) -> str:
    """Say what the unidentified cells could mean at worst; empty where there is none."""
    worst = differential.worst_case
    if worst is None or differential.unidentified == 0:
        return ""
    return (
        f"If every unidentified cell were a blast, blasts would be {worst.percent:.1f} % of {worst.n} cells "
        f"(95 % interval {interval_text(worst.ci_low, worst.ci_high, worst.count, worst.n)} %)."
    )


def table_notes(differential: Differential) -> list[str]:
    """Explain the table below it."""
    notes = [
        "Dot and whisker: percentage and 95 % interval on a square-root axis; grey: reference interval of the profile."
    ]
    if differential.table["flag"].ne("").any():
        notes.append(
            "A flag in outline: the interval includes the limit, so that more cells could change it."
        )
    if differential.unidentified:
        notes.append("?: unidentified cells.")
    given, used = differential.wbc_per_l, differential.wbc_corrected_per_l
    if given is not None and used is not None:
        text = f"WBC count {per_litre_text(given)} × 10⁹/L as given"
        if used != given:
            text += (
                f"; absolute counts go by {per_litre_text(used)} × 10⁹/L, which is without the erythroblasts"
            )
        notes.append(text + ".")
    return notes


def method_text(differential: Differential) -> list[str]:
    """Say in paragraphs how the numbers came about."""
    counting = (
        "The percentages are of the leukocytes counted. Erythroblasts, platelets, smudge cells, artifacts, "
        "unidentified and excluded cells stand outside. The percentages are rounded by the largest remainder, so that "
        "they sum to exactly 100."
    )
    for row, parts in differential.profile.merges.items():
        if row in differential.titles:
            names = " and ".join(class_of(part).title.lower() for part in parts)
            counting += f" {differential.titles[row]} is one row for {names}."
    if differential.quality["reviewed"] or differential.excluded:
        counting += " “Before review” counts the cells as the model had labelled them."
    sampling = (
        f"The 95 % intervals ({METHOD_TITLES[differential.interval_method]}) cover the chance of sampling "
        f"{cells_text(differential.denominator, 'leukocyte')} and nothing else: errors of the model come on top. "
        "A zero is stated as a bound. Erythroblasts per 100 leukocytes carry the interval of their odds."
    )
    return [counting, sampling]
