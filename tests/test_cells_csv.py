"""What a cell table may hold, and how one that holds anything else is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from napari_wbc.cell_table import columns, conform, read_cells_csv, second_guesses, write_cells_csv
from napari_wbc.csv_file import read_csv
from napari_wbc.errors import InputError

CLASSES = ("neutrophil_segmented", "neutrophil_band", "monocyte")


def rows(**values: list[Any]) -> pd.DataFrame:
    """Two cells, some of whose columns are given."""
    plain = {column: ["" if kind == "str" else 0] * 2 for column, kind in columns(CLASSES).items()}
    plain |= {"cell_id": [1, 2], "status": ["model"] * 2, "label": ["monocyte"] * 2}
    return pd.DataFrame(plain | values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"status": ["model", "seen"]}, "unknown status 'seen' .* model, reviewed, excluded"),
        ({"cell_id": [1, 3]}, "cell_id column must count 1, 2, 3"),
        ({"y_px": [1.0, "far"]}, "column y_px of the cell table holds no number"),
        ({"touches_border": ["True", "maybe"]}, "touches_border holds 'maybe'; it must be True or False"),
    ],
)
def test_what_no_count_writes_is_refused(values: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        conform(rows(**values))


def test_a_column_that_is_missing_is_named_and_those_of_regions_are_filled() -> None:
    with pytest.raises(InputError, match="lacks the columns confidence, novelty"):
        conform(rows().drop(columns=["confidence", "novelty"]))
    table = conform(rows().drop(columns=["region_crowding"]))
    assert table["region_crowding"].isna().all()
    assert list(table.columns) == list(columns(CLASSES))


@pytest.mark.parametrize(
    ("written", "read"), [("True", True), (" true", True), ("1", True), ("False", False), ("", False)]
)
def test_true_and_false_in_the_words_of_spreadsheets(written: str, read: bool) -> None:
    assert conform(rows(touches_border=[written, "0"]))["touches_border"].tolist() == [read, False]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("confidence", 1.2, "line 3: confidence is 1.2, which cannot be"),
        ("p_monocyte", -0.1, r"line 3: p_monocyte is -0\.1"),
        ("y_px", 1e9, r"line 3: y_px is 1e\+09"),
        ("cell_area_um2", -1.0, "line 3: cell_area_um2 is -1"),
    ],
)
def test_numbers_that_cannot_be_are_refused_with_their_line(
    tmp_path: Path, column: str, value: float, message: str
) -> None:
    path = write_cells_csv(rows(**{column: [0.0, value]}), tmp_path / "cells.csv")
    with pytest.raises(InputError, match=message):
        read_cells_csv(path)


def test_the_second_guess_is_no_part_of_the_first() -> None:
    """Segmented and band make up the coarse class that was said of the first cell."""
    cells = rows(
        model_label=["neutrophil", "monocyte"],
        p_neutrophil_segmented=[0.5, 0.3],
        p_neutrophil_band=[0.4, 0.1],
        p_monocyte=[0.1, 0.6],
    )
    assert second_guesses(cells).to_dict("list") == {
        "label": ["monocyte", "neutrophil_segmented"],
        "probability": [0.1, 0.3],
    }


def test_without_other_classes_there_is_no_second_guess() -> None:
    cells = pd.DataFrame({"model_label": ["monocyte"], "p_monocyte": [0.7]})
    assert second_guesses(cells).to_dict("list") == {"label": [""], "probability": [0.0]}
    assert second_guesses(cells[["model_label"]]).to_dict("list") == {"label": [""], "probability": [0.0]}
    assert len(second_guesses(cells[:0])) == 0


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    with path.open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(InputError, match="larger than 1 GB, so it is not a cell table"):
        read_csv(path, "a cell table")
