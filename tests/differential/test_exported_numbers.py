"""``differential.json`` of 13 cells: every name that other programs read, and numbers that were worked by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.count import differential
from napari_wbc.differential.profile_file import parse_profile

LAB = """schema_version: 1
name: lab
classes: [neutrophil, lymphocyte, erythroblast]
ratios: [{name: nlr, title: N to L, above: [neutrophil], below: [lymphocyte]}]
"""


@pytest.fixture
def content():
    """6 neutrophils, 4 lymphocytes, an erythroblast, 2 unidentified cells; 10 x 10⁹ cells per litre."""
    labels = ["neutrophil"] * 6 + ["lymphocyte"] * 4 + ["erythroblast"] + ["unidentified"] * 2
    return differential(pd.DataFrame({"label": labels}), parse_profile(LAB), wbc_per_l=10e9).to_dict()


def test_names_are_a_contract(content):
    assert set(content) == {
        "schema_version", "research_use", "profile", "target_count", "interval", "propagation", "ratios",
        "denominator", "unidentified", "excluded", "outside", "rows", "per_100_wbc", "with_unidentified",
        "worst_case", "wbc", "flags", "advice", "count_more", "quality", "alarms", "not_recognised", "loinc_notice",
    }  # fmt: skip
    assert set(content["propagation"]) == {"method", "replicates", "seed", "covers", "laboratories", "note"}
    assert set(content["rows"][0]) == {
        "class", "count", "percent", "ci_low", "ci_high", "in_denominator", "per_100_wbc", "absolute_per_l",
        "reference_low", "reference_high", "flag", "count_before_review", "title", "loinc", "propagated",
    }  # fmt: skip
    assert set(content["rows"][0]["propagated"]) == {"ci_low", "ci_high", "by_probabilities", "by_confusion"}
    assert set(content["ratios"][0]) == {
        "name",
        "title",
        "above",
        "below",
        "value",
        "ci_low",
        "ci_high",
        "propagated",
    }
    assert set(content["ratios"][0]["propagated"]) == {"ci_low", "ci_high"}


def test_what_was_counted_how(content):
    assert content["research_use"] == RESEARCH_USE
    assert (content["schema_version"], content["profile"], content["target_count"]) == (1, "lab", 200)
    assert content["interval"] == {"method": "wilson", "confidence": 0.95, "covers": "sampling"}
    assert content["propagation"]["method"] == "bootstrap"
    assert content["propagation"]["covers"] == ["sampling"]
    assert content["propagation"]["laboratories"] == []
    assert (content["denominator"], content["unidentified"], content["excluded"]) == (10, 2, 0)
    assert content["outside"] == {"erythroblast": 1}
    assert content["not_recognised"] == content["flags"] == content["count_more"] == []


def test_rows(content):
    """Wilson's intervals of 6 and of 4 of 10 (Newcombe 1998, formula 3): 31.3 to 83.2 and 16.8 to 68.7 %."""
    rows = {row["class"]: row for row in content["rows"]}
    names = ("count", "percent", "ci_low", "ci_high", "in_denominator", "per_100_wbc", "absolute_per_l")
    assert {name: tuple(row[n] for n in names) for name, row in rows.items()} == {
        "neutrophil": (6, 60.0, 31.3, 83.2, 1, None, 6e9),
        "lymphocyte": (4, 40.0, 16.8, 68.7, 1, None, 4e9),
        "erythroblast": (1, None, None, None, 0, 10.0, 1e9),
        "unidentified": (2, None, None, None, 0, None, None),
    }
    assert rows["lymphocyte"]["propagated"]["ci_low"] == 16.8, "nothing but sampling is known here"


def test_what_stands_apart_from_the_rows(content):
    # Of 11 cells one is an erythroblast: Wilson 1.623 to 37.736 %, as odds 1.7 to 60.6 per 100.
    assert content["per_100_wbc"] == {"erythroblast": {"value": 10.0, "ci_low": 1.7, "ci_high": 60.6}}
    # 6, 4 and 2 of 12.
    assert content["with_unidentified"] == {"neutrophil": 50.0, "lymphocyte": 33.3, "unidentified": 16.7}
    assert content["worst_case"] == {
        "assumption": "every unidentified cell is a blast",
        "class": "blast",
        "count": 2,
        "denominator": 12,
        "percent": 16.7,
        "ci_low": 4.7,
        "ci_high": 44.8,
    }
    assert content["wbc"] == {"given_per_l": 10e9, "corrected_per_l": 10e9, "loinc": ""}
    ratio = content["ratios"][0]
    assert (ratio["name"], ratio["title"], ratio["above"], ratio["below"], ratio["value"]) == (
        "nlr",
        "N to L",
        6,
        4,
        1.5,
    )


def test_quality_and_advice(content):
    quality = content["quality"]
    # 2 of 13 cells: the erythroblast is among them.
    assert (quality["cells"], quality["leukocytes"], quality["unidentified_percent"]) == (13, 10, 15.4)
    assert (quality["reliable"], quality["target_reached"], quality["unlike_training_percent"]) == (
        False,
        False,
        0.0,
    )
    assert content["alarms"] == [
        "15.4 % of the cells could not be identified (limit 15 %): the count is not reliable."
    ]
    # 0.99 to the tenth is 0.904.
    assert content["advice"] == [
        "Count 190 further leukocytes to reach the target of 200: with 10, a class that makes up 1 % of the leukocytes "
        "is missed with a chance of 90 %."
    ]


def test_a_part_of_a_table_is_counted_like_any_other():
    """Rows keep their numbers when some are left out; what is not in the table is filled in by row, not by number."""
    cells = pd.DataFrame({"label": ["platelet"] * 3 + ["lymphocyte", "neutrophil", ""]}).iloc[3:]
    rows = differential(cells, parse_profile(LAB)).table.set_index("class")
    assert rows.loc["lymphocyte", "count_before_review"] == rows.loc["lymphocyte", "count"] == 1
    assert rows.loc["neutrophil", "count_before_review"] == 1
    assert rows.loc["unidentified", "count"] == 1


def test_no_number_of_cells_settles_what_is_settled():
    """An interval lies within 0 and 100 %: a reference interval that ends there asks for no further cells."""
    profile = parse_profile(
        "schema_version: 1\nname: lab\nclasses:\n- {name: neutrophil, reference: [0, 100]}\n- name: lymphocyte\n"
    )
    for neutrophils in (0, 3, 10):
        labels = ["neutrophil"] * neutrophils + ["lymphocyte"] * (10 - neutrophils)
        assert differential(pd.DataFrame({"label": labels}), profile).count_more == ()
