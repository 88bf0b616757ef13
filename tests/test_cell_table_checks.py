"""The cell table: what it must hold, what it is refused for, and what is read off it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from napari_wbc.cell_table import (
    REGION,
    columns,
    conform,
    counted,
    empty_table,
    is_labelled,
    is_unidentified,
    second_guesses,
    spreadsheet_safe,
    write_cells_csv,
)
from napari_wbc.errors import InputError, OutputError


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


def test_what_is_known_of_regions_may_be_missing():
    table = conform(rows(1).drop(columns=list(REGION)))
    assert table[list(REGION)].isna().all(axis=None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("True", True),
        (" true ", True),
        ("1", True),
        ("False", False),
        ("0", False),
        ("", False),
        (1, True),
        (0, False),
    ],
)
def test_the_border_in_words(written, meant):
    assert conform(rows(1, touches_border=[written]))["touches_border"].tolist() == [meant]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (rows(1).drop(columns=["label", "flags"]), "the cell table lacks the columns label, flags"),
        (rows(1, y_px=["far"]), "the column y_px of the cell table holds no number"),
        (rows(1, bbox_y0=[math.nan]), "the column bbox_y0 of the cell table holds no number"),
        (rows(1, touches_border=["maybe"]), "touches_border holds 'maybe'; it must be True or False"),
        (rows(2, cell_id=[1, 3]), "the cell_id column must count 1, 2, 3, ... without a gap"),
        (rows(2, cell_id=[2, 1]), "without a gap"),
        (
            rows(2, status=["model", "checked"]),
            "unknown status 'checked' in the cell table; it is one of model, reviewed, excluded",
        ),
    ],
)
def test_what_is_no_cell_table_is_refused(table, words):
    with pytest.raises(InputError) as caught:
        conform(table)
    assert words in str(caught.value)


def test_an_empty_table_conforms():
    table = conform(empty_table(["lymphocyte"]))
    assert len(table) == 0
    assert list(table.columns) == list(columns(["lymphocyte"]))


def test_the_second_guess():
    cells = pd.DataFrame(
        {
            "model_label": ["monocyte", "neutrophil", "neutrophil_band"],
            "p_monocyte": [0.6, 0.1, 0.0],
            "p_neutrophil_band": [0.1, 0.6, 0.7],
            "p_neutrophil_segmented": [0.3, 0.3, 0.3],
        }
    )
    # Band and segmented make up a neutrophil, so that they are no other guess; for a band, segmented is one.
    assert second_guesses(cells).to_dict("records") == [
        {"label": "neutrophil_segmented", "probability": 0.3},
        {"label": "monocyte", "probability": 0.1},
        {"label": "neutrophil_segmented", "probability": 0.3},
    ]


def test_no_second_guess_where_the_model_knows_no_other_class():
    one = pd.DataFrame({"model_label": ["monocyte"], "p_monocyte": [1.0]})
    none = pd.DataFrame({"model_label": ["monocyte", "basophil"]})
    assert second_guesses(one).to_dict("records") == [{"label": "", "probability": 0.0}]
    assert second_guesses(none).to_dict("records") == [{"label": "", "probability": 0.0}] * 2
    assert second_guesses(one.iloc[:0]).empty


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
