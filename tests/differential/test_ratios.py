"""Ratios of classes: values by hand, intervals against SciPy's bootstrap and the odds of an exact interval."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, norm

from napari_wbc.confusion import Confusion
from napari_wbc.differential.count import differential
from napari_wbc.differential.profile import load_profile
from napari_wbc.differential.ratios import ratio_interval


def labelled(**composition: int) -> pd.DataFrame:
    return pd.DataFrame({"label": [name for name, number in composition.items() for _ in range(number)]})


def test_interval_agrees_with_the_one_of_scipy():
    cells = np.repeat([0, 1, 2], [120, 60, 20])

    def ratio(x, axis):
        return (x == 0).sum(axis=axis) / (x == 1).sum(axis=axis)

    theirs = bootstrap((cells,), ratio, n_resamples=4000, method="percentile", rng=np.random.default_rng(0))
    ours = ratio_interval(120, 60, 20, replicates=4000)
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.06)


def test_interval_agrees_with_the_delta_method():
    # The standard error of log(a / b) is sqrt(1 / a + 1 / b) for two counts of a multinomial.
    low, high = ratio_interval(1200, 600, 200)
    half = norm.ppf(0.975) * math.sqrt(1 / 1200 + 1 / 600)
    assert (low, high) == pytest.approx((2 * math.exp(-half), 2 * math.exp(half)), rel=0.02)


def test_neutrophils_to_lymphocytes():
    result = differential(labelled(neutrophil_segmented=110, neutrophil_band=10, neutrophil=4, lymphocyte=62))
    nlr, bands = result.ratios
    assert (nlr.name, nlr.above, nlr.below, nlr.value) == ("nlr", 124, 62, 2.0)
    assert nlr.ci_low < 2 < nlr.ci_high
    # Neutrophils that were not split stand on neither side.
    assert (bands.above, bands.below, bands.value) == (110, 10, 11.0)
    assert "Neutrophils to lymphocytes: 2.00 (124:62; 95 % interval" in result.to_text()


def test_no_cell_below_the_line():
    nlr = differential(labelled(neutrophil_segmented=20)).ratios[0]
    assert math.isnan(nlr.value)
    plain = nlr.to_dict()
    assert (plain["value"], plain["ci_low"], plain["propagated"]) == (
        None,
        None,
        {"ci_low": None, "ci_high": None},
    )
    json.dumps(plain, allow_nan=False)
    assert differential(labelled(monocyte=5)).ratios == ()


def test_few_cells_below_leave_no_upper_limit():
    # 3 of 200: every twentieth replicate (0.985^200 = 4.9 %) holds none of them.
    low, high = ratio_interval(100, 3, 97)
    assert math.isinf(high)
    assert 10 < low < 33
    ratio = differential(labelled(neutrophil_segmented=197, lymphocyte=3)).ratios[0]
    assert ratio.to_dict()["ci_high"] is None
    assert "95 % interval ≥ " in differential(labelled(neutrophil_segmented=197, lymphocyte=3)).to_text()


def test_myeloid_to_erythroid_of_a_marrow():
    result = differential(
        labelled(neutrophil=150, eosinophil=10, myelocyte=40, blast=4, lymphocyte=30, erythroblast=100),
        load_profile("bone_marrow"),
    )
    assert result.denominator == 334
    assert (result.ratios[0].name, result.ratios[0].value) == ("me", 2.0)


def test_errors_of_the_model_widen_a_ratio():
    rows = {"neutrophil": [900, 100, 0], "lymphocyte": [50, 900, 50]}
    said = ("neutrophil_segmented", "lymphocyte", "unidentified")
    fine = {"neutrophil_segmented": rows["neutrophil"], "lymphocyte": rows["lymphocyte"]}
    nlr = differential(
        labelled(neutrophil_segmented=560, lymphocyte=430, unidentified=10),
        confusion=Confusion(said, {"lab": rows}, {"lab": fine}),
    ).ratios[0]
    # 600 neutrophils and 400 lymphocytes would be called 560, 420 and 20.
    assert nlr.ci_high < 1.5
    assert nlr.propagated_low <= nlr.ci_low
    assert nlr.propagated_high > 1.55
