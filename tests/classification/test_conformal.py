import numpy as np
import pytest

from napari_wbc.classification.conformal import coarse_probabilities, conformal_threshold, prediction_sets


def test_threshold_by_hand():
    # Nine cells and the one in question: at a level of 0.8 the two lowest of ten may fall out.
    values = np.array([0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4, 0.5])
    assert conformal_threshold(values, np.ones(9), 0.8) == 0.2
    assert conformal_threshold(values, np.ones(9), 0.95) == 0.0, "nine cells cannot promise 95 %"


def test_a_lab_of_many_cells_counts_as_much_as_one_of_few():
    many, few = np.full(900, 0.9), np.full(100, 0.1)
    values = np.concatenate([many, few])
    assert conformal_threshold(values, np.ones(1000), 0.8) == 0.9
    weights = np.concatenate([np.full(900, 0.5 / 900), np.full(100, 0.5 / 100)])
    assert conformal_threshold(values, weights, 0.8) == 0.1


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_sets_hold_the_right_class_as_often_as_they_say(level):
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.full(5, 0.4), 8000)
    # Far from calibrated on purpose: the promise does not rest on that.
    truth = (probabilities.cumsum(axis=1) > random.random((8000, 1))).argmax(axis=1)
    probabilities = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    fitted, tested = slice(0, 4000), slice(4000, None)
    threshold = conformal_threshold(
        probabilities[fitted][np.arange(4000), truth[fitted]], np.ones(4000), level
    )
    held = prediction_sets(probabilities[tested], threshold)[np.arange(4000), truth[tested]]
    assert held.mean() == pytest.approx(level, abs=0.02)


def test_coarse_classes_add_up():
    names, sums = coarse_probabilities(
        np.array([[0.2, 0.3, 0.5], [0.0, 0.1, 0.9]]), ["metamyelocyte", "lymphocyte", "promyelocyte"]
    )
    assert names == ("immature_granulocyte", "lymphocyte")
    np.testing.assert_allclose(sums, [[0.7, 0.3], [0.9, 0.1]])
