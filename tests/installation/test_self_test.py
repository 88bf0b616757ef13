"""The comparison with the drawn smear, on tables whose answer is worked out by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from napari_wbc.differential.count import differential
from napari_wbc.installation.self_test import check_cells, check_differential

UM = 0.1


def table(labels: list[str], shift_px: float = 0.0) -> pd.DataFrame:
    """Cells in a row, 10 µm apart."""
    n = len(labels)
    return pd.DataFrame(
        {
            "y_px": [100.0] * n,
            "x_px": [100.0 * (i + 1) + shift_px for i in range(n)],
            "label": labels,
            "model_label": labels,
            "status": ["model"] * n,
            "flags": [""] * n,
        }
    )


DRAWN = table(
    ["neutrophil_segmented"] * 24 + ["neutrophil_band"] * 2 + ["lymphocyte"] * 10 + ["monocyte"] * 4
)


def differential_check(cells: pd.DataFrame) -> str:
    return check_differential(DRAWN, cells, differential(cells), UM).status


def test_cells_at_most_3_um_away_are_found() -> None:
    near = check_cells(DRAWN, table(list(DRAWN["label"]), shift_px=29), UM)
    assert (near.status, near.details) == ("ok", {"drawn": 40, "found": 40, "not_drawn": 0})
    far = check_cells(DRAWN, table(list(DRAWN["label"]), shift_px=31), UM)
    assert (far.status, far.details) == ("failed", {"drawn": 40, "found": 0, "not_drawn": 40})


# 95 % of 40 are 38, 5 % are 2.
@pytest.mark.parametrize(("missing", "status"), [(2, "ok"), (3, "failed")])
def test_one_cell_in_twenty_may_be_missing(missing: int, status: str) -> None:
    assert check_cells(DRAWN, DRAWN.iloc[missing:], UM).status == status


@pytest.mark.parametrize(("more", "status"), [(2, "ok"), (3, "failed")])
def test_one_cell_in_twenty_may_be_too_many(more: int, status: str) -> None:
    assert check_cells(DRAWN, table(["lymphocyte"] * (40 + more)), UM).status == status


def test_no_cell_at_all_fails() -> None:
    assert check_cells(DRAWN, DRAWN.iloc[:0], UM).status == "failed"


def test_bands_and_segmented_are_one_row() -> None:
    labels = DRAWN["label"].replace("neutrophil_band", "neutrophil_segmented")
    found = check_differential(DRAWN, table(list(labels)), differential(table(list(labels))), UM)
    assert found.status == "ok"
    assert (found.details["identified"], found.details["right"]) == (40, 40)
    assert found.details["percent"]["neutrophil"] == {"drawn": 65.0, "found": 65.0}


def test_a_cell_in_ten_may_be_in_another_row() -> None:
    labels = list(DRAWN["label"])
    assert differential_check(table(["lymphocyte"] * 4 + labels[4:])) == "ok"
    assert differential_check(table(["lymphocyte"] * 5 + labels[5:])) == "failed"


def test_a_quarter_may_be_unidentified() -> None:
    labels = list(DRAWN["label"])
    every_fourth = [label if i % 4 else "unidentified" for i, label in enumerate(labels)]
    assert differential_check(table(every_fourth)) == "ok"
    every_third = [label if i % 3 else "unidentified" for i, label in enumerate(labels)]
    assert differential_check(table(every_third)) == "failed"


def test_a_drawn_share_outside_of_its_interval_fails() -> None:
    # All identified cells are right, but every monocyte, 10 % of those drawn, and six others are not identified: the
    # Wilson interval of 0 of 30 ends at 1.96² / (30 + 1.96²) = 11.4 %; that of 0 of 36, with the monocytes alone, at
    # 9.6 %.
    labels = list(DRAWN["label"])
    alone = [label if label != "monocyte" else "unidentified" for label in labels]
    assert differential_check(table(alone)) == "failed"
    assert differential_check(table(["unidentified"] * 6 + alone[6:])) == "ok"
