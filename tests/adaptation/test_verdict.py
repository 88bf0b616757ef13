import numpy as np
import pytest

from napari_wbc.adaptation.measure import before_and_after, compared, probability_of_label
from napari_wbc.adaptation.verdict import Guard, Judged, guard_of, judge

CLASSES = ("neutrophil_segmented", "neutrophil_band", "monocyte", "basophil")


def said(labels, right, sure=0.9):
    """Probabilities of a model that is right about some cells and takes the others for the next class."""
    place = np.array([CLASSES.index(x) for x in labels])
    p = np.full((len(labels), len(CLASSES)), (1 - sure) / (len(CLASSES) - 1))
    p[np.arange(len(labels)), np.where(right, place, (place + 2) % len(CLASSES))] = sure
    return p


def judged(n=60, before=0.5, after=0.9, seed=0):
    random = np.random.default_rng(seed)
    labels = np.array([CLASSES[i % 4] for i in range(n)])
    parts = [said(labels, random.permutation(n) < share * n) for share in (before, after)]
    return Judged(
        labels, np.array([f"s{i // 4}" for i in range(n)]), np.array([f"c{i}" for i in range(n)]), *parts
    )


def guard(before=0.95, after=0.95, error=0.005):
    return Guard(100, before, after, {"a": (before, after)}, error)


def test_a_clear_gain_is_accepted():
    verdict = judge(judged(), CLASSES, guard(), largest_loss=0.01)
    assert verdict.accepted
    assert verdict.measures["accuracy"].before.value == pytest.approx(0.5)
    assert verdict.measures["accuracy"].after.value == pytest.approx(0.9)
    assert verdict.measures["balanced_accuracy"].difference.low > 0
    assert "accepted" in verdict.text()


def test_forgetting_is_refused_whatever_is_gained():
    verdict = judge(judged(), CLASSES, guard(0.95, 0.93), largest_loss=0.01)
    assert not verdict.accepted
    assert "accuracy falls by 2.0 (± 0.5) points" in verdict.reasons[0]


def test_what_the_guard_cannot_tell_from_the_limit_passes():
    assert judge(judged(), CLASSES, guard(0.95, 0.936), largest_loss=0.01).accepted
    assert not judge(judged(), CLASSES, guard(0.95, 0.936, error=0.003), largest_loss=0.01).accepted


def test_the_error_of_the_guard_is_that_of_paired_cells():
    before = np.tile([0.9, 0.05, 0.03, 0.02], (100, 1))
    after = before.copy()
    after[:4] = [0.05, 0.9, 0.03, 0.02]
    labels, domains = np.array([CLASSES[0]] * 100), np.array(["a"] * 100)
    found = guard_of(CLASSES, labels, domains, before, after)
    assert found.lost == pytest.approx(0.04)
    assert found.error == pytest.approx(np.sqrt(0.04 * 0.96 / 100))
    assert found.forgets(0.01)
    assert not found.forgets(0.03)


@pytest.mark.parametrize(("before", "after"), [(0.9, 0.9), (0.9, 0.5)])
def test_what_is_no_better_is_refused_with_advice(before, after):
    verdict = judge(judged(before=before, after=after), CLASSES, guard(), largest_loss=0.01)
    assert not verdict.accepted
    assert verdict.advice


def test_a_gain_of_few_cells_is_called_chance():
    verdict = judge(judged(n=16, before=0.75, after=0.8125, seed=2), CLASSES, guard(), largest_loss=0.01)
    assert "by chance" in verdict.reasons[0]
    assert any("few labels of" in text for text in verdict.advice)


def test_a_rare_gain_does_not_pay_for_the_common_cells():
    labels = np.array(["monocyte"] * 90 + ["basophil"] * 10)
    right = np.ones(100, bool)
    before, after = right.copy(), right.copy()
    before[90:] = False
    after[:8] = False
    cells = Judged(
        labels, np.array([str(i) for i in range(100)]), np.array([str(i) for i in range(100)]),
        said(labels, before), said(labels, after),
    )  # fmt: skip
    verdict = judge(cells, CLASSES, guard(), largest_loss=0.01)
    # 90 % right before, 92 % after: accepted, as more is right in all.
    assert verdict.accepted
    after[:12] = False
    worse = Judged(cells.labels, cells.groups, cells.names, cells.before, said(labels, after))
    assert "fewer cells are right in all" in judge(worse, CLASSES, guard(), largest_loss=0.01).reasons[0]


def test_coarse_and_fine_labels_are_judged_side_by_side():
    labels = np.array(["neutrophil", "neutrophil_band", "neutrophil_band", "monocyte"])
    p = np.array([[0.5, 0.4, 0.1, 0], [0.3, 0.6, 0.1, 0], [0.6, 0.3, 0.1, 0], [0.5, 0.1, 0.4, 0]])
    comparison = compared(p, CLASSES, labels)
    assert comparison.correct.tolist() == [True, True, False, False]
    # A segmented neutrophil is no band; it would have been right for "neutrophil".
    assert comparison.names[comparison.predicted[2]] == "neutrophil"


def test_intervals_rest_on_slides_and_not_on_cells():
    cells = judged(n=200, before=0.5, after=0.7)
    one = [compared(p, CLASSES, cells.labels) for p in (cells.before, cells.after)]
    alone = before_and_after(*one, np.array([str(i) for i in range(200)]))["accuracy"].after
    # Two slides, all of one right and none of the other.
    right = np.arange(200) < 100
    after = compared(said(cells.labels, right), CLASSES, cells.labels)
    two = before_and_after(one[0], after, np.where(right, "a", "b"))["accuracy"].after
    assert two.high - two.low > 3 * (alone.high - alone.low)


def test_a_surer_model_is_a_better_one_and_a_wrong_label_decides_nothing():
    labels = np.array([CLASSES[i % 4] for i in range(40)])
    groups = np.array([str(i) for i in range(40)])
    right = np.ones(40, bool)
    surer = probability_of_label(said(labels, right, 0.6), said(labels, right, 0.95), CLASSES, labels, groups)
    assert surer.before.value == pytest.approx(0.6)
    assert surer.better > 0.99
    wrong = said(labels, right, 0.999999)
    wrong[0] = wrong[1]
    assert probability_of_label(wrong, wrong, CLASSES, labels, groups).after.value > 0.8


def test_labels_that_the_others_contradict_are_named():
    cells = judged(after=0.8)
    verdict = judge(cells, CLASSES, guard(), largest_loss=0.01)
    assert len(verdict.suspects) == 12
    assert any("contradict" in text for text in verdict.warnings)
