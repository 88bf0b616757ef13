"""Profiles: what ships, what is refused, and in which words."""

from __future__ import annotations

import pytest
import yaml

from napari_wbc.differential.profile import load_profile, parse_profile, profile_names
from napari_wbc.errors import InputError

MINIMAL = "schema_version: 1\nname: lab\nclasses: [neutrophil, lymphocyte]\n"


def test_default_profile_is_the_adult_one():
    profile = load_profile()
    assert profile == load_profile("adult_peripheral_blood")
    assert profile.name in profile_names()
    assert profile.target_count == 200
    assert profile.class_named("neutrophil_segmented").reference == (45, 79)
    assert profile.class_named("neutrophil_band").reference == (0, 5)
    assert profile.class_named("lymphocyte").reference == (16, 47)
    assert profile.class_named("blast").at_least == 1
    assert profile.class_named("metamyelocyte").above == 2
    assert profile.class_named("erythroblast").at_least == 1


def test_loinc_codes_that_are_often_swapped():
    profile = load_profile()
    codes = {name: dict(profile.class_named(name).loinc) for name in ("neutrophil", "neutrophil_segmented")}
    assert codes["neutrophil"] == {"percent": "26511-6", "number": "26499-4"}
    assert codes["neutrophil_segmented"] == {"percent": "26505-8", "number": "30451-9"}
    assert profile.class_named("neutrophil_band").loinc == {"percent": "26508-2", "number": "26507-4"}
    assert profile.class_named("erythroblast").loinc == {"per_100_wbc": "19048-8"}
    assert profile.wbc_loinc == "26464-8"
    assert "LOINC" in profile.loinc_notice


def test_every_loinc_code_has_its_check_digit():
    # The digit behind the dash is the Luhn (mod 10) check digit of those before it: it finds most slips of the pen.
    profile = load_profile()
    codes = [code for c in profile.classes for code in c.loinc.values()] + [profile.wbc_loinc]
    assert len(codes) == len(set(codes)) == 24
    for code in codes:
        digits, check = code.split("-")
        doubled = [int(d) * (2 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits))]
        assert (10 - sum(v // 10 + v % 10 for v in doubled) % 10) % 10 == int(check), code


def test_bands_are_merged_and_can_be_split():
    profile = load_profile()
    assert profile.row_of("neutrophil_band") == profile.row_of("neutrophil") == "neutrophil"
    assert profile.row_of("monocyte") == "monocyte"
    assert profile.split().row_of("neutrophil_band") == "neutrophil_band"
    assert profile.merges, "split() leaves the profile itself alone"


def test_a_short_profile_is_enough(tmp_path):
    path = tmp_path / "lab.yaml"
    path.write_text(MINIMAL, encoding="utf-8")
    profile = load_profile(path)
    assert [c.name for c in profile.classes] == ["neutrophil", "lymphocyte"]
    assert profile.title == "lab"
    assert profile.nrbc_correction_from is None
    assert profile.class_named("lymphocyte").title == "Lymphocyte"
    assert profile.class_named("our_own").title == "Our own"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "no valid YAML (line 1)"),
        ("- a\n- b", "must hold entries"),
        ("name: x\nclasses: [a]", "schema_version is missing"),
        ("schema_version: 2\nname: x\nclasses: [a]", "reads version 1"),
        ("schema_version: 1\nclasses: [a]", "name must be a text; it is missing"),
        ("schema_version: 1\nname: x", "classes is empty"),
        ("schema_version: 1\nname: x\nclasses: a", "classes must be a list"),
        ("schema_version: 1\nname: x\nclasses: [a, b, a]", "'a' is listed twice"),
        (MINIMAL + "targetcount: 5", "unknown entry 'targetcount'; known are: schema_version"),
        (MINIMAL + "target_count: 0", "target_count is 0; it must be a whole number between 1"),
        (MINIMAL + "target_count: many", "target_count is 'many'"),
        (MINIMAL + "target_count: 1.5", "whole number"),
        (MINIMAL + "target_count: true", "target_count is True"),
        (MINIMAL + "nrbc_correction_from: -1", "nrbc_correction_from is -1"),
        (MINIMAL + "alarms: {unidentified_percent: 200}", "alarms: unidentified_percent is 200"),
        (MINIMAL + "alarms: {other: 2}", "alarms has an unknown entry 'other'"),
        (MINIMAL + "wbc_loinc: '123'", "a LOINC code looks like"),
        (MINIMAL + "outside_flags: [1]", "outside_flags must be a list of names"),
        (MINIMAL + "merges: {neutrophils: [neutrophil_band]}", "'neutrophils' is not among the classes"),
        (MINIMAL + "merges: {neutrophil: [neutrophil_bands]}", "'neutrophil_bands', which is no known class"),
        (MINIMAL + "merges: {neutrophil: []}", "merges nothing"),
        (MINIMAL + "merges: {neutrophil: [erythroblast]}", "only one of them is a leukocyte"),
        (MINIMAL + "merges: {neutrophil: [lymphocyte], lymphocyte: [monocyte]}", "a merged row itself"),
        (MINIMAL + "merges: {neutrophil: [monocyte], lymphocyte: [monocyte]}", "merged twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, words):
    with pytest.raises(InputError) as error:
        parse_profile(text, "lab.yaml")
    message = str(error.value)
    assert words in message
    assert message.startswith("lab.yaml")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "a", "reference": [5, 2]}, "(a): reference is [5, 2]"),
        ({"name": "a", "reference": [0, 200]}, "two percentages"),
        ({"name": "a", "reference": 5}, "two percentages"),
        ({"name": "a", "flag": {"at_least": 1, "above": 2}}, "one of them is enough"),
        ({"name": "a", "flag": {"at_most": 1}}, "unknown entry 'at_most'"),
        ({"name": "a", "flag": {"above": float("nan")}}, "above is nan"),
        ({"name": "a", "colour": "red"}, "unknown entry 'colour'"),
        ({"name": "a", "loinc": {"percent": "26511"}}, "LOINC"),
        ({"name": "a\tb"}, "no class name"),
        ({"title": "no name"}, "name must be a text"),
        (7, "must hold entries"),
    ],
)
def test_a_wrong_class_is_named(entry, words):
    with pytest.raises(InputError) as error:
        parse_profile(yaml.safe_dump({"schema_version": 1, "name": "x", "classes": [entry]}), "lab.yaml")
    assert words in str(error.value)
    assert "classes[0]" in str(error.value)


def test_unknown_names_and_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="one of: adult_peripheral_blood"):
        load_profile("children")
    with pytest.raises(InputError, match="cannot be read as a profile"):
        load_profile(tmp_path / "missing.yaml")
    (tmp_path / "picture.yaml").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(InputError, match="no text file"):
        load_profile(tmp_path / "picture.yaml")


def test_a_profile_runs_no_code(tmp_path):
    marker = tmp_path / "made"
    text = MINIMAL + f"title: !!python/object/apply:pathlib.Path.touch ['{marker}']\n"
    with pytest.raises(InputError, match="no valid YAML"):
        parse_profile(text)
    assert not marker.exists()
