"""Cases at the edge of a rule: what a person reviewed, what a model knows in part, and numbers that are none."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_wbc.differential.count import differential
from napari_wbc.differential.exports import field_text, write_differential_csv, write_differential_json
from napari_wbc.differential.profile import load_profile
from napari_wbc.differential.profile_file import parse_profile
from napari_wbc.differential.propagation import Evidence, propagate

LAB = "schema_version: 1\nname: lab\nclasses: [neutrophil, lymphocyte]\n"


def counts(result, column: str = "count") -> dict[str, int]:
    return {str(name): int(n) for name, n in zip(result.table["class"], result.table[column], strict=True)}


def test_a_smudge_cell_that_a_person_called_a_lymphocyte_was_a_smudge_cell_before():
    cells = pd.DataFrame(
        {
            "label": ["lymphocyte"] * 3,
            "model_label": ["lymphocyte"] * 3,
            "flags": ["", "smudge", "smudge"],
            "status": ["model", "reviewed", "model"],
        }
    )
    result = differential(cells)
    assert (counts(result)["lymphocyte"], counts(result)["smudge"]) == (2, 1)
    before = counts(result, "count_before_review")
    assert (before["lymphocyte"], before["smudge"]) == (1, 2)


def test_the_table_before_a_review_may_have_fewer_rows():
    """A person relabelled one cell and drew another."""
    before = pd.DataFrame({"label": ["monocyte", "lymphocyte"]})
    now = pd.DataFrame({"label": ["lymphocyte", "lymphocyte", "lymphocyte"], "status": "reviewed"})
    result = differential(now, before_review=before)
    assert counts(result)["lymphocyte"] == 3
    assert counts(result, "count_before_review")["lymphocyte"] == 1
    assert counts(result, "count_before_review")["monocyte"] == 1


@pytest.mark.parametrize(
    ("known", "listed", "missing"),
    [
        # The model tells neutrophils, and no finer class: they have a row without a cell.
        (["neutrophil", "lymphocyte"], True, ("neutrophil_segmented", "neutrophil_band")),
        # It tells bands: neutrophils that are not split have a row only where there are some.
        (["neutrophil", "neutrophil_band", "lymphocyte"], False, ("neutrophil_segmented",)),
        (["neutrophil_segmented", "neutrophil_band", "lymphocyte"], False, ()),
    ],
)
def test_a_coarse_class_beside_its_finer_ones(known, listed, missing):
    profile = parse_profile(
        "schema_version: 1\nname: lab\nclasses: [neutrophil_segmented, neutrophil_band, neutrophil, lymphocyte]"
    )
    cells = pd.DataFrame({"label": ["lymphocyte"], **{f"p_{name}": [0.5] for name in known}})
    result = differential(cells, profile)
    assert ("neutrophil" in set(result.table["class"])) == listed
    assert result.not_recognised == missing


def test_a_model_that_knows_erythroblasts_and_platelets_has_rows_for_them():
    cells = pd.DataFrame(
        {"label": ["lymphocyte"]} | {f"p_{n}": [0.3] for n in ("platelet", "erythroblast", "lymphocyte")}
    )
    result = differential(cells, parse_profile(LAB))
    assert list(result.table["class"]) == ["lymphocyte", "erythroblast", "platelet", "unidentified"]
    assert result.not_recognised == ("neutrophil",)


def test_no_leukocyte_has_no_differential():
    result = differential(pd.DataFrame({"label": ["erythroblast"]}), load_profile("adult_peripheral_blood"))
    assert result.summary == "No leukocyte was counted, so there is no differential."
    assert math.isnan(result.per_100["erythroblast"])
    assert all(math.isnan(end) for end in result.per_100_intervals["erythroblast"])
    assert result.table["percent"].isna().all()
    assert result.worst_case is None


def test_a_number_that_is_none_is_never_written(tmp_path):
    result = replace(differential(pd.DataFrame({"label": ["lymphocyte"]})), wbc_per_l=math.nan)
    with pytest.raises(ValueError, match="JSON"):
        write_differential_json(result, tmp_path / "differential.json")
    assert list(tmp_path.iterdir()) == []


def test_the_files_of_a_name_that_is_no_ascii(tmp_path):
    result = differential(pd.DataFrame({"label": ["Zelle_ä"]}))
    written = write_differential_json(result, tmp_path / "d.json").read_bytes()
    assert "Zelle_ä".encode() in written
    assert written.startswith(b'{\n  "schema_version": 1,\n')
    assert written.endswith(b"}\n")
    assert "Zelle_ä" in [row["class"] for row in json.loads(written)["rows"]]
    path = write_differential_csv(result, tmp_path / "d.csv")
    assert path == tmp_path / "d.csv"
    assert "Zelle_ä".encode() in path.read_bytes()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("percent", 7.25, "7.2"),
        ("median", 7.0, "7.0"),
        ("lowest", 0.0, "0.0"),
        ("ci_low", 1.06, "1.1"),
        ("ci_high", math.nan, ""),
        ("per_100_wbc", 12.0, "12.0"),
        ("absolute_per_l", 4.46e9, "4460000000"),
        ("reference_low", 45.0, "45"),
        ("reference_high", 0.5, "0.5"),
        ("count", 14, "14"),
        ("class", "=x", "'=x"),
    ],
)
def test_digits_of_a_column(name, value, text):
    assert field_text(name, value) == text


def test_the_bootstrap_keeps_the_central_part_of_its_replicates():
    """Of 10 cells with probabilities of a half: the binomial distribution of 10, whose 95 % lie from 2 to 8."""
    evidence = Evidence({"lymphocyte": 10}, {"lymphocyte": 5.0, "monocyte": 5.0}, {})
    sampling = {"lymphocyte": (72.2, 100.0), "monocyte": (0.0, 27.8)}
    found = propagate(evidence, load_profile(None), sampling)
    assert found.by_probabilities == {"lymphocyte": (20.0, 80.0), "monocyte": (20.0, 80.0)}
    assert found.intervals == {"lymphocyte": (20.0, 100.0), "monocyte": (0.0, 80.0)}
    assert found.sources == ("probabilities",)
    # Half of them lie from 4 to 6.
    half = propagate(evidence, load_profile(None), sampling, confidence=0.5)
    assert half.by_probabilities["lymphocyte"] == (40.0, 60.0)
    assert found.draws["probabilities"].cells.shape == (2000, 2)
    assert (
        propagate(evidence, load_profile(None), sampling, replicates=7).draws["probabilities"].cells.shape[0]
        == 7
    )


def test_limits_of_the_bootstrap_have_one_decimal():
    evidence = Evidence({"lymphocyte": 7}, {"lymphocyte": 3.5, "monocyte": 3.5}, {})
    found = propagate(evidence, load_profile(None), {"lymphocyte": (64.6, 100.0), "monocyte": (0.0, 35.4)})
    # Of 7 with a half: 1 to 6 cells.
    assert found.by_probabilities["lymphocyte"] == (14.3, 85.7)


def test_probabilities_that_are_incomplete_are_no_evidence():
    cells = pd.DataFrame(
        {"label": ["lymphocyte"] * 2, "p_lymphocyte": [0.5, np.nan], "p_monocyte": [0.5, np.nan]}
    )
    assert differential(cells).evidence.expected == {}
    cells = cells.assign(p_lymphocyte=[0.5, 0.0], p_monocyte=[0.5, 0.0])
    assert differential(cells).evidence.expected == {}
    cells = cells.assign(p_lymphocyte=[0.2, 0.3], p_monocyte=[0.2, 0.1], p_platelet=[0.6, 0.6])
    # Of those classes that can be a leukocyte or an erythroblast: a half and three quarters.
    assert differential(cells).evidence.expected == pytest.approx({"lymphocyte": 1.25, "monocyte": 0.75})


def test_cells_that_were_not_split_may_be_what_a_class_lacks():
    """40 % segmented and 4.96 % that are not split are 44.96 %, below 45 %; with 5 % they are not."""
    profile = load_profile(None).split()

    def flag(not_split: int) -> str:
        composition = {"neutrophil_segmented": 1000, "neutrophil": not_split, "lymphocyte": 1500 - not_split}
        labels = [name for name, number in composition.items() for _ in range(number)]
        table = differential(pd.DataFrame({"label": labels}), profile).table.set_index("class")
        return str(table.loc["neutrophil_segmented", "flag"])

    assert (flag(124), flag(125)) == ("low", "")


def test_what_is_advised():
    """1.96² x 0.09 x 0.91 / 0.01² = 3146 cells set 10 % apart from 9 %; none do so from 10 %."""
    limits = "{name: monocyte, reference: [0, 9], flag: {above: 10}}"
    profile = parse_profile(f"schema_version: 1\nname: lab\nclasses: [lymphocyte, {limits}]\n")
    result = differential(pd.DataFrame({"label": ["monocyte"] * 10 + ["lymphocyte"] * 90}), profile)
    assert result.advice == (
        "Count 100 further leukocytes to reach the target of 200: with 100, a class that makes up 1 % of the "
        "leukocytes is missed with a chance of 37 %.",
        "Monocyte: the limit 9 % lies within 5.5–17.4 %; about 3100 further leukocytes would settle it if the share "
        "stays.",
        "Monocyte: the limit 10 % lies within 5.5–17.4 %; more than 10\u202f000 further leukocytes would be needed to "
        "settle it if the share stays.",
    )
    assert [(item.name, item.title, item.limit) for item in result.count_more] == [
        ("monocyte", "Monocyte", 9.0),
        ("monocyte", "Monocyte", 10.0),
    ]
    assert result.flags == (
        "Monocyte: 10.0 % (5.5–17.4) is above the reference interval 0–9 %; not settled: the interval includes the "
        "limit.",
    )


def test_a_method_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"^interval is 'wald'; it must be one of wilson, clopper_pearson$"):
        differential(pd.DataFrame({"label": ["lymphocyte"]}), interval="wald")
