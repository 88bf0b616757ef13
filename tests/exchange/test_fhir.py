"""differential.fhir.json: R4 by the models of fhir.resources, and every number of the differential in its place."""

from __future__ import annotations

import json

import pytest
from fhir.resources.R4B.bundle import Bundle

from napari_wbc.differential.profile import load_profile
from napari_wbc.exchange.fhir import write_fhir

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
SIGNED = {"by": "R. Reader", "at": "2026-03-04T06:00:00+00:00", "note": "", "cells_sha256": "00"}


def read(contents, path):
    """Write a bundle and read it as fhir.resources does: resources by URL."""
    write_fhir(path, contents)
    bundle = Bundle.model_validate_json(path.read_text("utf-8"))
    assert bundle.type == "collection"
    return {entry.fullUrl: entry.resource for entry in bundle.entry}


def of_type(resources, name):
    return [resource for resource in resources.values() if resource.get_resource_type() == name]


def members(resources):
    """Give the members of the panel by their LOINC code, else by their text."""
    [report] = of_type(resources, "DiagnosticReport")
    panel = resources[report.result[0].reference]
    found = [resources[reference.reference] for reference in panel.hasMember]
    return panel, {m.code.coding[0].code if m.code.coding else m.code.text: m for m in found}


def test_percentages_and_numbers_stand_under_their_codes(counted_blood, tmp_path):
    resources = read(counted_blood, tmp_path / "d.json")
    panel, found = members(resources)
    # 124 of 200 cells: 62 % of 7.2 x 10^9 per litre, by hand 4.464.
    assert float(found["26511-6"].valueQuantity.value) == 62.0
    assert float(found["26499-4"].valueQuantity.value) == 4.46
    assert float(found["26478-8"].valueQuantity.value) == 26.0
    assert float(found["19048-8"].valueQuantity.value) == 2.0
    assert found["26511-6"].note[0].text == "Counted as one. Segmented neutrophil: 116, Band neutrophil: 8"
    units = {code: found[code].valueQuantity.code for code in ("26511-6", "26499-4", "19048-8")}
    assert units == {"26511-6": "%", "26499-4": "10*9/L", "19048-8": "/100{WBCs}"}
    percents = [m.valueQuantity.value for m in found.values() if m.valueQuantity.code == "%"]
    assert sum(percents) == 100
    for member in found.values():
        assert member.valueQuantity.system == UCUM
        assert all(coding.system == LOINC for coding in member.code.coding or ())
    components = {component.code.text: component for component in panel.component}
    assert components["Cells that the percentages are of"].valueInteger == 200
    assert components["Unidentified, beside those"].valueInteger == 6
    assert float(components["Leukocyte count that was given"].valueQuantity.value) == 7.2


def test_every_row_of_the_differential_is_there(counted_blood, tmp_path):
    _, found = members(read(counted_blood, tmp_path / "d.json"))
    table, profile = counted_blood.differential.table, load_profile(None)
    for row in table[table["in_denominator"] == 1].to_dict("records"):
        member = found[profile.class_named(row["class"]).loinc["percent"]]
        assert member.valueQuantity.value == pytest.approx(row["percent"])
        parts = {component.code.text: component for component in member.component}
        assert parts.pop("Cells counted").valueInteger == row["count"]
        sampling, propagated = (
            (text, float(part.valueRange.low.value), float(part.valueRange.high.value))
            for text, part in parts.items()
        )
        assert sampling == ("95 % interval of sampling (Wilson)", row["ci_low"], row["ci_high"])
        assert propagated[0] == "95 % interval of sampling and the errors of the model (bootstrap)"
        assert propagated[1] <= row["ci_low"] <= row["ci_high"] <= propagated[2]


def test_ratios_of_the_profile(counted_blood, make_contents, tmp_path):
    _, found = members(read(counted_blood, tmp_path / "d.json"))
    title = "Neutrophils to lymphocytes"
    # 124 neutrophils and 52 lymphocytes.
    assert float(found[title].valueQuantity.value) == pytest.approx(124 / 52, abs=0.01)
    assert found[title].valueQuantity.code == "{ratio}"
    # Nothing below the line: there is no ratio, and none is stated.
    _, found = members(read(make_contents({"neutrophil_segmented": 10}), tmp_path / "d.json"))
    assert title not in found


def test_reference_ranges_and_interpretations(make_contents, tmp_path):
    # Adult intervals: neutrophils 45-79, lymphocytes 16-47, eosinophils 0-6; myelocytes are pointed out from 1 % on.
    contents = make_contents(
        {
            "neutrophil_segmented": 40,
            "lymphocyte": 38,
            "eosinophil": 20,
            "myelocyte": 2,
        }
    )
    _, found = members(read(contents, tmp_path / "d.json"))
    said = {code: m.interpretation[0].coding[0].code for code, m in found.items() if m.interpretation}
    wanted = {"26511-6": "L", "26478-8": "N", "26450-7": "H", "26498-6": "A"}
    assert {code: said[code] for code in wanted} == wanted
    [limits] = found["26511-6"].referenceRange
    assert (float(limits.low.value), float(limits.high.value), limits.high.code) == (45, 79, "%")
    assert found["26498-6"].referenceRange is None


def test_preliminary_until_signed(make_contents, tmp_path):
    review = {"changes": 3, "signed": None}
    for run, status, reader in (
        ({}, "preliminary", None),
        ({"review": review}, "preliminary", None),
        ({"review": review | {"signed": SIGNED}}, "final", "R. Reader"),
    ):
        resources = read(make_contents({"lymphocyte": 10}, run=run), tmp_path / "d.json")
        [report] = of_type(resources, "DiagnosticReport")
        assert report.status == status
        assert {o.status for o in of_type(resources, "Observation")} == {status}
        assert (report.resultsInterpreter[0].display if reader else report.resultsInterpreter) == reader
        methods = {o.method.text for o in of_type(resources, "Observation")}
        assert ["reviewed by a person" in method for method in methods] == [bool(run)]


def test_the_device_is_the_model(counted_blood, tmp_path):
    resources = read(counted_blood, tmp_path / "d.json")
    [device] = of_type(resources, "Device")
    assert "ab" * 32 in [version.value for version in device.version]
    assert device.identifier[0].value == "ab" * 32
    for observation in of_type(resources, "Observation"):
        assert resources[observation.device.reference] is device


def test_every_reference_leads_somewhere(counted_blood, tmp_path):
    resources = read(counted_blood, tmp_path / "d.json")

    def references(value):
        if isinstance(value, dict):
            yield from [value["reference"]] if "reference" in value else []
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                yield from references(item)

    content = json.loads((tmp_path / "d.json").read_text("utf-8"))
    found = list(references(content))
    assert len(found) > 20
    assert set(found) <= set(resources)


def test_lines_that_must_stand_there(counted_blood, tmp_path):
    resources = read(counted_blood, tmp_path / "d.json")
    panel, _ = members(resources)
    notes = " ".join(note.text for note in panel.note)
    assert "For research use only" in notes
    assert "Regenstrief Institute" in notes
    [report] = of_type(resources, "DiagnosticReport")
    assert "For research use only" in report.text.div
    assert report.subject is None


def test_the_same_count_has_the_same_names(counted_blood, tmp_path):
    write_fhir(tmp_path / "a.json", counted_blood)
    write_fhir(tmp_path / "b.json", counted_blood)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_nothing_counted_is_said_as_such(make_contents, tmp_path):
    resources = read(make_contents({}), tmp_path / "d.json")
    _, found = members(resources)
    assert found
    for member in found.values():
        assert member.valueQuantity is None
        assert member.dataAbsentReason.coding[0].code == "not-applicable"


def test_names_of_users_are_text_not_markup(make_contents, tmp_path):
    contents = make_contents({"<b>odd & cell</b>": 3, "lymphocyte": 5})
    [report] = of_type(read(contents, tmp_path / "d.json"), "DiagnosticReport")
    assert "&lt;b&gt;odd &amp; cell&lt;/b&gt;" in report.text.div
