"""Which cells are asked for: every class early, doubtful cells before sure ones, chance cells in between."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_wbc.review.next_cells import CHANCE_EVERY, CellSpace, chance_order, next_cells

NAMES = ["neutrophil_segmented", "lymphocyte", "basophil"]


@pytest.fixture
def slide():
    """300 cells of three classes in three clouds; basophils are rare."""
    rng = np.random.default_rng(0)
    kinds = np.repeat([0, 1, 2], [200, 90, 10])
    rng.shuffle(kinds)
    embeddings = rng.normal(0, 0.3, (300, 32))
    embeddings[np.arange(300), kinds] += 3
    sure = rng.uniform(0.4, 1.0, 300)
    chances = np.full((300, 3), 0.0)
    for i, kind in enumerate(kinds):
        chances[i] = (1 - sure[i]) / 2
        chances[i, kind] = sure[i]
    labels = np.array(NAMES, object)[kinds]
    cells = pd.DataFrame(
        {
            "cell_id": np.arange(1, 301),
            "label": labels,
            "model_label": labels,
            "confidence": sure,
            "status": "model",
            **{f"p_{name}": chances[:, i] for i, name in enumerate(NAMES)},
        }
    )
    return cells, CellSpace.of(embeddings), kinds


def _label(cells: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    cells = cells.copy()
    cells.loc[rows, "status"] = "reviewed"
    return cells


def test_every_class_is_asked_for_at_once_and_no_cell_twice(slide):
    cells, space, kinds = slide
    rows = next_cells(cells, space, most=40)
    assert len(set(rows)) == len(rows) == 40
    assert set(kinds[rows[:3]]) == {0, 1, 2}
    # turns, not shares of the slide: a third of the labels go to the class that is 3 % of it
    assert (kinds[rows[:21]] == 2).sum() >= 6


def test_a_typical_cell_of_a_class_comes_before_a_doubtful_one_on_its_rim(slide):
    cells, space, kinds = slide
    first = next_cells(cells, space, most=9)
    middle = {kind: space.points[kinds == kind].mean(axis=0) for kind in (0, 1)}
    for kind in (0, 1):
        likeness = space.points[kinds == kind] @ middle[kind]
        asked = space.points[next(r for r in first if kinds[r] == kind)] @ middle[kind]
        assert asked > np.median(likeness)


def test_later_doubtful_cells_come_first(slide):
    cells, space, _ = slide
    cells = _label(cells, next_cells(cells, space, most=30))
    chance = set(chance_order(cells)[:40])
    asked = [r for r in next_cells(cells, space, most=20) if r not in chance]
    still_open = cells["status"] == "model"
    assert cells["confidence"][asked].mean() < cells["confidence"][still_open].mean() - 0.1


def test_every_tenth_is_drawn_by_chance_whatever_the_model_says(slide):
    cells, space, _ = slide
    rows = next_cells(cells, space, most=200)
    fair = chance_order(cells)
    assert set(fair[: 200 // CHANCE_EVERY]) <= set(rows)
    other = cells.assign(label="lymphocyte", model_label="lymphocyte")
    tenth = slice(CHANCE_EVERY - 1, None, CHANCE_EVERY)
    first_drawn = rows[tenth][0]
    assert next_cells(other, space, most=200)[tenth][0] == first_drawn == fair[0]


def test_all_cells_in_the_end_and_none_when_none_is_left(slide):
    cells, space, _ = slide
    assert sorted(next_cells(cells, space, most=1000)) == list(range(300))
    assert len(next_cells(cells.assign(status="reviewed"), space)) == 0


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_cells(slide, n):
    cells = slide[0].iloc[:n]
    space = CellSpace.of(np.random.default_rng(0).normal(size=(n, 8)))
    assert sorted(next_cells(cells, space)) == list(range(n))


def test_embeddings_of_another_slide_are_refused(slide):
    cells, _, _ = slide
    with pytest.raises(ValueError, match="2 embeddings for 300 cells"):
        next_cells(cells, CellSpace.of(np.eye(2)))


def _with_bands(cells: pd.DataFrame) -> pd.DataFrame:
    """The model tells bands from segmented neutrophils; for neutrophils it doubts hardly anything else."""
    sure = cells["p_neutrophil_segmented"].to_numpy()
    is_neutrophil = (cells["label"] == "neutrophil_segmented").to_numpy()
    return cells.assign(
        p_neutrophil_segmented=np.where(is_neutrophil, 0.5, sure),
        p_neutrophil_band=np.where(is_neutrophil, 0.49, 0.0),
        p_lymphocyte=np.where(is_neutrophil, 0.01, cells["p_lymphocyte"]),
        p_basophil=np.where(is_neutrophil, 0.0, cells["p_basophil"]),
    )


def test_a_coarse_label_counts_for_the_fine_classes_that_the_model_names(slide):
    cells, space, kinds = slide
    rows = [*np.flatnonzero(kinds == 0)[:30], *np.flatnonzero(kinds == 1)[:3]]
    fine = _label(cells, rows)
    coarse = fine.assign(
        label=fine["label"].where(fine["status"] == "model", fine["label"].str.split("_").str[0])
    )
    asked = next_cells(coarse, space, most=3)
    # three labels of lymphocytes, none of basophils, thirty of neutrophils: these come last
    assert [NAMES[kinds[r]] for r in asked] == ["basophil", "lymphocyte", "neutrophil_segmented"]
    np.testing.assert_array_equal(asked, next_cells(fine, space, most=3))


def test_bands_or_not_is_no_doubt_where_neutrophils_are_labelled_as_such(slide):
    cells, space, kinds = slide
    cells = _with_bands(cells)
    sixty = np.flatnonzero(kinds == 0)[:60]
    still_open = np.setdiff1d(np.flatnonzero(kinds == 0), sixty)
    doubtful = still_open[space.density[still_open].argmax()]
    cells.loc[doubtful, ["p_neutrophil_segmented", "p_neutrophil_band", "p_lymphocyte"]] = [0.54, 0.0, 0.46]
    fine = _label(cells, sixty)
    coarse = fine.assign(label=fine["label"].where(fine["status"] == "model", "neutrophil"))
    place = {}
    for name, table in (("fine", fine), ("coarse", coarse)):
        order = [r for r in next_cells(table, space, most=300) if kinds[r] == 0]
        place[name] = order.index(doubtful)
    assert place["coarse"] == 0 < place["fine"]
