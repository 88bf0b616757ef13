import numpy as np
import pytest

from napari_wbc.training.evaluation.metrics import (
    FIVE_CLASSES,
    accuracy_of_counts,
    compare,
    f1_of_counts,
    macro_f1_of_counts,
    measure,
    recall_of_counts,
)

CLASSES = ["neutrophil_segmented", "neutrophil_band", "monocyte"]


def test_metrics_by_hand():
    probabilities = np.array([[0.4, 0.35, 0.25], [0.1, 0.3, 0.6], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
    m = measure(probabilities, CLASSES, ["neutrophil", "monocyte", "monocyte", "monocyte"])
    # The last one: 0.6 neutrophil against 0.4 monocyte, so one of three monocytes is missed.
    assert m.accuracy == pytest.approx(0.75)
    assert m.f1["monocyte"] == pytest.approx(2 * 2 / (3 + 2))
    assert m.f1["neutrophil"] == pytest.approx(2 * 1 / (1 + 2))
    assert m.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert m.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert m.recall == pytest.approx({"neutrophil": 1.0, "monocyte": 2 / 3})
    fine = measure(
        probabilities, CLASSES, ["neutrophil", "neutrophil_band", "monocyte", "monocyte"], level="fine"
    )
    assert fine.cells == 3


def test_an_absent_class_is_left_out_of_one_macro_f1_and_counts_as_0_in_the_other():
    probabilities = np.array([[0.9, 0.0, 0.1], [0.1, 0.0, 0.9]])
    m = measure(probabilities, CLASSES, ["neutrophil", "monocyte"], names=FIVE_CLASSES)
    assert m.macro_f1 == 1.0
    assert m.macro_f1_all == pytest.approx(2 / 5)


def test_a_prediction_outside_the_compared_classes_is_wrong_and_other_labels_are_left_out():
    classes = ["lymphocyte", "monocyte", "artifact"]
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.1, 0.7], [0.0, 0.9, 0.1], [1.0, 0.0, 0.0]])
    labels = ["lymphocyte", "lymphocyte", "monocyte", "artifact"]
    c = compare(probabilities, classes, labels, names=("lymphocyte", "monocyte"))
    assert c.rows.tolist() == [0, 1, 2]
    assert c.counts().tolist() == [[1, 0, 1], [0, 1, 0]]
    assert c.confidence.tolist() == [0.8, 0.7, 0.9]
    assert c.metrics().accuracy == pytest.approx(2 / 3)
    assert c.metrics().f1["lymphocyte"] == pytest.approx(2 / 3)


def test_counts_give_the_metrics_of_scikit_learn_for_many_matrices_at_once():
    counts = np.random.default_rng(0).integers(1, 20, (3, 4, 5))
    f1, recall = f1_of_counts(counts), recall_of_counts(counts)
    for one, f, r in zip(counts, f1, recall, strict=True):
        for c in range(4):
            hit, actual, predicted = one[c, c], one[c].sum(), one[:, c].sum()
            precision = hit / predicted
            assert r[c] == pytest.approx(hit / actual)
            assert f[c] == pytest.approx(2 * precision * r[c] / (precision + r[c]))
    assert macro_f1_of_counts(counts) == pytest.approx(f1.mean(axis=1))
    assert accuracy_of_counts(counts)[0] == pytest.approx(np.trace(counts[0, :, :4]) / counts[0].sum())


def test_counts_without_cells_have_no_f1():
    counts = np.zeros((2, 2, 3))
    counts[1, 0, 0] = 5
    assert np.isnan(macro_f1_of_counts(counts)[0])
    assert macro_f1_of_counts(counts)[1] == 1.0
    nothing = measure(np.zeros((0, 3)), CLASSES, [])
    assert nothing.cells == 0
    assert nothing.f1 == {}
