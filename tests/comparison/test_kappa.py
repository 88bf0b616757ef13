"""Kappa against published tables and against statsmodels and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_wbc.comparison.kappa import class_distances, cohen_kappa

#: Two raters, three classes: the example of SAS PROC FREQ.
SAS = [[0, 4, 1], [0, 8, 0], [0, 1, 5]]
#: Diagnoses of 100 patients by two raters: Fleiss, Statistical Methods for Rates and Proportions, table 13.1.
FLEISS = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
LINEAR = np.abs(np.subtract.outer(range(3), range(3)))


def test_plain_kappa_as_sas_prints_it():
    found = cohen_kappa(SAS)
    assert (found.value, found.error) == pytest.approx((0.4842, 0.1380), abs=5e-5)
    assert (found.low, found.high) == pytest.approx((0.2137, 0.7547), abs=5e-5)


def test_weighted_kappa_as_sas_prints_it():
    found = cohen_kappa(SAS, LINEAR)
    assert (found.value, found.error) == pytest.approx((0.4701, 0.1457), abs=5e-5)
    assert (found.low, found.high) == pytest.approx((0.1845, 0.7558), abs=5e-5)


def test_kappa_of_fleiss():
    found = cohen_kappa(FLEISS)
    assert found.value == pytest.approx(0.68, abs=0.005)
    assert found.error == pytest.approx(0.087, abs=0.001)
    assert found.n == 100


def test_as_statsmodels_has_it():
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    table = np.random.default_rng(0).integers(1, 30, (5, 5)) + 40 * np.eye(5, dtype=int)
    weights = np.abs(np.subtract.outer(range(5), range(5))) ** 2
    for costs, theirs in (
        (None, inter_rater.cohens_kappa(table)),
        (weights, inter_rater.cohens_kappa(table, weights)),
    ):
        ours = cohen_kappa(table, costs)
        assert (ours.value, ours.error) == pytest.approx((theirs.kappa, theirs.std_kappa), rel=1e-9)


def test_as_scikit_learn_has_it():
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(1)
    a, b = random.integers(0, 4, (2, 200))
    table = np.zeros((4, 4), int)
    np.add.at(table, (a, b), 1)
    assert cohen_kappa(table).value == pytest.approx(metrics.cohen_kappa_score(a, b))
    linear = np.abs(np.subtract.outer(range(4), range(4)))
    assert cohen_kappa(table, linear).value == pytest.approx(
        metrics.cohen_kappa_score(a, b, weights="linear")
    )


def test_ends():
    assert cohen_kappa([[5, 0], [0, 5]]).value == 1.0
    assert cohen_kappa([[0, 5], [5, 0]]).value == -1.0
    assert math.isnan(cohen_kappa([[7, 0], [0, 0]]).value)
    assert math.isnan(cohen_kappa(np.zeros((2, 2))).value)
    with pytest.raises(ValueError, match="not square"):
        cohen_kappa([[1, 2, 3], [4, 5, 6]])


def test_a_neighbouring_stage_weighs_less_than_a_distant_one():
    names = ["neutrophil_segmented", "neutrophil_band", "promyelocyte", "lymphocyte", "neutrophil"]
    costs = class_distances(names)
    assert costs[0].tolist() == pytest.approx([0, 0.2, 0.8, 1, 0.1])
    assert (costs == costs.T).all()
    near, far = [[10, 3, 0], [0, 10, 0], [0, 0, 10]], [[10, 0, 3], [0, 10, 0], [0, 0, 10]]
    assert cohen_kappa(near, costs[:3, :3]).value > cohen_kappa(far, costs[:3, :3]).value
    assert cohen_kappa(near).value == pytest.approx(cohen_kappa(far).value)


def test_no_cell_has_no_kappa():
    found = cohen_kappa(np.zeros((2, 2)))
    assert found.n == 0
    assert all(math.isnan(value) for value in (found.value, found.low, found.high, found.error))
