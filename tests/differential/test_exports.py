"""The files for other programs hold the numbers of the table, in the form that those programs read."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pytest

from napari_wbc.differential.count import differential
from napari_wbc.differential.exports import write_differential_csv, write_differential_json
from napari_wbc.differential.rows import COLUMNS
from napari_wbc.errors import OutputError


def test_csv_is_the_table(blood, tmp_path):
    result = differential(blood[0], wbc_per_l=7.2e9)
    path = write_differential_csv(result, tmp_path / "differential.csv")
    assert path.read_text(encoding="utf-8").splitlines()[0] == ",".join(COLUMNS)
    table = pd.read_csv(
        path, keep_default_na=False, na_values={c: [""] for c in COLUMNS if c not in ("class", "flag")}
    )
    pd.testing.assert_frame_equal(table, result.table, check_dtype=False)
    assert b"\r" not in path.read_bytes()
    assert (
        path.read_text(encoding="utf-8").splitlines()[1]
        == "neutrophil,124,62.0,55.1,68.4,1,,4460000000,45,79,,124"
    )


def test_csv_runs_nothing_in_a_spreadsheet(tmp_path):
    cells = pd.DataFrame({"label": ["=cmd|'/c calc'!A0", "+1", "lymphocyte"]})
    path = write_differential_csv(differential(cells), tmp_path / "differential.csv")
    with path.open(newline="", encoding="utf-8") as file:
        classes = [row["class"] for row in csv.DictReader(file)]
    assert "'=cmd|'/c calc'!A0" in classes
    assert not any(name.startswith(("=", "+", "-", "@")) for name in classes)


def test_json_agrees_with_csv(blood, tmp_path):
    result = differential(blood[0])
    write_differential_csv(result, tmp_path / "d.csv")
    write_differential_json(result, tmp_path / "d.json")
    content = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    with (tmp_path / "d.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(content["rows"])
    for written, stated in zip(rows, content["rows"], strict=True):
        for column in COLUMNS:
            value = stated[column]
            if isinstance(value, str):
                assert written[column] == value
            else:
                assert written[column] == "" if value is None else float(written[column]) == value


def test_an_unwritable_place_is_one_plain_line(blood, tmp_path):
    result = differential(blood[0])
    for write in (write_differential_csv, write_differential_json):
        with pytest.raises(OutputError, match=r"cannot write .*nowhere"):
            write(result, tmp_path / "nowhere" / "d")
