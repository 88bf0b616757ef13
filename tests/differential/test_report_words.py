"""The sentences of a report about 13 cells, word by word."""

from __future__ import annotations

import pandas as pd
import pytest

from napari_wbc.differential.count import Differential, differential
from napari_wbc.differential.profile_file import parse_profile
from napari_wbc.differential.report_text import facts, method_text, quality_lines, table_notes, worst_case

LAB = "schema_version: 1\nname: lab\nclasses: [neutrophil, lymphocyte, erythroblast]\n"
LABELS = ["neutrophil"] * 6 + ["lymphocyte"] * 4 + ["erythroblast"]


def counted(*further: str, entries: str = "", wbc_per_l: float | None = None) -> Differential:
    return differential(
        pd.DataFrame({"label": [*LABELS, *further]}), parse_profile(LAB + entries), wbc_per_l=wbc_per_l
    )


@pytest.fixture(scope="module")
def unsure() -> Differential:
    return counted("unidentified", "unidentified", wbc_per_l=10e9)


def test_figures_at_the_top(unsure):
    assert facts(unsure) == [
        ("Leukocytes", "10", "counted; target 200"),
        ("Unidentified", "15.4 %", "2 cells, limit 15 %"),
        ("Unlike training cells", "0.0 %", "limit 15 %"),
        ("Erythroblasts", "10.0", "per 100 leukocytes"),
        ("Reviewed", "0", "0 excluded"),
    ]
    assert quality_lines(unsure) == []


def test_the_worst_case(unsure):
    """2 of 12: Wilson's interval."""
    assert worst_case(unsure) == (
        "If every unidentified cell were a blast, blasts would be 16.7 % of 12 cells (95 % interval 4.7–44.8 %)."
    )
    assert worst_case(counted()) == ""


def test_notes_below_the_table(unsure):
    axis = (
        "Dot and whisker: percentage and 95 % interval; on a square-root axis. Grey: reference interval of the "
        "profile."
    )
    assert table_notes(unsure) == [axis, "?: unidentified cells.", "WBC count 10.00 × 10⁹/L as given."]
    assert table_notes(counted()) == [axis]
    # 10 * 100 / 110.
    corrected = counted(entries="nrbc_correction_from: 0", wbc_per_l=10e9)
    assert table_notes(corrected)[1:] == [
        "WBC count 10.00 × 10⁹/L as given; absolute counts go by 9.09 × 10⁹/L, which is without the erythroblasts."
    ]


def test_method(unsure):
    first, second = method_text(unsure)[:2]
    assert first == (
        "The percentages are of the leukocytes counted. Outside stand: erythroblasts, platelets, smudge cells, "
        "artifacts, unidentified and excluded cells. The percentages are rounded by the largest remainder, so that "
        "they sum to exactly 100."
    )
    assert second.startswith(
        "The 95 % intervals of sampling (Wilson score) cover the chance of drawing 10 leukocytes and nothing else. "
        "A zero is stated as a bound. Erythroblasts per 100 leukocytes carry the interval of their odds."
    )
