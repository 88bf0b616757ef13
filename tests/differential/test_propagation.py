"""Errors of the classifier in the intervals: worked mixtures, both bootstraps, and what a person settled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_wbc.confusion import Confusion
from napari_wbc.differential.count import differential
from napari_wbc.differential.profile import load_profile
from napari_wbc.differential.propagation import Evidence, evidence_of, propagate, unmix

SAID = ("lymphocyte", "monocyte", "unidentified")
#: 1 of 10 lymphocytes is called monocyte; 2 of 10 monocytes are called lymphocyte, 1 of 10 stays unidentified.
MATRIX = {"lymphocyte": [9000, 1000, 0], "monocyte": [2000, 7000, 1000]}
CONFUSION = Confusion(SAID, {"lab": MATRIX}, {"lab": MATRIX})
PROFILE = load_profile()


def test_unmixing_finds_the_true_shares():
    # 60 of 100 are lymphocytes: 54 + 8 are called so, 6 + 28 monocytes, 4 stay unidentified.
    matrix = np.array([[[0.9, 0.1, 0.0], [0.2, 0.7, 0.1]]])
    assert unmix(np.array([[62.0, 34.0, 4.0]]), matrix)[0] == pytest.approx([0.6, 0.4], abs=1e-3)
    assert unmix(np.array([[0.0, 0.0, 0.0]]), matrix)[0] == pytest.approx([0, 0])


def test_unmixing_agrees_with_rogan_and_gladen():
    # Sensitivity 0.85, specificity 0.95, 30 % positive: (0.30 + 0.95 - 1) / (0.85 + 0.95 - 1) = 0.3125.
    matrix = np.array([[[0.85, 0.15], [0.05, 0.95]]])
    shares = unmix(np.array([[300.0, 700.0]]), matrix, steps=2000)
    assert shares[0, 0] == pytest.approx(0.3125, abs=1e-4)


def test_shares_stay_shares_where_the_inverse_would_be_negative():
    # Fewer positives than the false ones that are expected alone: the inverse gives -0.05.
    matrix = np.array([[[0.85, 0.15], [0.05, 0.95]]])
    assert unmix(np.array([[10.0, 990.0]]), matrix, steps=2000)[0] == pytest.approx([0.0, 1.0], abs=1e-3)


def test_the_truth_lies_in_the_interval_that_knows_the_confusion():
    # Of 1000 cells 100 are monocytes; 160 are called so, and sampling alone is sure that there are more than 13 %.
    cells = pd.DataFrame({"label": ["lymphocyte"] * 830 + ["monocyte"] * 160 + ["unidentified"] * 10})
    plain, known = differential(cells), differential(cells, confusion=CONFUSION)
    of = known.table.set_index("class").loc["monocyte"]
    assert of["ci_low"] > 13
    low, high = known.propagated.intervals["monocyte"]
    assert low < 10 < of["percent"] <= high
    assert known.propagated.laboratories == ("lab",)
    assert "lab" in known.propagated.note
    assert plain.propagated.sources == ()
    assert plain.propagated.intervals["monocyte"] == (of["ci_low"], of["ci_high"])


def test_probabilities_widen_the_interval_of_what_is_doubtful():
    names = ["lymphocyte"] * 50 + ["monocyte"] * 50
    sure, unsure = 0.99, 0.6

    def cells(p):
        own = pd.DataFrame(
            {f"p_{c}": np.where(np.array(names) == c, p, 1 - p) for c in ("lymphocyte", "monocyte")}
        )
        return pd.concat([pd.DataFrame({"label": names}), own], axis=1)

    few = pd.concat([cells(unsure).iloc[:10], cells(unsure).iloc[50:]], ignore_index=True)
    told = differential(few)
    row = told.table.set_index("class").loc["lymphocyte"]
    # 10 of 60 are called lymphocytes, but 10 * 0.6 + 50 * 0.4 = 26 are expected: 43 %.
    assert row["percent"] == 16.7
    low, high = told.propagated.by_probabilities["lymphocyte"]
    assert (low + high) / 2 == pytest.approx(100 * 26 / 60, abs=2)
    assert told.propagated.intervals["lymphocyte"][0] == row["ci_low"]
    assert told.propagated.intervals["lymphocyte"][1] == high
    # Sure probabilities change next to nothing: the limits of the binomial of 50 of 100 are 40 and 60 %.
    low, high = differential(cells(sure)).propagated.by_probabilities["lymphocyte"]
    assert (low, high) == pytest.approx((40, 60), abs=1.5)


def test_cells_that_a_person_labelled_are_certain():
    cells = pd.DataFrame({"label": ["lymphocyte"] * 83 + ["monocyte"] * 17, "status": "reviewed"})
    result = differential(cells, confusion=CONFUSION)
    row = result.table.set_index("class").loc["monocyte"]
    assert result.evidence.settled == {"lymphocyte": 83, "monocyte": 17}
    assert result.propagated.intervals["monocyte"] == (row["ci_low"], row["ci_high"])
    assert result.propagated.note == ""


def test_only_cells_that_may_be_leukocytes_are_evidence():
    cells = pd.DataFrame(
        {
            "label": ["lymphocyte", "platelet", "unidentified", "erythroblast", "lymphocyte", "lymphocyte"],
            "status": ["model", "model", "model", "model", "excluded", "model"],
            "flags": ["", "", "", "", "", "smudge"],
        }
    )
    assert evidence_of(cells, PROFILE) == Evidence(
        {"lymphocyte": 1, "unidentified": 1, "erythroblast": 1}, {}, {}
    )


def test_the_same_cells_give_the_same_intervals(blood):
    first, second = (differential(blood[0], confusion=CONFUSION).to_dict() for _ in range(2))
    assert first == second
    assert first["propagation"]["covers"] == ["sampling", "probabilities", "confusion"]
    for row in first["rows"]:
        if row["in_denominator"]:
            assert row["propagated"]["ci_low"] <= row["ci_low"] <= row["percent"]
            assert row["propagated"]["ci_high"] >= row["ci_high"]


def test_a_label_of_the_users_own_is_taken_as_it_is():
    evidence = Evidence({"lymphocyte": 50, "sezary_cell": 50}, {}, {})
    sampling = {"lymphocyte": (40.4, 59.6), "sezary_cell": (40.4, 59.6)}
    found = propagate(evidence, PROFILE, sampling, CONFUSION)
    assert found.by_confusion["sezary_cell"] == pytest.approx((40, 60), abs=2)


def test_no_leukocyte_at_all(make_cells):
    result = differential(make_cells({"erythroblast": 3, "unidentified": 2})[0], confusion=CONFUSION)
    assert result.propagated.intervals == {}
    assert result.ratios == ()
