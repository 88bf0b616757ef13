"""Texts of cells.csv survive a round trip, and no spreadsheet takes them for formulas."""

from __future__ import annotations

import csv

import pandas as pd
import pytest

from napari_wbc.cell_table import columns, conform, read_cells_csv, write_cells_csv


@pytest.mark.parametrize("name", ["=cmd()", "'=cmd()", "+1", "-2", "@x", "007", 'a, "b"\nc', "NA", "plain"])
def test_text_is_safe_and_comes_back(tmp_path, name):
    row = {column: "" if kind == "str" else 0 for column, kind in columns(["lymphocyte"]).items()}
    cells = conform(
        pd.DataFrame([{**row, "cell_id": 1, "label": "lymphocyte", "status": "model", "slide": name}])
    )
    path = write_cells_csv(cells, tmp_path / "cells.csv")
    with path.open(newline="", encoding="utf-8") as file:
        written = next(csv.DictReader(file))["slide"]
    assert not written.startswith(("=", "+", "-", "@"))
    assert read_cells_csv(path)["slide"].tolist() == [name]
