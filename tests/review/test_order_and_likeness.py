"""In which order cells are shown, and which ones look alike."""

import numpy as np
import pandas as pd
import pytest

from napari_wbc.differential.profile import load_profile
from napari_wbc.review.next_cells import CellSpace
from napari_wbc.review.order import (
    ORDERS,
    effect_on_differential,
    informativeness,
    label_choices,
    ordered_rows,
    rows_with,
)
from napari_wbc.review.similar import likely_rows, similar_rows, similarity, typical_rows

PROFILE = load_profile(None)


def table(rows):
    """label, status, p_neutrophil_segmented, p_neutrophil_band, p_basophil, novelty."""
    frame = pd.DataFrame(
        rows,
        columns=["label", "status", "p_neutrophil_segmented", "p_neutrophil_band", "p_basophil", "novelty"],
    )
    p = frame[["p_neutrophil_segmented", "p_neutrophil_band", "p_basophil"]]
    return frame.assign(
        confidence=p.max(axis=1), model_label=[c[2:] for c in p.columns[p.to_numpy().argmax(axis=1)]]
    )


CELLS = table(
    [
        ("neutrophil_segmented", "model", 0.55, 0.45, 0.00, 0.1),
        ("neutrophil_segmented", "model", 0.60, 0.00, 0.40, 0.2),
        ("neutrophil_band", "model", 0.10, 0.90, 0.00, 0.9),
        ("basophil", "model", 0.30, 0.00, 0.70, 0.3),
        ("unidentified", "model", 0.50, 0.00, 0.50, 0.5),
        ("basophil", "reviewed", 0.50, 0.00, 0.50, 0.6),
        ("basophil", "excluded", 0.50, 0.00, 0.50, 0.4),
    ]
)


def test_the_effect_is_that_of_the_formula():
    effect = effect_on_differential(CELLS, PROFILE)
    # Rows of the default profile: 3 neutrophils (bands are merged), 2 basophils that count.
    neutrophil, basophil = 1 / 4, 1 / 3
    assert effect == pytest.approx(
        [
            0.0,
            0.4 * (neutrophil + basophil),
            0.0,
            0.3 * (neutrophil + basophil),
            0.5 * neutrophil + 0.5 * basophil,
            0.0,
            0.0,
        ]
    )


def test_orders():
    assert ordered_rows(CELLS, "number", PROFILE).tolist() == list(range(7))
    assert ordered_rows(CELLS, "class", PROFILE).tolist() == [1, 0, 2, 3, 5, 6, 4]
    assert ordered_rows(CELLS, "confidence", PROFILE).tolist()[:3] == [4, 5, 6]
    assert ordered_rows(CELLS, "novelty", PROFILE).tolist()[0] == 2
    assert ordered_rows(CELLS, "effect", PROFILE).tolist()[:3] == [4, 1, 3]
    first = ordered_rows(CELLS, "informative", PROFILE).tolist()
    assert first[0] == 4
    assert set(first[-2:]) == {5, 6}
    assert (informativeness(CELLS, PROFILE)[[5, 6]] == -1).all()
    assert ordered_rows(CELLS, "novelty", PROFILE, among=np.array([0, 1])).tolist() == [1, 0]
    with pytest.raises(ValueError, match="no order"):
        ordered_rows(CELLS, "beauty", PROFILE)
    with pytest.raises(ValueError, match="needs to know"):
        ordered_rows(CELLS, "teaching", PROFILE)
    cells = CELLS.assign(cell_id=range(1, 8))
    nothing = CellSpace.of(np.zeros((0, 4)))
    for name in ORDERS:
        assert len(ordered_rows(cells.iloc[:0], name, PROFILE, space=nothing)) == 0
    space = CellSpace.of(np.random.default_rng(0).normal(size=(7, 4)))
    taught = ordered_rows(cells, "teaching", PROFILE, space=space).tolist()
    assert sorted(taught) == list(range(7))
    # Cells that somebody has looked at teach nothing more.
    assert set(taught[-2:]) == {5, 6}
    assert ordered_rows(cells, "teaching", PROFILE, among=np.array([0, 6]), space=space).tolist() == [0, 6]


def test_choices():
    choices = label_choices(CELLS, PROFILE)
    assert choices[-1] == "unidentified"
    assert {"neutrophil_band", "basophil", "erythroblast", "blast"} <= set(choices)
    assert "neutrophil" not in choices


def test_neighbours_are_the_nearest_that_nobody_has_looked_at():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 32))
    embeddings = np.repeat(centres, 10, axis=0) + 0.1 * rng.normal(size=(20, 32))
    cells = pd.DataFrame(
        {"label": "lymphocyte", "status": ["model"] * 20, "confidence": 0.9, "model_label": "lymphocyte"}
    )
    cells.loc[3, "status"] = "reviewed"
    rows, values = similar_rows(cells, embeddings.astype(np.float16), [0], most=9)
    assert set(rows[:8]) == {1, 2, 4, 5, 6, 7, 8, 9}
    assert (np.diff(values) <= 0).all()
    exact = embeddings @ embeddings[0] / np.linalg.norm(embeddings, axis=1) / np.linalg.norm(embeddings[0])
    assert similarity(embeddings, [0]) == pytest.approx(exact, abs=1e-5)
    assert similar_rows(cells, embeddings, [0], least=0.8)[0].max() < 10


def test_typical_cells_are_those_of_a_person_first():
    cells = pd.DataFrame(
        {
            "label": ["monocyte"] * 4 + ["lymphocyte"],
            "status": ["model", "reviewed", "excluded", "model", "model"],
            "confidence": [0.6, 0.2, 0.9, 0.9, 0.9],
            "model_label": ["monocyte", "lymphocyte", "monocyte", "monocyte", "lymphocyte"],
        }
    )
    embeddings = np.array([[1, 0.1], [1, 0.3], [1, 0], [1, 0.1], [0, 1]])
    assert typical_rows(cells, embeddings, "monocyte").tolist() == [1, 3, 0]
    assert len(typical_rows(cells, embeddings, "basophil")) == 0


def test_excluded_cells_can_be_left_out():
    cells = pd.DataFrame(
        {"label": ["lymphocyte", "monocyte", "lymphocyte"], "status": ["model", "excluded", "excluded"]}
    )
    assert rows_with(cells, None).tolist() == [0, 1, 2]
    assert rows_with(cells, None, excluded=False).tolist() == [0]
    assert rows_with(cells, ["monocyte"], excluded=False).tolist() == []


def test_likely_cells_of_a_class_that_nobody_has_looked_at():
    cells = table(
        [
            ("basophil", "model", 0.30, 0.00, 0.70, 0.3),
            ("basophil", "reviewed", 0.00, 0.00, 1.00, 0.3),
            ("neutrophil_segmented", "model", 0.60, 0.00, 0.40, 0.2),
            ("neutrophil_segmented", "model", 0.99, 0.00, 0.01, 0.2),
            ("neutrophil_band", "model", 0.40, 0.55, 0.05, 0.9),
            ("basophil", "excluded", 0.10, 0.00, 0.90, 0.9),
        ]
    )
    embeddings = np.eye(6, 4)
    rows, chance = likely_rows(cells, embeddings, "basophil")
    assert rows.tolist() == [0, 2, 4]
    assert chance.tolist() == [0.7, 0.4, 0.05]
    assert likely_rows(cells, embeddings, "basophil", most=1)[0].tolist() == [0]
    # A coarse class is as likely as its fine ones together.
    rows, chance = likely_rows(cells, embeddings, "neutrophil")
    assert rows.tolist() == [3, 4, 2, 0]
    assert chance == pytest.approx([0.99, 0.95, 0.6, 0.3])
    # One that the model does not know: what resembles the cells that a person labelled so.
    assert len(likely_rows(cells, embeddings, "hairy_cell")[0]) == 0
    cells.loc[1, "label"] = "hairy_cell"
    embeddings[4] = [0.0, 0.9, 0.1, 0.0]
    assert likely_rows(cells, embeddings, "hairy_cell")[0][0] == 4
