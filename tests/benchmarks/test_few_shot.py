"""What the benchmarks of labels draw, spoil and count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks.few_shot import acquisition, guard
from benchmarks.few_shot.acquisition import labels_needed

from napari_wbc.adaptation.cells import LabelledCells, find_copies
from napari_wbc.training.evaluation.metrics import FIVE_CLASSES


@pytest.fixture
def cells():
    """40 unlike images, 20 neutrophils, 12 lymphocytes, 8 monocytes."""
    random = np.random.default_rng(0)
    rough = random.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    crops = rough.repeat(20, axis=1).repeat(20, axis=2)
    labels = np.repeat(["neutrophil", "lymphocyte", "monocyte"], [20, 12, 8])
    names = np.array([str(i) for i in range(40)])
    return LabelledCells(crops, labels, names, names)


def spoiled(case, cells, seed=0):
    return guard.CASES[case](cells, np.random.default_rng(seed))


def test_a_fifth_is_wrong_and_no_more(cells):
    assert (spoiled("20 % wrong", cells).labels != cells.labels).sum() == 8


def test_shuffled_labels_are_the_same_ones_on_other_cells(cells):
    given = spoiled("all shuffled", cells)
    assert given.counts() == cells.counts()
    assert (given.labels != cells.labels).mean() > 0.4


def test_one_class_and_two_labels(cells):
    assert spoiled("one class only", cells).counts() == {"neutrophil": 20}
    assert spoiled("one class and four of another", cells).counts() == {"neutrophil": 20, "lymphocyte": 4}
    assert set(spoiled("two labels in all", cells).counts().values()) == {1}


def test_copies_saved_again_are_other_pixels_that_are_found_as_the_same_cell(cells):
    given = spoiled("every cell twice, a fifth with another label", cells)
    assert len(given) == 80
    assert (given.crops[:40] != given.crops[40:]).any()
    found = find_copies(given)
    assert len(found.contradicting) == 8
    assert len(found.kept) == 32


def test_photographs_come_with_a_class_each_or_by_chance(cells):
    given = spoiled("photographs, a class for each", cells)
    assert given.labels[:5].tolist() == list(FIVE_CLASSES)
    by_chance = spoiled("photographs, labels by chance", cells)
    assert by_chance.counts() == given.counts()
    assert (by_chance.labels != given.labels).any()


def test_labels_needed_are_the_fewest_that_reach_the_score():
    assert labels_needed([0, 10, 20, 30], [0.5, 0.7, 0.6, 0.9], 0.7) == 10
    assert labels_needed([0, 10], [0.5, 0.6], 0.5) == 0
    assert labels_needed([0, 10], [0.5, 0.6], 0.7) is None


def test_curves_begin_at_the_source_and_share_it():
    rows = pd.DataFrame(
        [("", 0, 0.5), ("", -1, 1.0), ("ours", 10, 0.8), ("random", 10, 0.6)],
        columns=["order", "labels", "accuracy"],
    ).assign(draw=0)
    found = acquisition.curves(rows, "accuracy")
    assert {order: curve.loc[0].tolist() for order, curve in found.items()} == {
        "ours": [0.5, 0.8],
        "random": [0.5, 0.6],
    }


def test_cells_are_thinned_out_to_the_mix_of_a_smear():
    labels = np.repeat(["neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil"], 400)
    chosen = acquisition.thinned_out(np.random.default_rng(0).permutation(labels))
    assert len(set(chosen)) == len(chosen)
    permuted = np.random.default_rng(0).permutation(labels)[chosen]
    # 400 neutrophils are 60 % of 667 cells
    assert {k: int((permuted == k).sum()) for k in np.unique(labels)} == {
        "neutrophil": 400, "lymphocyte": 193, "monocyte": 40, "eosinophil": 20, "basophil": 7,
    }  # fmt: skip
