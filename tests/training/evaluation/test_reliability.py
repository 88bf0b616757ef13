import numpy as np
import pytest

from napari_wbc.classification.calibration import expected_calibration_error
from napari_wbc.training.evaluation.reliability import reliability, risk_coverage


def test_bins_by_hand():
    confidence = np.array([0.1, 0.2, 0.9, 1.0])
    r = reliability(confidence, np.array([True, False, True, True]), bins=2)
    assert r.cells.tolist() == [2, 2]
    assert r.confidence == pytest.approx([0.15, 0.95])
    assert r.accuracy.tolist() == [0.5, 1.0]
    assert r.calibration_error == pytest.approx((0.35 + 0.05) / 2)


def test_the_error_of_the_bins_is_the_expected_calibration_error():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.2, 1.0, 500)
    correct = random.random(500) < confidence
    r = reliability(confidence, correct)
    assert r.calibration_error == pytest.approx(expected_calibration_error(confidence, correct))
    assert r.to_dict()["confidence"][0] is None


def test_the_least_confident_cells_abstain_first():
    confidence = np.linspace(0.0, 1.0, 100)
    curve = risk_coverage(confidence, confidence > 0.495)
    assert curve.risk[-1] == pytest.approx(0.5)
    assert curve.accuracy_at(0.5) == pytest.approx(1.0)
    assert curve.accuracy_at(0.8) == pytest.approx(50 / 80)


def test_a_confidence_that_says_nothing_gains_nothing():
    correct = np.arange(100) % 4 > 0
    curve = risk_coverage(np.full(100, 0.7), correct)
    assert curve.risk == pytest.approx(0.25)
    assert curve.area == pytest.approx(0.25)


def test_no_cells():
    assert np.isnan(risk_coverage(np.zeros(0), np.zeros(0, bool)).area)
    assert reliability(np.zeros(0), np.zeros(0, bool)).calibration_error == 0.0
