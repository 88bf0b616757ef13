"""The differential as a plain table for a terminal or the clipboard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.intervals import METHOD_TITLES
from napari_wbc.differential.wording import (
    flag_text,
    interval_text,
    per_litre_text,
    percent_text,
    propagated_text,
    range_text,
    ratio_text,
)
from napari_wbc.leukocytes import UNIDENTIFIED

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential


def plain_text(result: Differential) -> str:
    """Write a differential as text, about 80 characters wide.

    Parameters
    ----------
    result : Differential
        To be written.

    Returns
    -------
    str
        Lines without a last line break.
    """
    lines = [*(f"! {alarm}" for alarm in result.alarms)]
    if result.denominator:
        lines += [result.summary, "", *_table(result)]
    outside = _outside(result)
    if outside:
        lines += ["", "Outside the denominator: " + "; ".join(outside) + "."]
    if result.unidentified and result.worst_case is not None:
        worst = result.worst_case
        lines.append(
            f"If every unidentified cell were a blast: {worst.percent:.1f} % blasts "
            f"({interval_text(worst.ci_low, worst.ci_high, worst.count, worst.n)})."
        )
    if result.wbc_per_l is not None and result.wbc_corrected_per_l != result.wbc_per_l:
        lines.append(
            f"WBC {per_litre_text(result.wbc_per_l)} x 10⁹/L, without erythroblasts "
            f"{per_litre_text(result.wbc_corrected_per_l or math.nan)} x 10⁹/L."
        )
    lines += [f"- {sentence}" for sentence in (*result.flags, *result.advice)]
    if result.smear_quality:
        lines.append(result.smear_quality)
    if result.not_recognised:
        names = ", ".join(
            in_sentence(result.profile.title_of(name), result) for name in result.not_recognised
        )
        lines.append(f"The model cannot recognise: {names}.")
    lines += [ratio_text(ratio) for ratio in result.ratios]
    if result.denominator:
        lines.append(f"Intervals: 95 %, {METHOD_TITLES[result.interval_method]}; sampling only.")
        lines += [result.propagated.note] if result.propagated.note else []
    lines.append(RESEARCH_USE)
    return "\n".join(lines)


def _table(result: Differential) -> list[str]:
    absolute = result.wbc_per_l is not None
    errors = result.propagated.intervals if result.propagated.sources else {}
    header = ["Class", "n", "%", "95 % interval"]
    header += [*(["with errors"] if errors else []), *(["10⁹/L"] if absolute else []), "Reference", "Flag"]
    rows = []
    for row in result.table[result.table["in_denominator"] == 1].to_dict("records"):
        name = str(row["class"])
        rows.append(
            [
                result.titles[name],
                str(row["count"]),
                percent_text(row["percent"]),
                interval_text(row["ci_low"], row["ci_high"], row["count"], result.denominator),
                *([propagated_text(*errors[name])] if errors else []),
                *([per_litre_text(row["absolute_per_l"])] if absolute else []),
                range_text(row["reference_low"], row["reference_high"]),
                flag_text(row["flag"]),
            ]
        )
        parts = result.parts.get(name, {})
        for part, number in parts.items():
            title = in_sentence(result.profile.title_of(part), result) + (
                ", not split" if part == name else ""
            )
            rows.append([f"  of which {title}", str(number), *[""] * (len(header) - 2)])
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    text = {0, len(header) - 1}

    def align(line: list[str]) -> str:
        cells = [
            c.ljust(w) if i in text else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return [align(header), "  ".join("─" * w for w in widths), *map(align, rows)]


def _outside(result: Differential) -> list[str]:
    found = []
    for name, number in (*result.outside.items(), (UNIDENTIFIED, result.unidentified)):
        if number:
            title = in_sentence(result.titles[name], result)
            per_100 = result.per_100.get(name, math.nan)
            found.append(
                f"{title} {number}" + ("" if math.isnan(per_100) else f" ({per_100:.1f} per 100 leukocytes)")
            )
    if result.excluded:
        found.append(f"excluded by a person {result.excluded}")
    return found


def in_sentence(title: str, result: Differential) -> str:
    """Write a title inside a sentence; German nouns keep their capital."""
    return title if result.profile.language == "de" else title[:1].lower() + title[1:]
