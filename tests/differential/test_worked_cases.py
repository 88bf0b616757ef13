"""Cases worked by hand: the correction of a WBC count for erythroblasts, and percentages by the largest remainder."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from napari_wbc.differential.count import differential
from napari_wbc.differential.intervals import largest_remainder
from napari_wbc.differential.profile import load_profile
from napari_wbc.differential.profile_file import parse_profile

LAB = "schema_version: 1\nname: lab\nclasses: [neutrophil, lymphocyte, erythroblast]\n"


def labelled(**composition: int) -> pd.DataFrame:
    return pd.DataFrame({"label": [name for name, number in composition.items() for _ in range(number)]})


@pytest.mark.parametrize(
    ("nrbc", "given", "corrected", "neutrophils"),
    [
        # 4 per 100 is below the 5 of the profile: 60 % of 12.0.
        (4, 12.0, 12.0, 7.20),
        # 5 per 100: 12.0 * 100 / 105 = 11.43, and 60 % of it.
        (5, 12.0, 11.4286, 6.86),
        # 25 per 100: 12.0 * 100 / 125.
        (25, 12.0, 9.6, 5.76),
        # 150 per 100: 30.0 * 100 / 250.
        (150, 30.0, 12.0, 7.20),
    ],
)
def test_wbc_is_corrected_from_the_threshold_on(nrbc, given, corrected, neutrophils):
    cells = labelled(neutrophil=60, lymphocyte=40, erythroblast=nrbc)
    result = differential(cells, wbc_per_l=given * 1e9)
    assert result.per_100["erythroblast"] == nrbc
    assert result.wbc_corrected_per_l == pytest.approx(corrected * 1e9, rel=1e-5)
    rows = result.table.set_index("class")
    assert rows.loc["neutrophil", "percent"] == 60.0, "the percentages are without erythroblasts in any case"
    assert rows.loc["neutrophil", "absolute_per_l"] == pytest.approx(neutrophils * 1e9)
    # As many erythroblasts as there are per 100 leukocytes, of the corrected count.
    assert rows.loc["erythroblast", "absolute_per_l"] == pytest.approx(corrected * nrbc / 100 * 1e9, abs=1e7)


def test_the_threshold_is_the_laboratorys():
    cells = labelled(neutrophil=60, lymphocyte=40, erythroblast=4)
    always = parse_profile(LAB + "nrbc_correction_from: 0")
    assert differential(cells, always, wbc_per_l=10.4e9).wbc_corrected_per_l == pytest.approx(10.0e9)
    assert differential(cells, parse_profile(LAB), wbc_per_l=10.4e9).wbc_corrected_per_l == 10.4e9
    already = differential(cells, always, wbc_per_l=10.4e9, wbc_corrected=True)
    assert already.wbc_corrected_per_l == 10.4e9


def test_erythroblasts_of_a_marrow_correct_nothing():
    result = differential(
        labelled(neutrophil=60, lymphocyte=40, erythroblast=50), load_profile("bone_marrow"), wbc_per_l=12e9
    )
    assert result.wbc_corrected_per_l == 12e9
    assert result.denominator == 150


@pytest.mark.parametrize(
    ("counts", "percents"),
    [
        # 14.2857 three times and 57.1428: cut to 14.2 and 57.1, 99.7 in all; the remainders 0.857 get the three units.
        ([1, 1, 1, 4], [14.3, 14.3, 14.3, 57.1]),
        # 16.6667 six times is cut to 16.6, 99.6 in all: four units for six equal remainders go to the first ones.
        ([1] * 6, [16.7, 16.7, 16.7, 16.7, 16.6, 16.6]),
        # Rounded one by one, 62.85, 28.65 and 8.5 of 2000 would give 62.9 (or 62.8), 28.7 (or 28.6) and 8.5: the unit
        # goes to the larger class of equal remainders.
        ([1257, 573, 170], [62.9, 28.6, 8.5]),
        # 66.2162, 27.0270, 4.0540 and 2.7027 of 74: 66.2 + 27.0 + 4.0 + 2.7 = 99.9; the largest remainder is 0.540.
        ([49, 20, 3, 2], [66.2, 27.0, 4.1, 2.7]),
        # A class without cells stays at 0, and one with all cells is 100.
        ([0, 7], [0.0, 100.0]),
    ],
)
def test_largest_remainder(counts, percents):
    assert largest_remainder(counts) == percents
    assert math.fsum(percents) == pytest.approx(100)
    names = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil", "plasma_cell")
    stated = differential(labelled(**dict(zip(names, counts, strict=False)))).table.set_index("class")[
        "percent"
    ]
    assert [stated[name] for name, n in zip(names, counts, strict=False) if n] == [p for p in percents if p]
