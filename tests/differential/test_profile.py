"""Profiles: what ships, what is refused, and in which words."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pandas as pd
import pytest
import yaml

from napari_wbc.differential.class_names import class_title, languages
from napari_wbc.differential.count import differential
from napari_wbc.differential.profile import load_profile, profile_names
from napari_wbc.differential.profile_entries import Place
from napari_wbc.differential.profile_file import parse_profile, profile_schema, profile_text
from napari_wbc.errors import InputError
from napari_wbc.leukocytes import CLASSES

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


MISTAKES = [
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
    (MINIMAL + "interval: wald", "interval is 'wald'; it must be one of wilson, clopper_pearson"),
    (MINIMAL + "language: tlh", "language is 'tlh'; it must be one of en, de, es, fr"),
    (MINIMAL + "ratios: [{name: r, above: [neutrophil]}]", "ratios[0] (r): below is empty"),
    (
        MINIMAL + "ratios: [{name: r, above: [neutrophils], below: [lymphocyte]}]",
        "'neutrophils', which is no",
    ),
    (
        MINIMAL + "ratios: [{name: r, above: [neutrophil], below: [neutrophil_segmented]}]",
        "neutrophil stands above and below",
    ),
    (MINIMAL + "target_count: 100\ntarget_count: 200", "line 5: 'target_count' stands here a second time"),
    ("schema_version: 1\nname: lab\nclasses: [erythroblast]", "no class is in the denominator"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
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
        ({"name": "a", "loinc": {"percent": "26511-7"}}, "check digit is wrong"),
        ({"name": "a", "in_denominator": "yes"}, "in_denominator is 'yes'; it must be true or false"),
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


def test_aliases_neither_hang_nor_crash():
    nested = "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(9))
    with pytest.raises(InputError, match="unknown entry 'a0'"):
        parse_profile(MINIMAL + "a0: &a0 [lol]\n" + nested)
    with pytest.raises(InputError):
        parse_profile(MINIMAL + "outside_flags: &x [*x]")


def test_a_profile_runs_no_code(tmp_path):
    marker = tmp_path / "made"
    text = MINIMAL + f"title: !!python/object/apply:pathlib.Path.touch ['{marker}']\n"
    with pytest.raises(InputError, match="no valid YAML"):
        parse_profile(text)
    assert not marker.exists()


def test_an_error_names_the_line(tmp_path):
    path = tmp_path / "lab.yaml"
    lines = ["# our laboratory", "schema_version: 1", "name: lab", "classes:", "  - neutrophil", "  - name: lymphocyte",
             "    reference: [47, 16]", "alarms:", "  unidentified_percent: many"]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_profile(path)
    wanted = "classes[1] (lymphocyte): reference is [47, 16]; it must be two percentages, the lower one first"
    assert str(error.value) == f"{path}, line 7: {wanted}"
    path.write_text("\n".join(lines).replace("[47, 16]", "[16, 47]"), encoding="utf-8")
    with pytest.raises(InputError, match="line 9: alarms: unidentified_percent is 'many'"):
        load_profile(path)
    # What is missing has no line of its own.
    path.write_text("schema_version: 1\nclasses: [neutrophil]", encoding="utf-8")
    with pytest.raises(InputError, match=r"lab\.yaml: name must be a text; it is missing"):
        load_profile(path)


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_that_ships_is_whole(name):
    profile = load_profile(name)
    assert profile.name == name
    assert parse_profile(profile_text(profile)) == profile
    text = (resources.files("napari_wbc.differential") / "profiles" / f"{name}.yaml").read_text(
        encoding="utf-8"
    )
    jsonschema.validate(yaml.safe_load(text), profile_schema())
    cells = pd.DataFrame({"label": [c.name for c in CLASSES for _ in range(3)]})
    result = differential(cells, profile)
    assert result.table.loc[result.table["in_denominator"] == 1, "percent"].sum() == pytest.approx(100)
    json.dumps(result.to_dict(), allow_nan=False)


def test_the_schema_refuses_what_it_can_see():
    validator = jsonschema.Draft202012Validator(profile_schema())
    jsonschema.Draft202012Validator.check_schema(profile_schema())
    assert validator.is_valid(yaml.safe_load(MINIMAL))
    # What needs a look at two entries at once, only the program sees.
    beyond = ("listed twice", "not among", "no known class", "only one of them", "merged row itself", "merged twice",
              "above and below", "a second time", "no class is in", "which is no", "no valid YAML")  # fmt: skip
    for text, words in MISTAKES:
        if not any(part in words for part in beyond):
            assert not validator.is_valid(yaml.safe_load(text)), text


def labelled(**composition):
    return pd.DataFrame({"label": [name for name, number in composition.items() for _ in range(number)]})


def counts_of(result):
    inside = result.table[result.table["in_denominator"] == 1]
    return {str(k): int(v) for k, v in zip(inside["class"], inside["count"], strict=True) if v}


def test_a_laboratory_that_merges_stages_and_variants():
    profile = parse_profile(
        "schema_version: 1\nname: lab\n"
        "merges: {immature_granulocyte: [metamyelocyte, myelocyte, promyelocyte],\n"
        "  lymphocyte: [lymphocyte, lymphocyte_reactive, lymphocyte_large_granular]}\n"
        "classes: [neutrophil_segmented, neutrophil_band, lymphocyte, {name: immature_granulocyte, flag: {above: 3}}]"
    )
    cells = labelled(
        neutrophil_segmented=60, neutrophil_band=8, lymphocyte=20, lymphocyte_reactive=5,
        lymphocyte_large_granular=2, metamyelocyte=3, myelocyte=1, immature_granulocyte=1,
    )  # fmt: skip
    result = differential(cells, profile)
    assert counts_of(result) == {
        "neutrophil_segmented": 60, "neutrophil_band": 8, "lymphocyte": 27, "immature_granulocyte": 5,
    }  # fmt: skip
    assert result.table.set_index("class").loc["immature_granulocyte", "flag"] == ">3"
    assert result.parts["lymphocyte"] == {
        "lymphocyte": 20,
        "lymphocyte_reactive": 5,
        "lymphocyte_large_granular": 2,
    }


def test_blasts_of_every_lineage_are_blasts():
    result = differential(labelled(neutrophil=97, myeloblast=1, lymphoblast=1, blast=1, unidentified=2))
    assert counts_of(result) == {"neutrophil": 97, "blast": 3}
    assert result.parts["blast"] == {"myeloblast": 1, "lymphoblast": 1, "blast": 1}
    assert result.table.set_index("class").loc["blast", "flag"] == ">=1"
    assert result.worst_case.count == 5
    listed = parse_profile("schema_version: 1\nname: lab\nclasses: [neutrophil, lymphoblast, blast]")
    assert counts_of(differential(labelled(neutrophil=8, lymphoblast=2), listed)) == {
        "neutrophil": 8,
        "lymphoblast": 2,
    }


def test_the_denominator_is_the_laboratorys():
    marrow = load_profile("bone_marrow")
    cells = labelled(myelocyte=30, lymphocyte=20, erythroblast=50)
    result = differential(cells, marrow, wbc_per_l=None)
    assert result.denominator == 100
    assert result.table.set_index("class").loc["erythroblast", "percent"] == 50.0
    assert result.per_100 == {}
    assert "100 nucleated cells counted (target 500)" in result.to_text()
    assert "400 further nucleated cells" in result.to_text()
    without = parse_profile(
        "schema_version: 1\nname: lab\nclasses: [neutrophil, {name: lymphocyte, in_denominator: false}]"
    )
    aside = differential(labelled(neutrophil=30, lymphocyte=10), without)
    assert aside.denominator == 30
    assert aside.outside["lymphocyte"] == 10


def test_the_interval_is_the_laboratorys():
    exact = parse_profile(MINIMAL + "interval: clopper_pearson")
    row = (
        differential(labelled(lymphocyte=10, neutrophil=190), exact)
        .table.set_index("class")
        .loc["lymphocyte"]
    )
    # The table of Rümke: 5 % of 200.
    assert (row["ci_low"], row["ci_high"]) == (2.4, 9.0)
    row = differential(labelled(lymphocyte=10, neutrophil=190)).table.set_index("class").loc["lymphocyte"]
    assert (row["ci_low"], row["ci_high"]) == (2.7, 9.0)


def test_names_in_the_laboratorys_language():
    text = MINIMAL + "language: de"
    result = differential(
        labelled(neutrophil=30, lymphocyte=10, monocyte=2, erythroblast=1), parse_profile(text)
    )
    assert [result.titles[name] for name in ("lymphocyte", "monocyte", "unidentified")] == [
        "Lymphozyt", "Monozyt", "Nicht zugeordnet",
    ]  # fmt: skip
    assert "Outside the denominator: Erythroblast 1" in result.to_text()
    own = parse_profile(text.replace("[neutrophil, ", "[{name: neutrophil, title: Granulozyt}, "))
    assert own.title_of("neutrophil") == "Granulozyt"
    for language in languages()[1:]:
        missing = [c.name for c in CLASSES if class_title(c.name, language) == c.title]
        # Some words are the same in both.
        assert set(missing) <= {
            "myeloblast",
            "monoblast",
            "lymphoblast",
            "blast",
            "lymphocyte",
            "monocyte",
        }, language
    assert profile_schema()["properties"]["language"]["enum"] == [*languages(), None]


def test_an_error_names_the_nearest_line_that_is_known():
    """An entry that is missing has no line: that of what it should stand in is told."""
    place = Place("lab.yaml", {("alarms",): 3, ("alarms", "a"): 4}, ("alarms",), "alarms")
    assert str(place.error("wrong")) == "lab.yaml, line 3: alarms: wrong"
    assert str(place.error("wrong", "a")) == "lab.yaml, line 4: alarms: wrong"
    assert str(place.error("wrong", "b")) == "lab.yaml, line 3: alarms: wrong"
    assert str(place.at("b").at(0).error("wrong")) == "lab.yaml, line 3: alarms: wrong"
    assert str(place.at("a", "the a").error(" is wrong")) == "lab.yaml, line 4: the a is wrong"
    assert str(Place("lab.yaml").error(" is wrong", "b")) == "lab.yaml: the file is wrong"


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ("interval: exact", "line 4: interval is 'exact'; it must be one of wilson, clopper_pearson"),
        ("target_count: 1.5", "line 4: target_count is 1.5; it must be a whole number between"),
        (
            "alarms: {unidentified_percent: 101}",
            "unidentified_percent is 101; it must be a number between 0 and 100",
        ),
        (
            "ratios: [{name: r, above: [], below: [monocyte]}]",
            "above is empty; list the classes above the line",
        ),
        (
            "ratios: [{name: r, above: [monocyte], below: []}]",
            "below is empty; list the classes below the line",
        ),
        (
            "ratios: [{name: r, above: [moncyte], below: [monocyte]}]",
            "above holds 'moncyte', which is no known class",
        ),
        ("ratios: [{name: r, above: [monocyte], below: [x]}]", "below holds 'x', which is no known class"),
        (
            "ratios: [{name: r, above: [monocyte], below: [lymphocyte]}, {name: r, above: [basophil], below: [blast]}]",
            "line 4: the ratio 'r' is listed twice",
        ),
        ("outside_flags: [smudge, 2]", "line 4: outside_flags must be a list of names"),
        (
            "wbc_loinc: 26464-9",
            "line 4: wbc_loinc is '26464-9', which is no LOINC code: its check digit is wrong",
        ),
        ("title: 2001-13-45", "profile is no valid YAML: month must be in 1..12"),
        (
            "merges: {neutrophil: [lymphocyte], lymphocyte: [monocyte]}",
            "line 4: merges: neutrophil holds lymphocyte, which is a merged row itself; list its classes instead",
        ),
        (
            "merges: {neutrophil: []}",
            "line 4: merges: neutrophil merges nothing; list the classes that are counted",
        ),
        ("merges: {blast: [myeloblast]}", "line 4: merges: 'blast' is not among the classes; list it there"),
        (
            "merges: {neutrophil: [erythroblast]}",
            "line 4: merges: erythroblast cannot be counted as neutrophil: only one of them is a leukocyte",
        ),
    ],
)
def test_words_of_errors(entry, wrong):
    with pytest.raises(InputError) as error:
        parse_profile(MINIMAL + entry)
    assert wrong in str(error.value)


def test_the_version_of_a_profile_and_its_line():
    with pytest.raises(InputError) as error:
        parse_profile("name: lab\nschema_version: 2\nclasses: [neutrophil]", "lab.yaml")
    assert str(error.value) == "lab.yaml, line 2: schema_version is 2; this program reads version 1"


def test_how_long_the_name_of_a_class_may_be():
    def profile(name: str) -> str:
        return f"schema_version: 1\nname: lab\nclasses: [{name}]"

    assert parse_profile(profile("a" * 64)).classes[0].name == "a" * 64
    with pytest.raises(InputError, match="is no class name; it has 1 to 64 letters"):
        parse_profile(profile("a" * 65))


def test_a_profile_without_a_denominator_names_the_line_of_its_classes():
    with pytest.raises(InputError) as error:
        parse_profile("schema_version: 1\nname: lab\n\nclasses: [erythroblast, platelet]", "lab.yaml")
    assert str(error.value) == (
        "lab.yaml, line 4: no class is in the denominator; there is nothing to take percentages of"
    )
