"""A folder of results that somebody altered: no number in it is taken that no count has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from differential.conftest import build
from napari_wbc.batch_table import read_summary
from napari_wbc.differential.count import differential
from napari_wbc.differential.exports import write_differential_json
from napari_wbc.errors import InputError


@pytest.fixture
def stated(tmp_path: Path) -> dict[str, object]:
    write_differential_json(
        differential(build({"lymphocyte": 3, "monocyte": 1})[0]), tmp_path / "differential.json"
    )
    return json.loads((tmp_path / "differential.json").read_text(encoding="utf-8"))


def read(folder: Path, stated: dict[str, object]) -> None:
    (folder / "differential.json").write_text(json.dumps(stated), encoding="utf-8")
    read_summary(folder)


@pytest.mark.parametrize("name", ["denominator", "unidentified", "excluded"])
def test_less_than_no_cells(name, stated, tmp_path):
    read(tmp_path, stated)
    with pytest.raises(InputError, match="count the image again"):
        read(tmp_path, stated | {name: -1})


def test_a_total_that_is_not_that_of_its_parts(stated, tmp_path):
    counted = [row for row in stated["rows"] if row["count"]]
    for rows in (counted[1:], [*counted, counted[0] | {"count": 7}], []):
        with pytest.raises(InputError, match="count the image again"):
            read(tmp_path, stated | {"rows": rows})
    stated["denominator"] += 1
    with pytest.raises(InputError, match="count the image again"):
        read(tmp_path, stated)


@pytest.mark.parametrize(
    ("field", "value"), [("count", -1), ("percent", -0.1), ("percent", 100.1), ("percent", 1e308)]
)
def test_a_row_that_no_count_has(field, value, stated, tmp_path):
    stated["rows"][0][field] = value
    with pytest.raises(InputError, match="count the image again"):
        read(tmp_path, stated)
