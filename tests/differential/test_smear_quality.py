"""The quality of the regions in the differential: counted and said, and no cell is left out for it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from napari_wbc.cell_table import REGION, columns, conform, read_cells_csv, write_cells_csv
from napari_wbc.differential.count import differential
from napari_wbc.differential.report import render_report
from napari_wbc.differential.smear_quality import count_by_region, region_faults, region_sentence


def with_regions(cells: pd.DataFrame) -> pd.DataFrame:
    """Of ten cells: four in good regions, two thick, one crowded and blurred, one thin, two not measured."""
    good = (0.4, 1.2, 0.4, 0.8, 1.1)
    values = [good] * 4 + [(0.7, 2.0, 0.9, 0.1, 1.0)] * 2
    values += [(0.5, 4.0, 0.9, 0.1, 0.6), (0.1, 1.0, 0.0, 0.9, 1.1)] + [(np.nan,) * 5] * 2
    return cells.assign(**dict(zip(REGION, np.array(values).T, strict=True)))


def test_counted_and_said(make_cells):
    cells, _, _ = make_cells({"lymphocyte": 10})
    plain, judged = differential(cells), differential(with_regions(cells))
    assert plain.quality["regions"] is None
    assert plain.smear_quality == ""
    pd.testing.assert_frame_equal(plain.table, judged.table)
    regions = judged.quality["regions"]
    assert {k: v for k, v in regions.items() if k != "limits"} == {
        "cells": 8,
        "good": 4,
        "thick": 3,
        "thin": 1,
        "out_of_focus": 1,
    }
    sentence = (
        "Smear: 4 of 8 leukocytes in good regions; 3 where it is thick or crowded, 1 where it is thin, "
        "1 out of focus. All are counted."
    )
    assert judged.smear_quality == sentence
    assert sentence in judged.to_text().splitlines()
    assert json.loads(json.dumps(judged.to_dict()))["quality"]["regions"]["thick"] == 3
    html = render_report(
        cells=cells, differential=judged, run={}, overview=None, overview_scale=1.0, crops={}
    ).replace("\N{NO-BREAK SPACE}", " ")
    assert "4 of 8 leukocytes in good regions" in html


def test_only_counted_leukocytes(make_cells):
    cells, _, _ = make_cells({"lymphocyte": 5, "platelet": 5})
    cells = with_regions(cells)
    cells.loc[0, "status"] = "excluded"
    regions = differential(cells).quality["regions"]
    assert (regions["cells"], regions["good"], regions["thick"]) == (4, 3, 1)


def test_good_regions_need_few_words(make_cells):
    cells, _, _ = make_cells({"lymphocyte": 1})
    cells = cells.assign(**dict(zip(REGION, (0.4, 1.2, 0.4, 0.8, 1.1), strict=True)))
    assert differential(cells).smear_quality == "Smear: 1 of 1 leukocyte in good regions."


def test_columns_come_last_and_may_be_missing(make_cells, tmp_path):
    cells, _, _ = make_cells({"lymphocyte": 10})
    assert list(columns(["lymphocyte"]))[-5:] == list(REGION)
    # A table of an earlier version has no such columns.
    old = cells.drop(columns=list(REGION))
    assert conform(old)[list(REGION)].isna().all(axis=None)
    table = with_regions(cells)
    read = read_cells_csv(write_cells_csv(table, tmp_path / "cells.csv"))
    np.testing.assert_allclose(read[list(REGION)], table[list(REGION)], atol=1e-3)


def test_limits_themselves_are_good():
    """25 to 60 % covered, three red cells together, edges of 0.70: the limits of docs/differential.md."""
    covered, crowding, sharpness = "region_foreground_fraction", "region_crowding", "region_sharpness"
    at = pd.DataFrame({covered: [0.25, 0.60], crowding: [3.0, 3.0], sharpness: [0.70, 0.70]})
    assert not region_faults(at).any(axis=None)
    beyond = pd.DataFrame(
        {
            covered: [0.2499, 0.6001, 0.4, 0.4],
            crowding: [1.0, 1.0, 3.01, 1.0],
            sharpness: [1.0, 1.0, 1.0, 0.699],
        }
    )
    faults = region_faults(beyond)
    assert faults["thin"].tolist() == [True, False, False, False]
    assert faults["thick"].tolist() == [False, True, True, False]
    assert faults["out_of_focus"].tolist() == [False, False, False, True]


def test_the_limits_are_told(make_cells):
    cells, _, _ = make_cells({"lymphocyte": 10})
    told = count_by_region(with_regions(cells))
    assert told is not None
    assert told["limits"] == {"foreground_fraction": [0.25, 0.6], "crowding": 3.0, "sharpness": 0.7}
    assert count_by_region(with_regions(cells).iloc[8:]) is None
    assert count_by_region(cells.drop(columns="region_pallor_fraction")) is None
    assert region_sentence(None) == ""
