"""Numbers as people read them, and the differential as a plain text, word by word."""

from __future__ import annotations

import math

import pandas as pd

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.class_names import class_title, languages
from napari_wbc.differential.count import differential
from napari_wbc.differential.profile_file import parse_profile
from napari_wbc.differential.ratios import Ratio
from napari_wbc.differential.wording import (
    cells_text,
    flag_text,
    interval_text,
    per_litre_text,
    percent_text,
    propagated_text,
    range_text,
    ratio_text,
    unit_tied,
    whole_text,
)

NAN = math.nan
LAB = """
schema_version: 1
name: lab
classes:
  - {name: neutrophil, reference: [45, 79]}
  - {name: lymphocyte, reference: [16, 47]}
  - {name: monocyte}
  - {name: erythroblast}
merges: {neutrophil: [neutrophil_segmented, neutrophil_band]}
nrbc_correction_from: 5
"""


def test_numbers():
    assert (percent_text(66.66), percent_text(NAN)) == ("66.7", "–")
    assert (whole_text(9999), whole_text(10_000), whole_text(-1_234_567)) == (
        "9999",
        "10\u202f000",
        "-1\u202f234\u202f567",
    )
    assert (cells_text(1), cells_text(0), cells_text(12_000, "slide")) == (
        "1 cell",
        "0 cells",
        "12\u202f000 slides",
    )
    assert (range_text(0.5, 79.0), range_text(NAN, 79.0), range_text(1.0, NAN)) == ("0.5–79", "", "")
    assert (per_litre_text(4.726e9), per_litre_text(NAN)) == ("4.73", "")
    assert (flag_text("low"), flag_text("high;>=1;>2")) == ("low", "high, ≥ 1, > 2")
    assert unit_tied("5 % of 20 %") == "5\xa0% of 20\xa0%"


def test_intervals():
    assert interval_text(2.71, 9.04, 10, 200) == "2.7–9.0"
    assert interval_text(0.0, 1.9, 0, 200) == "≤ 1.9"
    assert interval_text(98.1, 100.0, 200, 200) == "≥ 98.1"
    assert interval_text(NAN, 1.0, 1, 2) == interval_text(1.0, NAN, 1, 2) == "–"
    assert [propagated_text(*ends) for ends in ((2.7, 9.0), (0.0, 1.9), (91.0, 100.0), (0.1, 99.9))] == [
        "2.7–9.0",
        "≤ 1.9",
        "≥ 91.0",
        "0.1–99.9",
    ]


def test_ratios():
    sampling = (120, 60, 2.0, 1.47, 2.76)
    assert ratio_text(Ratio("nlr", "N to L", *sampling, 1.2, math.inf)) == (
        "N to L: 2.00 (120:60; 95 % interval 1.47–2.76, with errors of the model ≥ 1.20)"
    )
    assert ratio_text(Ratio("nlr", "N to L", *sampling, 1.47, 2.76)) == (
        "N to L: 2.00 (120:60; 95 % interval 1.47–2.76)"
    )
    assert ratio_text(Ratio("nlr", "N to L", 3, 0, NAN, NAN, NAN, NAN, NAN)) == "N to L: no ratio (3:0)"


def test_names_of_classes():
    assert languages() == ("en", "de", "es", "fr")
    assert class_title("lymphocyte") == class_title("lymphocyte", "en") == "Lymphocyte"
    assert class_title("neutrophil_band", "de") == "Stabkerniger Neutrophiler"
    assert class_title("our_own", "fr") == class_title("our_own", "xx") == "Our own"


def text_of(labels: list[str], entries: str = "", **options) -> list[str]:
    cells = pd.DataFrame({"label": labels})
    return differential(cells, parse_profile(LAB + entries), **options).to_text().splitlines()


def test_the_plain_text_of_a_count():
    """5 of 10 are 23.7 to 76.3 %, 4 of 10 16.8 to 68.7 %, 1 of 10 1.8 to 40.4 %; 3 of 13 8.2 to 50.3 %."""
    labels = ["neutrophil_segmented"] * 4 + ["neutrophil_band"] + ["lymphocyte"] * 4 + ["monocyte"]
    labels += ["erythroblast"] + ["unidentified"] * 3
    lines = text_of(labels, wbc_per_l=11e9)
    # 3 of 14 nucleated cells are unidentified; 99 % of 10 leukocytes hold none of a class of 1 % with 0.99 ** 10.
    assert lines == [
        "! 21.4 % of the cells could not be identified (limit 15 %): the count is not reliable.",
        "10 leukocytes counted (target 200).",
        "",
        "Class                            n     %  95 % interval  10⁹/L  Reference  Flag",
        "───────────────────────────────  ─  ────  ─────────────  ─────  ─────────  ────",
        "Neutrophil                       5  50.0      23.7–76.3   5.00      45–79",
        "  of which segmented neutrophil  4",
        "  of which band neutrophil       1",
        "Lymphocyte                       4  40.0      16.8–68.7   4.00      16–47",
        "Monocyte                         1  10.0       1.8–40.4   1.00",
        "",
        "Outside the denominator: erythroblast (nucleated red cell) 1 (10.0 per 100 leukocytes); unidentified 3.",
        "If every unidentified cell were a blast: 23.1 % blasts (8.2–50.3).",
        "WBC 11.00 x 10⁹/L, without erythroblasts 10.00 x 10⁹/L.",
        "- Count 190 further leukocytes to reach the target of 200: with 10, a class that makes up 1 % of the "
        "leukocytes is missed with a chance of 90 %.",
        "Intervals: 95 %, Wilson score; sampling only.",
        RESEARCH_USE,
    ]


def test_a_flag_stands_in_the_last_column():
    """1 of 10 neutrophils: 1.8 to 40.4 %, below 45."""
    lines = text_of(["neutrophil_band"] + ["lymphocyte"] * 9)
    assert lines[2:6] == [
        "Class                       n     %  95 % interval  Reference  Flag",
        "──────────────────────────  ─  ────  ─────────────  ─────────  ────",
        "Neutrophil                  1  10.0       1.8–40.4      45–79  low",
        "  of which band neutrophil  1",
    ]
    assert "- Neutrophil: 10.0 % (1.8–40.4) is below the reference interval 45–79 %." in lines
    assert "- Lymphocyte: 90.0 % (59.6–98.2) is above the reference interval 16–47 %." in lines


def test_no_leukocyte():
    assert text_of(["platelet", "platelet"]) == [
        "! No leukocyte was found: there is no differential to state.",
        "",
        "Outside the denominator: platelet 2.",
        "- Count 200 leukocytes to reach the target of the profile.",
        RESEARCH_USE,
    ]


def test_what_the_model_cannot_recognise_and_what_a_person_took_out():
    cells = pd.DataFrame({"label": ["lymphocyte", "monocyte"], "p_lymphocyte": 0.5, "p_monocyte": 0.5})
    cells["status"] = ["model", "excluded"]
    lines = differential(cells, parse_profile(LAB)).to_text().splitlines()
    assert "The model cannot recognise: neutrophil, erythroblast (nucleated red cell)." in lines
    assert "Outside the denominator: excluded by a person 1." in lines
    assert any("with errors" in line for line in lines)
    german = differential(cells, parse_profile(LAB + "language: de\n")).to_text().splitlines()
    assert any(line.startswith("The model cannot recognise: Neutrophil") for line in german)


def test_a_zero_is_a_bound():
    """Of 10 cells none: z² / (10 + z²) is 27.8 %."""
    line = next(line for line in text_of(["lymphocyte"] * 10) if line.startswith("Monocyte"))
    assert line.split() == ["Monocyte", "0", "0.0", "≤", "27.8"]
