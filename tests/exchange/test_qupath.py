"""cells.geojson is what QuPath writes and reads: one cell object with its nucleus, class, colour and measurements."""

from __future__ import annotations

import json
import math
import uuid

import numpy as np
import pytest
import shapely
from scipy.ndimage import binary_fill_holes

from napari_wbc.differential.outlines import ring_area
from napari_wbc.exchange.qupath import write_geojson
from napari_wbc.leukocytes import class_of
from napari_wbc.masks import CellMask


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


def test_shapely_reads_the_same_shapes(blood, tmp_path):
    cells, masks, _ = blood
    # A notch, a hole, and px that touch at a corner only: outlines must not cross themselves.
    odd = np.ones((30, 30), bool)
    odd[10:14, 10:] = odd[20:23, 5:8] = False
    corner = np.zeros((30, 30), bool)
    corner[:15, :15] = corner[15:, 15:] = True
    masks[0], masks[1] = CellMask(0, 0, odd, odd), CellMask(0, 40, corner, corner)
    content = json.loads(write_geojson(tmp_path / "c.geojson", cells, masks).read_text("utf-8"))
    for feature, mask in zip(content["features"], masks, strict=True):
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert shape.is_valid
        assert shape.area == pytest.approx(binary_fill_holes(mask.cell).sum(), rel=0.03)
        y0, x0, y1, x1 = mask.bbox
        assert shapely.box(x0, y0, x1, y1).buffer(0.01).contains(shape)


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


def test_nothing_half_written_stays(make_cells, tmp_path):
    cells, masks, _ = make_cells({"lymphocyte": 3})
    target = tmp_path / "cells.geojson"
    target.write_text("earlier", encoding="utf-8")
    with pytest.raises(KeyError):
        write_geojson(target, cells.drop(columns="confidence"), masks)
    assert target.read_text(encoding="utf-8") == "earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["cells.geojson"]
