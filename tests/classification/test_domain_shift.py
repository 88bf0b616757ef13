import numpy as np
import pytest

from napari_wbc.classification.domain_shift import LEAST_CELLS, DomainReference

CLASSES = ("neutrophil", "lymphocyte")


@pytest.fixture
def reference():
    """Two domains in the plane of the first two of four numbers; the classes differ in the third."""
    basis = np.eye(4)[:, :2]
    means = np.array([[[0.0, 0.0], [0.2, 0.0]], [[0.0, 0.8], [0.2, 0.8]]])
    return DomainReference(
        ("barcelona", "tehran"), CLASSES, basis, means, np.array([10.0, 1000.0]), np.array([0.4, 0.1])
    )


def cells(place, n, seed=0):
    x, y = place
    rows = np.tile([x, y, np.sqrt(1 - x * x - y * y), 0.0], (n, 1))
    return rows + np.random.default_rng(seed).normal(0, 0.01, rows.shape)


def test_a_slide_of_a_training_domain_is_near_it(reference):
    embeddings = np.concatenate([cells((0.0, 0.8), 50), cells((0.2, 0.8), 50)])
    shift = reference.shift(embeddings, ["neutrophil_segmented"] * 50 + ["lymphocyte"] * 50)
    assert (shift.nearest, shift.cells, shift.beyond) == ("tehran", 100, False)
    assert shift.ratio < 0.1


def test_a_strange_class_mix_is_no_strange_slide(reference):
    shift = reference.shift(cells((0.2, 0.0), 200), ["lymphocyte"] * 200)
    assert shift.nearest == "barcelona"
    assert shift.ratio < 0.1


def test_a_slide_of_no_training_domain_is_beyond(reference):
    shift = reference.shift(cells((0.0, 0.4), 200), ["neutrophil_band"] * 200)
    assert shift.beyond
    # The limit lies halfway on a scale of logarithms: 200 cells are log(20)/log(100) of the way from 10 to 1000.
    limit = 0.4 - 0.3 * np.log(20) / np.log(100)
    assert shift.ratio == pytest.approx(0.4 / limit, abs=0.05)
    assert shift.to_dict() == {"nearest": shift.nearest, "ratio": round(shift.ratio, 2), "cells": 200}


def test_few_cells_say_nothing_and_platelets_do_not_count(reference):
    labels = ["neutrophil_band"] * (LEAST_CELLS - 1) + ["platelet"] * 100
    assert reference.shift(cells((0.0, 0.4), len(labels)), labels) is None
    assert reference.shift(cells((0.0, 0.4), 50), ["neutrophil_band"] * 50).cells == 50
    assert reference.shift(np.zeros((0, 4)), []) is None
