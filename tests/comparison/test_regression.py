"""Passing-Bablok against published results, other implementations, and cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kstwobign, theilslopes

from comparison.published import PLASMA, SERUM
from napari_wbc.comparison.regression import passing_bablok


def test_creatinine_as_the_r_package_mcr_has_it():
    fit = passing_bablok(SERUM, PLASMA)
    # mcreg(..., method.reg="PaBa", method.ci="analytical"): it takes some slopes of -1, which floating-point numbers
    # miss by the last digit, for others.
    assert fit.n == 108
    assert fit.slope == pytest.approx(1.0880089, abs=2e-4)
    assert (fit.slope_low, fit.slope_high) == pytest.approx((1.0, 1.173005), abs=2e-4)
    assert fit.intercept == pytest.approx(-0.1171729, abs=2e-4)
    assert (fit.intercept_low, fit.intercept_high) == pytest.approx((-0.2001149, -0.02), abs=2e-4)


def test_decimals_are_as_good_as_whole_numbers():
    decimal = passing_bablok(SERUM, PLASMA)
    whole = passing_bablok(np.round(100 * SERUM), np.round(100 * PLASMA))
    assert whole.slope == pytest.approx(decimal.slope, rel=1e-12)
    assert whole.intercept == pytest.approx(100 * decimal.intercept, rel=1e-9)
    assert whole.linearity == pytest.approx(decimal.linearity, rel=1e-9)


def test_the_methods_can_be_exchanged():
    there, back = passing_bablok(SERUM, PLASMA), passing_bablok(PLASMA, SERUM)
    assert there.slope == pytest.approx(1 / back.slope, rel=1e-9)
    assert there.slope_low == pytest.approx(1 / back.slope_high, rel=1e-9)
    assert there.slope_high == pytest.approx(1 / back.slope_low, rel=1e-9)


def test_without_slopes_below_minus_one_it_is_the_median_of_theil_and_sen():
    x = np.arange(1.0, 21.0)
    y = 2 * x + np.random.default_rng(5).uniform(-0.3, 0.3, 20)
    fit = passing_bablok(x, y)
    assert fit.slope == pytest.approx(theilslopes(y, x).slope, rel=1e-12)
    assert fit.intercept == pytest.approx(np.median(y - fit.slope * x), rel=1e-12)


def test_the_shift_by_hand():
    # Slopes of the six pairs: -3, 1, 1/3, 5, 2, -1; without -1: -3, 1/3, 1, 2, 5. One lies below -1, so that the
    # median, the third, moves to the fourth.
    assert passing_bablok([0, 1, 2, 3], [3, 0, 5, 4]).slope == pytest.approx(2.0)


def test_ties_as_published():
    # Two equal points say nothing; the pair one above the other is an infinite slope at the end.
    # Slopes: inf, 1, 1, 1/2, 1/2, 3/4 ... by hand: points (0,0) (0,0) (1,1) (2,1) (2,2).
    # Pairs: (0,0)-(1,1) twice 1; (0,0)-(2,1) twice 1/2; (0,0)-(2,2) twice 1; (1,1)-(2,1) 0; (1,1)-(2,2) 1;
    # (2,1)-(2,2) infinite. In order: 0, 1/2, 1/2, 1, 1, 1, 1, 1, inf: the fifth of nine is 1.
    assert passing_bablok([0, 0, 1, 2, 2], [0, 0, 1, 1, 2]).slope == 1.0
    # The order of two points one above the other does not matter.
    assert passing_bablok([2, 2, 0, 1, 0], [2, 1, 0, 1, 0]).slope == 1.0


def test_few_pairs_have_no_interval():
    fit = passing_bablok([1, 2, 3], [1, 2, 4])
    assert fit.slope == pytest.approx(1.5)
    assert fit.slope_low == -math.inf
    assert fit.slope_high == math.inf


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1, 2], [1, 2]),
        ([1, 2, 3], [1, 2]),
        ([1, 1, 1], [1, 2, 3]),
        ([0, 0, 0], [0, 0, 0]),
        ([1, 2, math.nan], [1, 2, 3]),
    ],
)
def test_what_has_no_line_is_refused(x, y):
    with pytest.raises(ValueError):
        passing_bablok(x, y)


def test_linearity_by_hand():
    # Residuals of y - x - 0 in order along the line: + + - -: scores 1, 1, -1, -1; the sum is at most 2, L is 2.
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    y = x + np.array([0.1, 0.1, 0.0, 0.0, -0.1, -0.1])
    fit = passing_bablok(x, y)
    residual = y - fit.intercept - fit.slope * x
    over, under = (residual > 1e-9).sum(), (residual < -1e-9).sum()
    steps = np.where(
        residual > 1e-9, math.sqrt(under / over), np.where(residual < -1e-9, -math.sqrt(over / under), 0)
    )
    statistic = np.abs(np.cumsum(steps)).max() / math.sqrt(under + 1)
    assert fit.linearity == pytest.approx(statistic)
    assert fit.linearity_p == pytest.approx(kstwobign.sf(statistic))


def test_the_published_limits_of_the_linearity_test():
    # Passing and Bablok 1983: 1.36 at 5 % and 1.63 at 1 %.
    assert kstwobign.sf(1.36) == pytest.approx(0.05, abs=0.001)
    assert kstwobign.sf(1.63) == pytest.approx(0.01, abs=0.001)


def test_a_curve_is_noticed_and_a_line_is_not():
    random = np.random.default_rng(0)
    level = np.sort(random.uniform(5, 70, 60))
    noise = random.normal(0, 1, (2, 60))
    line = passing_bablok(level + noise[0], level + noise[1])
    curve = passing_bablok(level + noise[0], level**2 / 70 + noise[1])
    assert line.linearity_p > 0.05
    assert curve.linearity_p < 0.001


def test_intervals_cover_the_truth():
    random = np.random.default_rng(1)
    hits = np.zeros(2)
    for _ in range(400):
        level = random.uniform(5, 70, 40)
        fit = passing_bablok(level + random.normal(0, 3, 40), level + random.normal(0, 3, 40))
        hits += [fit.slope_low <= 1 <= fit.slope_high, fit.intercept_low <= 0 <= fit.intercept_high]
    assert 0.92 <= hits[0] / 400 <= 0.98
    # That of the intercept follows from the limits of the slope alone and is somewhat too narrow.
    assert 0.88 <= hits[1] / 400 <= 0.98
