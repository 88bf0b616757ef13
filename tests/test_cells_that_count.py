"""The cell table: its order, which of its cells count, and what is written of it; what it refuses: test_cells_csv."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from napari_wbc.cell_table import (
    columns,
    conform,
    counted,
    empty_table,
    is_labelled,
    is_unidentified,
    spreadsheet_safe,
    write_cells_csv,
)
from napari_wbc.errors import OutputError


def rows(number: int, **values) -> pd.DataFrame:
    """Give that many rows with the columns of a model that knows lymphocytes and monocytes."""
    dtypes = columns(["lymphocyte", "monocyte"])
    table = pd.DataFrame({name: [0 if kind != "str" else ""] * number for name, kind in dtypes.items()})
    return table.assign(cell_id=range(1, number + 1), status="model", label="lymphocyte").assign(**values)


def test_columns_come_into_their_order_and_types():
    mixed = rows(2, note=["a", "b"], y_px=["1.5", "2"], label=[math.nan, "monocyte"])[::-1]
    table = conform(mixed.sort_values("cell_id")[sorted(mixed.columns)])
    assert list(table.columns) == [*columns(["lymphocyte", "monocyte"]), "note"]
    assert table["y_px"].tolist() == [1.5, 2.0]
    assert table["label"].tolist() == ["", "monocyte"]
    assert table["cell_id"].dtype == np.int64
    assert table["touches_border"].dtype == bool
    assert list(table.index) == [0, 1]


def test_an_empty_table_conforms():
    table = conform(empty_table(["lymphocyte"]))
    assert len(table) == 0
    assert list(table.columns) == list(columns(["lymphocyte"]))


def test_which_cells_count_and_which_a_model_can_learn_from():
    cells = rows(
        4,
        status=["model", "reviewed", "reviewed", "excluded"],
        label=["lymphocyte", "monocyte", "unidentified", "lymphocyte"],
    )
    assert counted(cells)["cell_id"].tolist() == [1, 2, 3]
    assert is_unidentified(cells).tolist() == [False, False, True, False]
    assert is_labelled(cells).tolist() == [False, True, False, False]


def test_what_a_spreadsheet_would_run_gets_an_apostrophe():
    for start in ("=", "+", "-", "@", "\t", "\r", "\n", "'="):
        assert spreadsheet_safe(f"{start}x") == f"'{start}x"
    for text in ("x=", "'x", "", "1"):
        assert spreadsheet_safe(text) == text


def test_an_unwritable_place_is_one_plain_line(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*cells\.csv"):
        write_cells_csv(rows(1), tmp_path / "nowhere" / "cells.csv")
