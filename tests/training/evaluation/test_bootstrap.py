import numpy as np
import pytest

from napari_wbc.training.evaluation.bootstrap import group_counts, mean_interval, paired_difference
from napari_wbc.training.evaluation.metrics import accuracy_of_counts, compare


def counts_of(correct, groups):
    """Counts of cells of one class, by group."""
    p = np.stack([correct, 1.0 - np.asarray(correct, float)], axis=1)
    return group_counts(compare(p, ["lymphocyte", "monocyte"], ["lymphocyte"] * len(p)), groups)


def test_counts_by_group_add_up():
    counts = counts_of([1, 0, 1, 1], ["b", "a", "b", "a"])
    assert counts.shape == (2, 2, 3)
    assert counts[0, 0].tolist() == [1, 1, 0]
    assert counts[1, 0].tolist() == [2, 0, 0]


def test_cells_of_one_group_count_as_one():
    random = np.random.default_rng(0)
    correct = np.repeat(random.random(20) < 0.7, 50)
    single = {("x", 0): counts_of(correct, [str(i) for i in range(1000)])}
    grouped = {("x", 0): counts_of(correct, [str(i // 50) for i in range(1000)])}
    narrow, wide = (mean_interval(r, statistic=accuracy_of_counts) for r in (single, grouped))
    assert narrow.value == wide.value == pytest.approx(correct.mean())
    # 20 independent groups: sqrt(p (1 - p) / 20) on either side, times 1.96.
    assert (wide.high - wide.low) / 2 == pytest.approx(
        1.96 * np.sqrt(wide.value * (1 - wide.value) / 20), rel=0.15
    )
    assert (wide.high - wide.low) > 5 * (narrow.high - narrow.low)


def test_a_paired_difference_is_narrower_than_its_parts():
    random = np.random.default_rng(1)
    base = random.random(300) < 0.6
    better = base | (random.random(300) < 0.2)
    groups = [str(i // 3) for i in range(300)]
    ours, theirs = {("x", 0): counts_of(better, groups)}, {("x", 0): counts_of(base, groups)}
    difference = paired_difference(ours, theirs, statistic=accuracy_of_counts)
    assert difference.value == pytest.approx(better.mean() - base.mean())
    assert 0 < difference.low < difference.value < difference.high
    alone = mean_interval(ours, statistic=accuracy_of_counts)
    assert difference.high - difference.low < alone.high - alone.low
    same = paired_difference(ours, ours)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_targets_weigh_the_same_and_seeds_widen_the_interval():
    many, few = ["g" + str(i) for i in range(200)], ["a", "b"]
    runs = {("large", 0): counts_of([1] * 200, many), ("small", 0): counts_of([0, 0], few)}
    assert mean_interval(runs, statistic=accuracy_of_counts).value == pytest.approx(0.5)
    seeds = {("large", s): counts_of([s != 1] * 200, many) for s in range(3)}
    spread = mean_interval(seeds, statistic=accuracy_of_counts)
    assert spread.value == pytest.approx(2 / 3)
    assert spread.low < 0.4
    assert spread.high == 1.0


def test_only_common_runs_are_compared_and_only_on_the_same_cells():
    groups = ["a", "b", "c"]
    ours = {("x", 0): counts_of([1, 1, 1], groups), ("y", 0): counts_of([0, 0, 0], groups)}
    theirs = {("x", 0): counts_of([1, 0, 1], groups)}
    assert paired_difference(ours, theirs, statistic=accuracy_of_counts).value == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="different cells"):
        paired_difference(ours, {("x", 0): counts_of([1, 1], ["a", "b"])})
