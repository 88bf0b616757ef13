"""Counts of what a model makes of known cells, and matrices drawn from them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wbc.classification.bundle import load_model
from napari_wbc.confusion import Confusion, confusion_problem
from napari_wbc.leukocytes import UNIDENTIFIED

SAID = ("neutrophil_segmented", "neutrophil_band", "lymphocyte", "erythroblast", UNIDENTIFIED)


def confusion(cells: int = 10_000) -> Confusion:
    """Two laboratories; neutrophils are called lymphocytes in 1 of 10 and 3 of 10 cases."""
    tenth = cells // 10
    return Confusion(
        SAID,
        {
            "a": {
                "neutrophil": [8 * tenth, 1 * tenth, 1 * tenth, 0, 0],
                "lymphocyte": [0, 0, 10 * tenth, 0, 0],
            },
            "b": {"neutrophil": [5 * tenth, 1 * tenth, 3 * tenth, 0, tenth]},
        },
        {
            "a": {
                "neutrophil_segmented": [9 * tenth, tenth, 0, 0, 0],
                "neutrophil_band": [5 * tenth, 5 * tenth, 0, 0, 0],
                "erythroblast": [0, 0, 2 * tenth, 8 * tenth, 0],
            }
        },
    )


def test_rows_are_those_of_one_laboratory_each():
    known = confusion()
    assert known.classes == SAID[:-1]
    matrices = known.draw(400, np.random.default_rng(1))
    assert matrices.shape == (400, 4, 5)
    assert matrices.sum(axis=2) == pytest.approx(np.ones((400, 4)))
    called_lymphocyte = matrices[:, 0, 2]
    near_a, near_b = np.abs(called_lymphocyte - 0.1) < 0.02, np.abs(called_lymphocyte - 0.3) < 0.02
    assert (near_a | near_b).all()
    assert 120 < near_a.sum() < 280, "each laboratory with the same chance"
    # What the laboratory says of the neutrophil, split as the held-out cells split it: 0.9 * 0.9 and 0.9 * 0.5.
    in_a = matrices[near_a]
    assert in_a[:, 0, 0].mean() == pytest.approx(0.81, abs=0.01)
    assert in_a[:, 1, 0].mean() == pytest.approx(0.45, abs=0.01)
    # A class that no laboratory left out shows goes by the held-out cells; one that only one laboratory shows by that.
    assert matrices[:, 3, 3].mean() == pytest.approx(0.8, abs=0.01)
    assert matrices[near_b][:, 2, 2].mean() == pytest.approx(1.0, abs=0.01)


def test_few_cells_make_the_matrices_scatter():
    few = confusion(40).draw(300, np.random.default_rng(2))[:, 3, 3]
    many = confusion(10_000).draw(300, np.random.default_rng(2))[:, 3, 3]
    # The standard deviation of a share of 0.8 of 40 cells is sqrt(0.8 * 0.2 / 41) = 0.062.
    assert few.std() == pytest.approx(0.062, rel=0.2)
    assert many.std() < 0.01


def test_a_class_that_nobody_measured_is_left_out():
    rows = {"a": {"neutrophil": [5, 1, 0, 0, 0], "lymphocyte": [0, 0, 50, 0, 2]}}
    assert Confusion(SAID, rows, {}).classes == ("lymphocyte",)


def test_an_adapted_model_does_not_inherit_it():
    entry = confusion().to_dict()
    info = {"confusion": entry, "classes": [*SAID[:-1], "platelet"]}
    assert Confusion.of(info) == Confusion(SAID, entry["unseen"], entry["held_out"])
    assert Confusion.of({**info, "adaptation": {}}) is None
    assert Confusion.of({**info, "classes": [*info["classes"], "hairy_cell"]}) is None
    assert confusion_problem(entry, [*info["classes"], "hairy_cell"]) == ""
    assert Confusion.of({"classes": []}) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"said": ["hairy_cell"]}, "lists other classes"),
        ({"unseen": []}, "no laboratories in unseen"),
        ({"held_out": {"a": {"lymphocyte": [1, 2]}}}, "not 5 counts"),
        ({"held_out": {"a": {"lymphocyte": [1, 2, 3, 4, -1]}}}, "not 5 counts"),
        ({"further": 1}, "does not hold"),
    ],
)
def test_a_broken_entry_is_named(change, words):
    classes = [*SAID[:-1], "platelet"]
    assert confusion_problem(confusion().to_dict(), classes) == ""
    assert words in confusion_problem({**confusion().to_dict(), **change}, classes)


def test_the_shipped_model_has_one():
    info = load_model("robust").info
    known = Confusion.of(info)
    assert known is not None
    assert set(known.laboratories) == {d["name"] for d in info["training_domains"]}
    assert known.classes == known.said[:-1], "every class was measured"
    right = np.diagonal(known.draw(200, np.random.default_rng(0)).mean(axis=0))
    # The weakest are metamyelocytes: 28 of 100 held-out ones.
    assert dict(zip(known.classes, right.round(1), strict=True))["metamyelocyte"] == 0.3
    assert right.min() > 0.2
