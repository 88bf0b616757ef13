"""Two readers: exact limits, and differences against what counting alone brings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, fisher_exact

from napari_wbc.comparison.readers import agreement_limits, dispersion, two_counts


def test_the_p_value_is_that_of_fishers_exact_test():
    random = np.random.default_rng(0)
    for _ in range(60):
        n, m = random.integers(1, 300, 2)
        a, b = random.integers(0, n + 1), random.integers(0, m + 1)
        theirs = fisher_exact([[a, n - a], [b, m - b]]).pvalue
        assert two_counts(int(a), int(n), int(b), int(m)).p == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(
    ("count", "n", "m"), [(0, 200, 200), (3, 200, 200), (57, 200, 100), (200, 200, 200), (40, 400, 20_000)]
)
def test_beyond_the_limits_the_counts_differ_and_within_they_do_not(count, n, m):
    low, high = agreement_limits(count, n, m)
    for other in (low, high):
        assert fisher_exact([[count, n - count], [other, m - other]]).pvalue > 0.05
    for other in (low - 1, high + 1):
        if 0 <= other <= m:
            assert fisher_exact([[count, n - count], [other, m - other]]).pvalue <= 0.05


def test_readers_who_do_not_differ_are_called_different_in_at_most_5_percent():
    # Worked out exactly: all second counts of a reader with the same share, weighed by their chance.
    n, share = 200, 0.05
    counts = np.arange(0, 41)
    chance = binom.pmf(counts, n, share)
    wrong = 0.0
    for first, p in zip(counts, chance, strict=True):
        low, high = agreement_limits(int(first), n, n)
        wrong += p * (1 - (binom.cdf(high, n, share) - binom.cdf(low - 1, n, share)))
    assert wrong <= 0.05


def test_the_interval_of_the_difference_is_newcombes():
    # Newcombe 1998, table II, contrast 56/70 - 48/80, method 10: 0.0524 to 0.3339.
    found = two_counts(48, 80, 56, 70)
    assert (found.low, found.high) == pytest.approx((5.24, 33.39), abs=0.01)


def test_each_percentage_has_the_interval_of_ruemkes_table():
    # 95 % limits for 200 cells: 5 % 2.4 to 9.0, 20 % 14.7 to 26.2.
    found = two_counts(10, 200, 40, 200)
    assert found.range_first == pytest.approx((2.4, 9.0), abs=0.05)
    assert found.range_second == pytest.approx((14.7, 26.2), abs=0.05)


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="no count"):
        two_counts(5, 4, 1, 10)


def test_dispersion_by_hand():
    # 10 of 100 against 20 of 100: p = 0.15, variance 0.15 * 0.85 * 0.02 = 0.00255; 0.01 / 0.00255.
    found = dispersion([10], [100], [20], [100])
    assert found.ratio == pytest.approx(0.01 / 0.00255)
    assert found.expected_sd == pytest.approx(5.0498, abs=1e-4)
    assert found.observed_sd == pytest.approx(10.0)
    assert dispersion([0, 5], [100, 5], [0, 7], [100, 7]).slides == 0


def test_dispersion_tells_chance_from_more():
    random = np.random.default_rng(0)
    share = random.uniform(0.1, 0.6, 200)
    n, m = np.full(200, 400), np.full(200, 200)
    reference = random.binomial(n, share)
    honest = dispersion(reference, n, random.binomial(m, share), m)
    shifted = dispersion(reference, n, random.binomial(m, share * 0.8), m)
    assert 0.8 < honest.ratio < 1.2
    assert honest.p > 0.01
    assert shifted.p < 1e-6
