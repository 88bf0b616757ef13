"""differential.json and its schema: what we write fits, what cannot be meant does not, and nothing goes undescribed."""

from __future__ import annotations

import copy
import json

import jsonschema
import pytest

from napari_wbc.differential.exports import write_differential_json
from napari_wbc.exchange.schema import differential_schema


@pytest.fixture(scope="module")
def validator():
    schema = differential_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def written(contents, path):
    return json.loads(write_differential_json(contents.differential, path).read_text("utf-8"))


@pytest.mark.parametrize(
    ("composition", "wbc"),
    [
        ({"neutrophil_segmented": 60, "neutrophil_band": 5, "lymphocyte": 30, "erythroblast": 20}, 7.2e9),
        ({"lymphocyte": 90, "blast": 3, "unidentified": 30, "platelet": 2, "sezary_cell": 1}, None),
        ({"erythroblast": 3}, 5e9),
        ({}, None),
    ],
)
def test_what_we_write_fits(make_contents, validator, tmp_path, composition, wbc):
    content = written(make_contents(composition, wbc_per_l=wbc), tmp_path / "d.json")
    assert [error.message for error in validator.iter_errors(content)] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("denominator"),
        lambda d: d["rows"][0].update(percent=101),
        lambda d: d["rows"][0].update(count=1.5),
        lambda d: d["rows"][0].pop("ci_low"),
        lambda d: d["rows"][0]["loinc"].update(percent="26511"),
        lambda d: d["interval"].update(method="wald"),
        lambda d: d.update(alarms="none"),
        lambda d: d.update(schema_version=2),
    ],
)
def test_what_cannot_be_meant_does_not_fit(counted_blood, validator, tmp_path, spoil):
    content = copy.deepcopy(written(counted_blood, tmp_path / "d.json"))
    assert validator.is_valid(content)
    spoil(content)
    assert not validator.is_valid(content)


def test_every_property_is_described(counted_blood, tmp_path):
    content, schema = written(counted_blood, tmp_path / "d.json"), differential_schema()
    assert content.keys() == schema["properties"].keys()
    row = schema["properties"]["rows"]["items"]
    seen = {key for line in content["rows"] for key in line}
    assert seen == row["properties"].keys()
    for described in (schema["properties"], row["properties"]):
        assert [name for name, entry in described.items() if "description" not in entry] == []
