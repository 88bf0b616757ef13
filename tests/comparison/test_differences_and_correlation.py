"""Bland-Altman and the coefficients on published data, and against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import pearsonr

from comparison.published import MINI, WRIGHT
from napari_wbc.comparison.correlation import lin, pearson, spearman
from napari_wbc.comparison.differences import bland_altman


def test_peak_flow_of_bland_and_altman_1986():
    found = bland_altman(MINI, WRIGHT)
    # The paper: mean difference -2.1 l/min, SD 38.8, interval of the mean -22.0 to 17.8.
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert (found.bias_low, found.bias_high) == pytest.approx((-22.0, 17.8), abs=0.06)
    # It takes 2 SD, -79.7 and 75.5, with intervals of ±34.6 (from sqrt(3/n), an approximation of the formula here).
    assert found.bias - 2 * found.sd == pytest.approx(-79.7, abs=0.1)
    assert found.upper_high - found.upper == pytest.approx(34.6, abs=0.3)
    # 1.96 SD, as Stata's concord gives them.
    assert (found.lower, found.upper) == pytest.approx((-78.097, 73.862), abs=0.001)


def test_differences_that_grow_with_the_level_are_told():
    level = np.linspace(1, 60, 40)
    sign = np.where(np.arange(40) % 2, 1, -1)
    assert bland_altman(level, level + sign * level / 10).trend > 0.99
    assert bland_altman(level, level + sign * level / 10).trend_p < 1e-6
    assert math.isnan(bland_altman(level, level + 1).trend)


def test_limits_hold_95_percent_and_their_intervals_the_truth():
    random = np.random.default_rng(2)
    hits = 0
    for _ in range(1000):
        found = bland_altman(np.zeros(30), random.normal(1, 2, 30))
        hits += found.upper_low <= 1 + 1.96 * 2 <= found.upper_high
    assert 0.92 <= hits / 1000 <= 0.98


def test_two_pairs_are_needed():
    with pytest.raises(ValueError, match="at least 2"):
        bland_altman([1], [2])
    with pytest.raises(ValueError, match="values of the first"):
        bland_altman([1, 2], [2])


def test_pearson_with_the_interval_of_scipy():
    ours, theirs = pearson(WRIGHT, MINI), pearsonr(WRIGHT, MINI)
    interval = theirs.confidence_interval()
    assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.statistic, interval.low, interval.high))
    # Bland and Altman 1986: r = 0.94.
    assert ours.value == pytest.approx(0.943, abs=0.0005)


def test_concordance_of_peak_flow_as_stata_has_it():
    # concord wright mini: rho_c 0.943, its standard error 0.029 (asymptotic).
    found = lin(WRIGHT, MINI)
    assert found.value == pytest.approx(0.943, abs=0.0005)
    error = (math.atanh(found.high) - math.atanh(found.low)) / (2 * 1.959964) * (1 - found.value**2)
    assert error == pytest.approx(0.029, abs=0.0005)


def test_concordance_by_hand():
    # Means 2 and 3, variances 2/3, covariance 2/3: 2 * 2/3 / (2/3 + 2/3 + 1) = 4/7.
    assert lin([1, 2, 3], [2, 3, 4]).value == pytest.approx(4 / 7)
    assert lin([1, 2, 3, 4], [1, 2, 3, 4]).value == 1.0
    assert lin([1, 2, 3, 4], [4, 3, 2, 1]).value == pytest.approx(-1.0)


def test_the_interval_of_the_concordance_covers_the_truth():
    random = np.random.default_rng(3)
    # Means 0 and 1, variances 4 and 5, covariance 4: 8 / (4 + 5 + 1).
    hits = 0
    for _ in range(1000):
        a = random.normal(0, 2, 50)
        found = lin(a, 1 + a + random.normal(0, 1, 50))
        hits += found.low <= 0.8 <= found.high
    assert 0.93 <= hits / 1000 <= 0.97


def test_the_interval_of_spearman_covers_the_truth():
    random = np.random.default_rng(4)
    truth = 6 / math.pi * math.asin(0.8 / 2)
    hits = 0
    for _ in range(600):
        a, b = random.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 40).T
        found = spearman(a, b)
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 600 <= 0.98


@pytest.mark.parametrize("coefficient", [pearson, spearman, lin])
def test_values_that_do_not_vary_have_no_coefficient(coefficient):
    assert math.isnan(coefficient([1, 1, 1, 1], [1, 2, 3, 4]).value)
    assert math.isnan(coefficient([1, 2], [1, 2]).value)
    assert math.isnan(coefficient([1, 2, 4], [1, 3, 4]).low)
