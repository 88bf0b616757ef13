"""Yes-or-no findings: counts, agreements, intervals."""

from __future__ import annotations

import math

import pytest

from napari_wbc.comparison.positives import positives, proportion


def test_the_table_by_hand():
    first = [True] * 90 + [False] * 110
    second = [True] * 80 + [False] * 10 + [True] * 5 + [False] * 105
    found = positives(first, second)
    assert (found.both, found.only_first, found.only_second, found.neither) == (80, 10, 5, 105)
    assert (found.ppa.count, found.ppa.n) == (80, 90)
    assert (found.npa.count, found.npa.n) == (105, 110)
    assert found.ppv.value == pytest.approx(80 / 85)
    assert found.npv.value == pytest.approx(105 / 115)
    assert found.overall.value == pytest.approx(185 / 200)
    assert found.kappa.value == pytest.approx(0.848, abs=0.001)


def test_intervals_are_wilsons():
    intervals = pytest.importorskip("statsmodels.stats.proportion")
    found = proportion(80, 90)
    assert (found.low, found.high) == pytest.approx(intervals.proportion_confint(80, 90, method="wilson"))


def test_nothing_positive_has_no_share():
    found = positives([False, False], [False, True])
    assert math.isnan(found.ppa.value)
    assert found.npa.value == 0.5


def test_answers_must_be_of_the_same_slides():
    with pytest.raises(ValueError, match="answers"):
        positives([True], [True, False])
