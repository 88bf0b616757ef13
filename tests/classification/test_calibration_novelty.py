import numpy as np
import pytest

from napari_wbc.classification.calibration import (
    expected_calibration_error,
    fit_temperature,
    set_log_likelihood,
)
from napari_wbc.classification.novelty import NoveltyReference, knn_distance, novelty_score, unit_length


def test_temperature_is_found_again():
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, 5))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = (probabilities.cumsum(axis=1) > random.random((len(logits), 1))).argmax(axis=1)
    members = np.eye(5, dtype=bool)[drawn]
    assert fit_temperature(logits * 3.0, members, np.ones(len(logits))) == pytest.approx(3.0, rel=0.05)


def test_set_likelihood_by_hand():
    logits = np.log([[0.5, 0.3, 0.2]])
    assert np.exp(set_log_likelihood(logits, np.array([[True, False, True]])))[0] == pytest.approx(0.7)


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, True, True, False])
    # Two bins of two: gaps 0.05 and 0.05.
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.05)
    assert expected_calibration_error(np.zeros(0), np.zeros(0, bool)) == 0.0


def test_cells_far_from_the_reference_are_novel():
    random = np.random.default_rng(0)
    centre = np.zeros(64)
    centre[0] = 5.0
    reference = unit_length(centre + random.normal(0, 0.3, (200, 64)))
    known = knn_distance(centre + random.normal(0, 0.3, (300, 64)), reference)
    unknown = knn_distance(random.normal(0, 1.0, (300, 64)), reference)
    quantiles = np.quantile(known, np.linspace(0, 1, 101))
    assert np.median(novelty_score(known, quantiles)) == pytest.approx(0.5, abs=0.05)
    assert novelty_score(unknown, quantiles).min() > 0.99


def test_few_reference_cells_are_enough():
    assert knn_distance(np.eye(3), unit_length(np.eye(3)[:2]), neighbours=10).shape == (3,)


def test_a_distance_does_not_depend_on_the_other_cells():
    random = np.random.default_rng(0)
    cells, reference = (np.abs(random.normal(size=(n, 1280))).astype(np.float32) for n in (16, 743))
    reference = unit_length(reference)
    distances = knn_distance(cells, reference)
    for _ in range(20):
        order = random.permutation(len(cells))
        np.testing.assert_array_equal(knn_distance(cells[order], reference), distances[order])
    for i in range(len(cells)):
        np.testing.assert_array_equal(knn_distance(cells[i : i + 1], reference), distances[i : i + 1])
    # Nor on the order of the reference cells: the sums are exact.
    np.testing.assert_array_equal(knn_distance(cells, random.permutation(reference)), distances)


def test_a_distance_by_hand():
    cells = np.array([[3.0, 4.0]])
    assert knn_distance(cells, np.eye(2), neighbours=1)[0] == pytest.approx(0.2, abs=1e-6)
    assert knn_distance(cells, np.eye(2), neighbours=2)[0] == pytest.approx(0.3, abs=1e-6)


def test_the_score_adds_standardised_parts():
    reference = NoveltyReference(
        np.eye(2), 1, {"distance": (0.1, 0.05), "energy": (-2.0, 0.5)}, np.array([0.0, 4.0]), np.array([0, 2])
    )
    logits = np.log([[1.0, 1e9, 2.0]])
    # Distance 0.2: two spreads. Energy over the first and the last class, -log 3: 0.9014 / 0.5 spreads.
    score = reference.score(logits, np.array([[3.0, 4.0]]))
    assert score[0] == pytest.approx(2.0 + (2.0 - np.log(3.0)) / 0.5, abs=1e-4)
    assert reference.novelty(score)[0] == pytest.approx(score[0] / 4.0)
