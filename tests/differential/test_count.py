"""The differential: worked examples, denominator rules, and properties of any table."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_wbc.differential.count import differential
from napari_wbc.differential.profile import load_profile
from napari_wbc.differential.profile_file import parse_profile
from napari_wbc.differential.rows import COLUMNS
from napari_wbc.errors import InputError


def labelled(**composition: int) -> pd.DataFrame:
    return pd.DataFrame({"label": [name for name, number in composition.items() for _ in range(number)]})


def row(result, name):
    return result.table.set_index("class").loc[name]


def test_erythroblasts_stand_outside_the_denominator():
    # 20 of 200 nucleated cells: left in, the neutrophils would be 60.0 %.
    result = differential(labelled(neutrophil_segmented=120, lymphocyte=60, erythroblast=20))
    assert result.denominator == 180
    assert row(result, "neutrophil")["percent"] == 66.7
    assert row(result, "lymphocyte")["percent"] == 33.3
    assert math.isnan(row(result, "erythroblast")["percent"])
    assert row(result, "erythroblast")["in_denominator"] == 0
    assert result.per_100["erythroblast"] == row(result, "erythroblast")["per_100_wbc"] == 11.1
    assert result.outside["erythroblast"] == 20


def test_columns_are_those_of_the_contract(blood):
    result = differential(blood[0])
    assert tuple(result.table.columns) == COLUMNS
    assert result.table["class"].iloc[-1] == "unidentified"


def test_worked_table(blood):
    result = differential(blood[0])
    # 116 + 8 neutrophils, 52, 14, 6, 1 and 3 of 200; limits by the formula of Wilson, worked by hand for 124 of 200.
    assert result.denominator == 200
    assert result.table.set_index("class")["percent"].dropna().to_dict() == {
        "neutrophil": 62.0,
        "lymphocyte": 26.0,
        "monocyte": 7.0,
        "eosinophil": 3.0,
        "basophil": 0.5,
        "metamyelocyte": 0.0,
        "myelocyte": 1.5,
        "promyelocyte": 0.0,
    }
    neutrophil = row(result, "neutrophil")
    assert (neutrophil["ci_low"], neutrophil["ci_high"]) == (55.1, 68.4)
    assert (row(result, "promyelocyte")["ci_low"], row(result, "promyelocyte")["ci_high"]) == (0.0, 1.9)
    assert result.parts == {"neutrophil": {"neutrophil_segmented": 116, "neutrophil_band": 8}}
    assert result.unidentified == 6
    assert result.outside == {"erythroblast": 4, "platelet": 5, "artifact": 0}
    assert result.per_100 == {"erythroblast": 2.0}
    # 4 beside 200: 4 of 204 is 0.77 to 4.93 %, as odds 0.8 to 5.2 per 100.
    assert result.per_100_intervals["erythroblast"] == (0.8, 5.2)
    assert (neutrophil["reference_low"], neutrophil["reference_high"], neutrophil["flag"]) == (45, 79, "")


def test_exact_interval_on_request():
    result = differential(labelled(lymphocyte=10, monocyte=190), interval="clopper_pearson")
    assert (row(result, "lymphocyte")["ci_low"], row(result, "lymphocyte")["ci_high"]) == (2.4, 9.0)
    assert result.interval_method == "clopper_pearson"
    with pytest.raises(ValueError, match="wilson"):
        differential(labelled(lymphocyte=1), interval="wald")


def test_bands_apart_and_cells_that_are_not_split():
    cells = labelled(neutrophil_segmented=80, neutrophil_band=12, neutrophil=8, lymphocyte=100)
    split = differential(cells, load_profile().split())
    assert row(split, "neutrophil_segmented")["percent"] == 40.0
    assert row(split, "neutrophil_band")["flag"] == "high"
    assert row(split, "neutrophil")["count"] == 8
    assert split.titles["neutrophil"] == "Neutrophil, not split"
    assert math.isnan(row(split, "neutrophil")["reference_low"])
    # 40 % is below 45 %, and stays below with the 4 % that were not told apart.
    assert row(split, "neutrophil_segmented")["flag"] == "low"
    more_unsplit = labelled(neutrophil_segmented=80, neutrophil_band=5, neutrophil=15, lymphocyte=100)
    assert row(differential(more_unsplit, load_profile().split()), "neutrophil_segmented")["flag"] == ""
    merged = differential(cells)
    assert row(merged, "neutrophil")["count"] == 100
    assert list(merged.parts["neutrophil"]) == ["neutrophil_segmented", "neutrophil_band", "neutrophil"]
    assert "neutrophil_band" not in set(merged.table["class"])


def test_one_fine_label_needs_no_parts_only_when_it_is_the_row():
    assert differential(labelled(neutrophil=5)).parts == {}
    assert differential(labelled(neutrophil_band=5)).parts == {"neutrophil": {"neutrophil_band": 5}}


def test_coarse_immature_granulocytes_have_their_row():
    result = differential(labelled(immature_granulocyte=4, myelocyte=4, lymphocyte=92))
    assert row(result, "immature_granulocyte")["percent"] == 4.0
    assert result.titles["immature_granulocyte"] == "Immature granulocyte, not split"
    assert "immature_granulocyte" not in set(differential(labelled(myelocyte=4)).table["class"])


def test_flags():
    result = differential(
        labelled(
            neutrophil_segmented=80,
            lymphocyte=100,
            metamyelocyte=5,
            myelocyte=2,
            blast=2,
            basophil=11,
            erythroblast=2,
        )
    )
    flags = result.table.set_index("class")["flag"].to_dict()
    assert flags["neutrophil"] == "low"
    assert flags["lymphocyte"] == "high"
    assert flags["metamyelocyte"] == ">2"
    assert flags["myelocyte"] == flags["blast"] == flags["erythroblast"] == ">=1"
    assert flags["basophil"] == "high"
    assert flags["monocyte"] == flags["promyelocyte"] == ""
    assert "Basophil: 5.5 % (3.1–9.6) is above the reference interval 0–2 %." in result.flags
    assert (
        "Myelocyte: 1.0 % (0.3–3.6) is at least 1 %; not settled: the interval includes the limit."
        in result.flags
    )
    assert any(
        sentence.startswith("Erythroblast") and "per 100 leukocytes" in sentence for sentence in result.flags
    )


def test_unidentified_with_and_without_and_worst_case():
    result = differential(labelled(lymphocyte=60, monocyte=30, unidentified=10))
    assert row(result, "lymphocyte")["percent"] == 66.7
    assert result.with_unidentified["lymphocyte"] == 60.0
    assert result.with_unidentified["unidentified"] == 10.0
    assert sum(result.with_unidentified.values()) == pytest.approx(100)
    worst = result.worst_case
    assert (worst.count, worst.n, worst.percent) == (10, 100, 10.0)
    assert (worst.ci_low, worst.ci_high) == (5.5, 17.4)
    with_blasts = differential(labelled(lymphocyte=80, blast=10, unidentified=10)).worst_case
    assert (with_blasts.count, with_blasts.percent) == (20, 20.0)


def test_absolute_counts_and_correction_for_erythroblasts():
    cells = labelled(neutrophil=120, lymphocyte=60, erythroblast=20)
    result = differential(cells, wbc_per_l=10e9)
    # 11.1 erythroblasts per 100: 10 * 100 / 111.1 = 9.00.
    assert result.wbc_corrected_per_l == pytest.approx(9.0009e9, rel=1e-4)
    assert row(result, "neutrophil")["absolute_per_l"] == 6.0e9
    assert row(result, "erythroblast")["absolute_per_l"] == 1.0e9
    assert math.isnan(row(result, "unidentified")["absolute_per_l"])
    corrected_already = differential(cells, wbc_per_l=10e9, wbc_corrected=True)
    assert corrected_already.wbc_corrected_per_l == 10e9
    assert row(corrected_already, "neutrophil")["absolute_per_l"] == 6.67e9
    few = labelled(neutrophil=120, lymphocyte=60, erythroblast=4)
    assert differential(few, wbc_per_l=10e9).wbc_corrected_per_l == 10e9
    assert differential(few).table["absolute_per_l"].isna().all()


@pytest.mark.parametrize("wbc", [7.2, 0, -1, math.nan, math.inf, 1e20])
def test_an_impossible_wbc_count_is_refused(wbc):
    with pytest.raises(InputError, match="per litre"):
        differential(labelled(lymphocyte=1), wbc_per_l=wbc)


def test_a_wbc_count_in_other_units_is_understood_as_a_slip():
    with pytest.raises(InputError, match=r"did you mean 7\.2e9"):
        differential(labelled(lymphocyte=1), wbc_per_l=7.2)


def test_review_keeps_what_the_model_had_said(make_cells):
    cells, _, _ = make_cells({"lymphocyte": 10, "monocyte": 5})
    cells.loc[0, ["label", "status"]] = ["monocyte", "reviewed"]
    cells.loc[1, "status"] = "excluded"
    result = differential(cells)
    assert (row(result, "lymphocyte")["count"], row(result, "lymphocyte")["count_before_review"]) == (8, 10)
    assert (row(result, "monocyte")["count"], row(result, "monocyte")["count_before_review"]) == (6, 5)
    assert result.excluded == 1
    assert result.quality["reviewed"] == 1


def test_unsure_cells_were_unsure_before_review_too(make_cells):
    cells, _, _ = make_cells({"lymphocyte": 10, "unidentified": 5})
    result = differential(cells)
    assert (result.table["count"] == result.table["count_before_review"]).all()


def test_smudge_cells_stand_outside_unless_a_person_labelled_them(make_cells):
    cells, _, _ = make_cells({"lymphocyte": 10, "platelet": 1})
    cells.loc[[0, 1, 10], "flags"] = ["smudge", "blurred;smudge", "smudge"]
    result = differential(cells)
    assert row(result, "lymphocyte")["count"] == 8
    assert row(result, "smudge")["count"] == 2
    assert result.per_100["smudge"] == 25.0
    assert row(result, "platelet")["count"] == 1
    assert result.quality["flags"] == {"blurred": 1, "smudge": 3}
    cells.loc[0, "status"] = "reviewed"
    assert row(differential(cells), "lymphocyte")["count"] == 9
    assert "smudge" not in set(differential(make_cells({"lymphocyte": 3})[0]).table["class"])


@pytest.mark.parametrize(("unidentified", "reliable"), [(15, True), (16, False)])
def test_alarm_above_the_limit(unidentified, reliable):
    result = differential(labelled(lymphocyte=100 - unidentified, unidentified=unidentified))
    assert result.quality["reliable"] is reliable
    assert bool(result.alarms) is not reliable
    if not reliable:
        assert result.alarms == (
            "16.0 % of the cells could not be identified (limit 15 %): the count is not reliable.",
        )


def test_alarm_for_cells_unlike_the_training_cells(make_cells):
    cells, _, _ = make_cells({"lymphocyte": 10, "platelet": 4})
    cells.loc[[0, 1, 10, 11], "flags"] = "unlike_training"
    result = differential(cells)
    assert result.quality["unlike_training_percent"] == 20.0
    assert "unlike those that the model was trained on" in result.alarms[0]
    cells.loc[0, "status"] = "reviewed"
    assert differential(cells).alarms == ()


def test_no_cell_at_all(make_cells):
    for cells in (labelled(), make_cells({})[0]):
        result = differential(cells, wbc_per_l=5e9)
        assert result.denominator == 0
        assert result.alarms == ("No leukocyte was found: there is no differential to state.",)
        assert result.worst_case is None
        assert (result.table["count"] == 0).all()
        assert result.table["percent"].isna().all()
        assert "No leukocyte" in result.to_text()
        json.dumps(result.to_dict(), allow_nan=False)


def test_only_cells_that_do_not_count():
    result = differential(labelled(platelet=3, erythroblast=2, artifact=1))
    assert result.denominator == 0
    assert math.isnan(result.per_100["erythroblast"])
    assert result.alarms == ("No leukocyte was found: there is no differential to state.",)
    only_unsure = differential(labelled(unidentified=4))
    assert len(only_unsure.alarms) == 2
    assert "differential" in only_unsure.alarms[-1]
    assert only_unsure.worst_case.percent == 100.0


def test_there_is_no_zero_for_what_the_model_cannot_recognise(make_cells):
    result = differential(make_cells({"lymphocyte": 20})[0])
    assert "blast" not in set(result.table["class"])
    assert result.not_recognised == ("lymphocyte_reactive", "blast", "plasma_cell")
    assert "cannot recognise: variant lymphocyte, blast, plasma cell" in result.to_text()
    # A person who labels one gives it a row.
    cells = make_cells({"lymphocyte": 20})[0]
    cells.loc[0, ["label", "status"]] = ["blast", "reviewed"]
    assert row(differential(cells), "blast")["count"] == 1


def test_classes_of_the_users_own_count():
    result = differential(labelled(lymphocyte=9, hairy_cell=1))
    assert row(result, "hairy_cell")["percent"] == 10.0
    assert result.titles["hairy_cell"] == "Hairy cell"


def test_a_profile_decides_order_and_target():
    profile = parse_profile("schema_version: 1\nname: x\ntarget_count: 400\nclasses: [monocyte, lymphocyte]")
    result = differential(labelled(lymphocyte=150, monocyte=150), profile)
    assert list(result.table["class"])[:2] == ["monocyte", "lymphocyte"]
    assert result.advice[0] == (
        "Count 100 further leukocytes to reach the target of 400: with 300, a class that makes up 1 % of the "
        "leukocytes is missed with a chance of 5 %."
    )
    assert result.profile_name == "x"


def test_advice_to_count_more():
    result = differential(
        labelled(neutrophil=160, lymphocyte=40, eosinophil=0, basophil=3, monocyte=7, myelocyte=0)
    )
    basophil = next(c for c in result.count_more if c.name == "basophil")
    assert basophil.limit == 2
    more = basophil.more_cells
    assert more is not None
    # With so many more cells the same share leaves the limit outside its interval.
    n, share = result.denominator + more, 3 / result.denominator
    from napari_wbc.differential.intervals import wilson

    assert not wilson(share * n, n)[0] < 0.02 < wilson(share * n, n)[1]
    assert basophil.sentence in result.advice
    few = differential(labelled(neutrophil=16, lymphocyte=4))
    assert few.count_more
    assert len(few.advice) == 1, "with a handful of cells only the target is worth a sentence"


def test_table_without_labels_is_refused():
    with pytest.raises(InputError, match="label"):
        differential(pd.DataFrame({"class": ["lymphocyte"]}))


def test_empty_labels_are_unidentified():
    assert differential(pd.DataFrame({"label": ["lymphocyte", "", None]})).unidentified == 2


def test_text_states_the_numbers_and_the_line(blood):
    text = differential(blood[0], wbc_per_l=7.2e9).to_text()
    neutrophil = next(line for line in text.splitlines() if line.startswith("Neutrophil"))
    cells = neutrophil.split()
    assert cells[:4] == ["Neutrophil", "124", "62.0", "55.1–68.4"]
    assert cells[5:] == ["4.46", "45–79"]
    # Beside it the interval with the errors of the model, which holds the other one.
    low, high = map(float, cells[4].split("–"))
    assert low < 55.1
    assert high >= 68.4
    assert "of which band neutrophil" in text
    assert "≤ 1.9" in text
    assert "4 (2.0 per 100 leukocytes)" in text
    assert text.endswith("For research use only. Not for use in diagnostic procedures.")


def test_dict_holds_what_the_table_holds(blood):
    result = differential(blood[0], wbc_per_l=7.2e9)
    content = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert [r["class"] for r in content["rows"]] == result.table["class"].tolist()
    assert [r["count"] for r in content["rows"]] == result.table["count"].tolist()
    neutrophil = content["rows"][0]
    assert neutrophil["merged"] == {"neutrophil_segmented": 116, "neutrophil_band": 8}
    assert neutrophil["loinc"] == {"percent": "26511-6", "number": "26499-4"}
    assert content["rows"][-1]["percent"] is None
    assert content["interval"]["method"] == "wilson"
    assert content["worst_case"]["count"] == 6
    assert content["research_use"].startswith("For research use only")


NAMES = [
    "neutrophil_segmented",
    "neutrophil_band",
    "neutrophil",
    "lymphocyte",
    "monocyte",
    "eosinophil",
    "basophil",
    "metamyelocyte",
    "immature_granulocyte",
    "blast",
    "erythroblast",
    "platelet",
    "artifact",
    "unidentified",
    "own",
]


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 60)), st.booleans())
def test_any_table_sums_to_exactly_100_and_loses_no_cell(composition, split):
    profile = load_profile().split() if split else load_profile()
    result = differential(labelled(**composition), profile)
    assert result.table["count"].sum() == sum(composition.values())
    inside = result.table[result.table["in_denominator"] == 1]
    assert inside["count"].sum() == result.denominator
    assert result.table["class"].is_unique
    json.dumps(result.to_dict(), allow_nan=False)
    result.to_text()
    if result.denominator:
        assert sum(Decimal(f"{p:.1f}") for p in inside["percent"]) == 100
        assert (
            (inside["ci_low"] <= inside["percent"] + 0.1) & (inside["percent"] <= inside["ci_high"] + 0.1)
        ).all()
    else:
        assert inside["percent"].isna().all()
    if result.denominator + result.unidentified:
        assert sum(Decimal(f"{p:.1f}") for p in result.with_unidentified.values()) == 100
