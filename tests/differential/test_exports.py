"""The files for other programs hold the numbers of the table, in the form that those programs read."""

from __future__ import annotations

import csv
import json
import math
import uuid

import numpy as np
import pandas as pd
import pytest

from napari_wbc.differential.count import COLUMNS, differential
from napari_wbc.differential.exports import write_differential_csv, write_differential_json, write_geojson
from napari_wbc.differential.outlines import ring_area
from napari_wbc.errors import OutputError
from napari_wbc.leukocytes import class_of
from napari_wbc.masks import CellMask


def test_csv_is_the_table(blood, tmp_path):
    result = differential(blood[0], wbc_per_l=7.2e9)
    path = write_differential_csv(result, tmp_path / "differential.csv")
    assert path.read_text(encoding="utf-8").splitlines()[0] == ",".join(COLUMNS)
    table = pd.read_csv(
        path, keep_default_na=False, na_values={c: [""] for c in COLUMNS if c not in ("class", "flag")}
    )
    pd.testing.assert_frame_equal(table, result.table, check_dtype=False)
    assert b"\r" not in path.read_bytes()
    assert (
        path.read_text(encoding="utf-8").splitlines()[1]
        == "neutrophil,124,62.0,55.1,68.4,1,,4460000000,45,79,,124"
    )


def test_csv_runs_nothing_in_a_spreadsheet(tmp_path):
    cells = pd.DataFrame({"label": ["=cmd|'/c calc'!A0", "+1", "lymphocyte"]})
    path = write_differential_csv(differential(cells), tmp_path / "differential.csv")
    with path.open(newline="", encoding="utf-8") as file:
        classes = [row["class"] for row in csv.DictReader(file)]
    assert "'=cmd|'/c calc'!A0" in classes
    assert not any(name.startswith(("=", "+", "-", "@")) for name in classes)


def test_json_agrees_with_csv(blood, tmp_path):
    result = differential(blood[0])
    write_differential_csv(result, tmp_path / "d.csv")
    write_differential_json(result, tmp_path / "d.json")
    content = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    with (tmp_path / "d.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(content["rows"])
    for written, stated in zip(rows, content["rows"], strict=True):
        for column in COLUMNS:
            value = stated[column]
            if isinstance(value, str):
                assert written[column] == value
            else:
                assert written[column] == "" if value is None else float(written[column]) == value


def test_geojson_is_what_qupath_imports(blood, tmp_path):
    cells, masks, _ = blood
    path = write_geojson(tmp_path / "cells.geojson", cells, masks)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["type"] == "FeatureCollection"
    assert len(content["features"]) == len(cells)
    assert len({feature["id"] for feature in content["features"]}) == len(cells)
    for feature, cell, mask in zip(content["features"], cells.to_dict("records"), masks, strict=True):
        uuid.UUID(feature["id"])
        assert feature["type"] == "Feature"
        geometry, nucleus, properties = feature["geometry"], feature["nucleusGeometry"], feature["properties"]
        assert geometry["type"] == nucleus["type"] == "Polygon"
        ring = np.array(geometry["coordinates"][0])
        assert (ring[0] == ring[-1]).all()
        assert ring_area(ring) == pytest.approx(mask.cell.sum(), rel=0.02)
        assert ring_area(np.array(nucleus["coordinates"][0])) == pytest.approx(mask.nucleus.sum(), rel=0.02)
        # The centre of the nucleus in cells.csv is the centre of a pixel: half a pixel further in QuPath.
        centre = ring[:-1].mean(axis=0)
        assert centre == pytest.approx((cell["x_px"] + 0.5, cell["y_px"] + 0.5), abs=0.5)
        assert properties["objectType"] == "cell"
        assert properties["classification"]["name"] == cell["label"]
        colour = class_of(cell["label"]).colour
        assert "#{:02x}{:02x}{:02x}".format(*properties["classification"]["color"]) == colour
        assert properties["measurements"]["Confidence"] == pytest.approx(cell["confidence"])
        assert all(isinstance(v, float) and math.isfinite(v) for v in properties["measurements"].values())
        assert all(isinstance(v, str) for v in properties["metadata"].values())
    assert "For research use only" in content["research_use"]


def test_geojson_of_odd_cells(make_cells, tmp_path):
    cells, masks, _ = make_cells({"lymphocyte": 4})
    cells.loc[0, "status"] = "excluded"
    cells.loc[1, "novelty"] = math.nan
    empty = np.zeros((5, 4), bool)
    masks[2] = CellMask(10, 20, empty, empty)
    two = np.zeros((12, 30), bool)
    two[2:10, 2:10] = two[2:10, 18:28] = True
    masks[3] = CellMask(0, 0, np.ones((12, 30), bool), two)
    features = json.loads(write_geojson(tmp_path / "c.geojson", cells, masks).read_text("utf-8"))["features"]
    assert [f["properties"]["name"] for f in features] == ["cell 2", "cell 3", "cell 4"]
    assert "Novelty" not in features[0]["properties"]["measurements"]
    assert features[1]["geometry"]["coordinates"][0][:2] == [[20.0, 10.0], [24.0, 10.0]]
    assert "nucleusGeometry" not in features[1]
    assert features[2]["nucleusGeometry"]["type"] == "MultiPolygon"


def test_geojson_without_cells(make_cells, tmp_path):
    cells, _, _ = make_cells({})
    content = json.loads(write_geojson(tmp_path / "c.geojson", cells, []).read_text("utf-8"))
    assert content["features"] == []


def test_masks_must_fit_the_table(make_cells, tmp_path):
    cells, masks, _ = make_cells({"lymphocyte": 2})
    with pytest.raises(ValueError, match="1 masks for 2 cells"):
        write_geojson(tmp_path / "c.geojson", cells, masks[:1])
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_one_plain_line(blood, tmp_path):
    result = differential(blood[0])
    for write in (write_differential_csv, write_differential_json):
        with pytest.raises(OutputError, match=r"cannot write .*nowhere"):
            write(result, tmp_path / "nowhere" / "d")
    with pytest.raises(OutputError, match="nowhere"):
        write_geojson(tmp_path / "nowhere" / "c", blood[0], blood[1])


def test_nothing_half_written_stays(make_cells, tmp_path):
    cells, masks, _ = make_cells({"lymphocyte": 3})
    target = tmp_path / "cells.geojson"
    target.write_text("earlier", encoding="utf-8")
    with pytest.raises(KeyError):
        write_geojson(target, cells.drop(columns="confidence"), masks)
    assert target.read_text(encoding="utf-8") == "earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["cells.geojson"]
