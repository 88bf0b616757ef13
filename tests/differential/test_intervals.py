"""Intervals against the vectors of the field, and percentages that sum to 100."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_wbc.differential.intervals import (
    cells_to_settle,
    chance_to_miss,
    clopper_pearson,
    largest_remainder,
    share_interval,
    wilson,
)

# observed %, n, Clopper-Pearson low and high, Wilson low and high; 95 %, in percent.
VECTORS = [
    (0, 100, 0, 3.6, 0, 3.7),
    (0, 200, 0, 1.8, 0, 1.9),
    (0, 400, 0, 0.9, 0, 1.0),
    (0, 1000, 0, 0.4, 0, 0.4),
    (1, 100, 0.0, 5.4, 0.2, 5.4),
    (1, 200, 0.1, 3.6, 0.3, 3.6),
    (1, 400, 0.3, 2.5, 0.4, 2.5),
    (1, 1000, 0.5, 1.8, 0.5, 1.8),
    (5, 100, 1.6, 11.3, 2.2, 11.2),
    (5, 200, 2.4, 9.0, 2.7, 9.0),
    (5, 400, 3.1, 7.6, 3.3, 7.6),
    (5, 1000, 3.7, 6.5, 3.8, 6.5),
    (20, 100, 12.7, 29.2, 13.3, 28.9),
    (20, 200, 14.7, 26.2, 15.0, 26.1),
    (20, 400, 16.2, 24.3, 16.4, 24.2),
    (20, 1000, 17.6, 22.6, 17.6, 22.6),
    (50, 100, 39.8, 60.2, 40.4, 59.6),
    (50, 200, 42.9, 57.1, 43.1, 56.9),
    (50, 400, 45.0, 55.0, 45.1, 54.9),
    (50, 1000, 46.9, 53.1, 46.9, 53.1),
]


@pytest.mark.parametrize(("percent", "n", "exact_low", "exact_high", "wilson_low", "wilson_high"), VECTORS)
def test_published_limits(percent, n, exact_low, exact_high, wilson_low, wilson_high):
    count = percent * n // 100
    assert [round(100 * x, 1) for x in clopper_pearson(count, n)] == [exact_low, exact_high]
    assert [round(100 * x, 1) for x in wilson(count, n)] == [wilson_low, wilson_high]


@pytest.mark.parametrize("method", ["wilson", "clopper_pearson"])
def test_none_and_all_are_exact_bounds(method):
    assert share_interval(0, 50, method)[0] == 0.0
    assert share_interval(50, 50, method)[1] == 1.0
    low, high = share_interval(0, 50, method)
    mirrored_low, mirrored_high = share_interval(50, 50, method)
    assert (1 - mirrored_high, 1 - mirrored_low) == pytest.approx((low, high))


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 100_000), st.floats(0, 1), st.sampled_from(["wilson", "clopper_pearson"]))
def test_interval_holds_its_share(n, share, method):
    count = round(share * n)
    low, high = share_interval(count, n, method)
    assert 0 <= low <= count / n <= high <= 1
    assert low < high


@pytest.mark.parametrize(
    ("count", "n", "confidence"), [(0, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0)]
)
def test_impossible_input_is_refused(count, n, confidence):
    for method in ("wilson", "clopper_pearson"):
        with pytest.raises(ValueError, match="must be"):
            share_interval(count, n, method, confidence)


def test_unknown_method_is_refused():
    with pytest.raises(ValueError, match="wilson"):
        share_interval(1, 2, "wald")


@settings(max_examples=500, deadline=None)
@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=25), st.integers(0, 3))
def test_percentages_sum_to_exactly_100(counts, decimals):
    percents = largest_remainder(counts, decimals)
    if sum(counts) == 0:
        assert all(math.isnan(p) for p in percents)
        return
    # As printed: the sum of the decimal numbers that a reader sees.
    assert sum(Decimal(f"{p:.{decimals}f}") for p in percents) == 100
    step = 10.0**-decimals
    for count, percent in zip(counts, percents, strict=True):
        assert abs(percent - 100 * count / sum(counts)) < step
        assert count or percent == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=12))
def test_a_larger_class_never_has_a_smaller_percentage(counts):
    percents = largest_remainder(counts)
    for a, percent_a in zip(counts, percents, strict=True):
        for b, percent_b in zip(counts, percents, strict=True):
            assert not (a > b and percent_a < percent_b)


def test_worked_remainders():
    # 28.571, 28.571, 42.857 are cut to 28.5, 28.5, 42.8; the two missing units go to the remainders 0.71.
    assert largest_remainder([2, 2, 3]) == [28.6, 28.6, 42.8]
    assert largest_remainder([120, 60]) == [66.7, 33.3]
    assert largest_remainder([1, 1, 1, 1, 1, 1], 0) == [17, 17, 17, 17, 16, 16]


def test_negative_count_is_refused():
    with pytest.raises(ValueError, match="negative"):
        largest_remainder([1, -1])


@pytest.mark.parametrize("method", ["wilson", "clopper_pearson"])
def test_cells_to_settle_is_the_smallest_number(method):
    more = cells_to_settle(6, 200, 0.05, method)
    assert more is not None
    assert more > 0

    def holds(total):
        low, high = share_interval(0.03 * total, total, method)
        return low < 0.05 < high

    assert not holds(200 + more)
    assert holds(200 + more - 1)


def test_settled_already_and_never():
    assert cells_to_settle(100, 200, 0.05) == 0
    assert cells_to_settle(10, 200, 0.05) is None


def test_chance_to_miss_a_rare_class():
    assert [round(100 * chance_to_miss(0.01, n), 1) for n in (100, 200, 400)] == [36.6, 13.4, 1.8]
