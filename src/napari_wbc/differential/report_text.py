"""What a report says in sentences: the figures at its top, notes, how the numbers came about."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_wbc.cell_table import UNLIKE_TRAINING
from napari_wbc.differential.intervals import METHOD_TITLES
from napari_wbc.differential.plain_text import in_sentence
from napari_wbc.differential.report_rows import errors_of
from napari_wbc.differential.wording import cells_text, interval_text, per_litre_text, whole_text

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential

#: Flags of cells as the report says them; of others it gives the name.
_FLAGS = {
    "blurred": "out of focus",
    "clump": "cells that hang together",
    "smudge": "smudged nucleus",
    UNLIKE_TRAINING: "unlike the training cells",
    "drawn": "drawn by a person",
    "split": "split by a person",
    "merged": "merged by a person",
}

#: What may stand outside the denominator.
_OUTSIDE = {
    "erythroblast": "erythroblasts",
    "platelet": "platelets",
    "smudge_cell": "smudge cells",
    "artifact": "artifacts",
}


def facts(differential: Differential) -> list[tuple[str, str, str]]:
    """Give the figures at the top: what, value, remark."""
    quality, profile = differential.quality, differential.profile
    found = [
        (
            f"{profile.noun.capitalize()}s",
            whole_text(differential.denominator),
            f"counted; target {profile.target_count}",
        ),
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
    both = (
        "Dot: percentage; bar: 95 % interval of sampling; whisker: the same with the errors of the model"
        if errors_of(differential)
        else "Dot and whisker: percentage and 95 % interval"
    )
    notes = [f"{both}; on a square-root axis. Grey: reference interval of the profile."]
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
    profile, noun = differential.profile, differential.profile.noun
    stand = ", ".join(plural for name, plural in _OUTSIDE.items() if not profile.is_counted(name))
    counting = (
        f"The percentages are of the {noun}s counted. Outside stand: {stand}, unidentified and excluded cells. The "
        "percentages are rounded by the largest remainder, so that they sum to exactly 100."
    )
    for row, parts in profile.merges.items():
        if row in differential.titles:
            names = " and ".join(in_sentence(profile.title_of(part), differential) for part in parts)
            counting += f" {differential.titles[row]} is one row for {names}."
    if differential.quality["reviewed"] or differential.excluded:
        counting += " “Before review” counts the cells as the model had labelled them."
    sampling = (
        f"The 95 % intervals of sampling ({METHOD_TITLES[differential.interval_method]}) cover the chance of drawing "
        f"{cells_text(differential.denominator, noun)} and nothing else. A zero is stated as a bound."
    )
    if not profile.is_counted("erythroblast"):
        sampling += f" Erythroblasts per 100 {noun}s carry the interval of their odds."
    return [text for text in (counting, sampling, differential.propagated.note) if text]
