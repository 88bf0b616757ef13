"""The sentences of a report about 13 cells, word by word."""

from __future__ import annotations

import pandas as pd
import pytest

from napari_wbc.differential.count import Differential, differential
from napari_wbc.differential.profile import load_profile
from napari_wbc.differential.profile_file import parse_profile
from napari_wbc.differential.report_text import facts, method_text, quality_lines, table_notes, worst_case
from napari_wbc.domain_shift import DomainShift

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


def test_a_slide_against_those_of_the_training():
    cells = pd.DataFrame({"label": LABELS})
    shift = DomainShift(ratio=1.234, nearest="lab 2", cells=11)
    assert facts(differential(cells, parse_profile(LAB), domain_shift=shift))[3] == (
        "Unlike training slides",
        "1.23",
        "limit 1; nearest: lab 2",
    )


def test_what_a_person_did_is_a_figure():
    cells = pd.DataFrame({"label": LABELS, "status": ["reviewed"] * 3 + ["excluded"] * 2 + ["model"] * 6})
    found = differential(cells, parse_profile(LAB))
    assert facts(found)[-1] == ("Reviewed", "3", "2 excluded")
    assert method_text(found)[0].endswith(
        "to exactly 100. “Before review” counts the cells as the model had labelled them."
    )


def test_marked_cells():
    flags = ["blurred;clump", "clump", "smudge", "unlike_training", "drawn", "split", "merged", "odd"]
    cells = pd.DataFrame({"label": LABELS, "flags": [*flags, "", "", ""]})
    assert quality_lines(differential(cells, parse_profile(LAB))) == [
        "Marked cells: out of focus 1, cells that hang together 2, drawn by a person 1, merged by a person 1, odd 1, "
        "smudged nucleus 1, split by a person 1, unlike the training cells 1."
    ]


def test_notes_about_errors_and_flags():
    cells = pd.DataFrame({"label": LABELS, "p_neutrophil": 0.6, "p_lymphocyte": 0.4})
    limits = "classes: [{name: neutrophil, reference: [20, 50]}, lymphocyte]\n"
    found = differential(cells, parse_profile(f"schema_version: 1\nname: lab\n{limits}"))
    # 6 of 10 are 31.3 to 83.2 %.
    assert table_notes(found) == [
        "Dot: percentage; bar: 95 % interval of sampling; whisker: the same with the errors of the model; on a "
        "square-root axis. Grey: reference interval of the profile.",
        "A flag in outline: the interval includes the limit, so that more cells could change it.",
    ]


def test_method_of_a_marrow():
    found = differential(
        pd.DataFrame({"label": ["myelocyte"] * 3 + ["erythroblast"]}), load_profile("bone_marrow")
    )
    counting, sampling = method_text(found)
    assert counting.startswith(
        "The percentages are of the nucleated cells counted. Outside stand: platelets, smudge cells, artifacts, "
        "unidentified and excluded cells."
    )
    assert sampling == (
        "The 95 % intervals of sampling (Wilson score) cover the chance of drawing 4 nucleated cells and nothing else. "
        "A zero is stated as a bound."
    )


def test_rows_that_hold_several_classes_are_told():
    merges = (
        "merges: {neutrophil: [neutrophil_segmented, neutrophil_band], "
        "lymphocyte: [lymphocyte, lymphocyte_reactive]}"
    )
    told = method_text(counted(entries=merges))[0]
    assert told.endswith(
        " Neutrophil is one row for segmented neutrophil and band neutrophil. Lymphocyte is one row for lymphocyte and "
        "reactive lymphocyte."
    )
    # A row that is not in the table, since the model cannot give it, is not explained.
    cells = pd.DataFrame({"label": ["lymphocyte"], "p_lymphocyte": 1.0})
    assert "Neutrophil" not in method_text(differential(cells, parse_profile(LAB + merges)))[0]
