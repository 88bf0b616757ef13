"""The whole path: slide to cells to classes to table to differential, and its folder of results."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image

import napari_wbc as wbc
from napari_wbc import cell_table
from napari_wbc.count_result import CountResult
from napari_wbc.differential.profile import load_profile
from napari_wbc.errors import Cancelled, InputError, ModelError, OutputError, ScaleUnknownError
from napari_wbc.execution import CancelToken, Progress
from napari_wbc.pipeline import (
    CellsFound,
    CountOptions,
    ScaleResolved,
    SlideModelFitted,
    count_events,
)
from napari_wbc.provenance import RESEARCH_USE, model_of_run, read_run, same_run
from napari_wbc.results import FILES, is_complete
from napari_wbc.segmentation import kernels, tiles
from napari_wbc.slides.synthetic import SyntheticSmear

UM_PER_PX = 0.1


@pytest.fixture(scope="module")
def result(smear_image: NDArray[np.uint8]) -> CountResult:
    return wbc.count(wbc.open_slide(smear_image, name="smear"), um_per_px=UM_PER_PX)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tiles.plan_tiles
    monkeypatch.setattr(tiles, "plan_tiles", lambda shape, um_per_px: plan(shape, um_per_px, core_px=300))


def test_table_keeps_the_contract(result: CountResult) -> None:
    cells = result.cells
    assert list(cells.columns) == list(cell_table.columns(wbc.load_model("robust").classes))
    assert list(cells["cell_id"]) == list(range(1, len(cells) + 1))
    positions = list(zip(cells["y_px"], cells["x_px"], strict=True))
    assert positions == sorted(positions)
    np.testing.assert_allclose(cells[cell_table.probability_columns(cells)].sum(axis=1), 1, atol=1e-4)
    assert set(cells["slide"]) == {"smear"}
    assert set(cells["status"]) == {"model"}
    assert set(cells["model_sha256"]) == {wbc.load_model("robust").sha256}
    assert cells["novelty"].between(0, 1).all()


def test_labels_are_numbered_as_the_cells(result: CountResult, tmp_path: Path) -> None:
    path = result.write_labels(tmp_path / "labels.ome.zarr")
    labels = zarr.open_group(path, mode="r")["labels/nuclei/0"]
    assert labels.shape == result.slide.shape
    for cell, mask in zip(result.cells.itertuples(), result.masks, strict=True):
        y0, x0, y1, x1 = mask.bbox
        np.testing.assert_array_equal(labels[y0:y1, x0:x1] == cell.cell_id, mask.nucleus)


def test_cells_have_the_quality_of_their_region(result: CountResult) -> None:
    (region,) = result.region_quality
    assert (region.y0, region.x0, region.y1, region.x1) == (0, 0, 800, 1200)
    for column in cell_table.REGION:
        expected = getattr(region, column.removeprefix("region_"))
        assert np.isfinite(expected)
        assert result.cells[column].eq(expected).all()
    assert result.differential.quality["regions"]["cells"] == result.differential.denominator


def test_masks_and_embeddings_belong_to_their_rows(result: CountResult) -> None:
    boxes = result.cells[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy()
    assert [mask.bbox for mask in result.masks] == [tuple(box) for box in boxes]
    assert result.embeddings.shape[0] == len(result.cells)
    for (y, x), mask in zip(result.cells[["y_px", "x_px"]].to_numpy(), result.masks, strict=True):
        rows, columns = np.nonzero(mask.nucleus)
        assert (y, x) == pytest.approx((mask.y0 + rows.mean(), mask.x0 + columns.mean()), abs=0.5)


def test_the_drawn_leukocytes_are_found(result: CountResult, smear: SyntheticSmear) -> None:
    truth = smear.truth()
    found = result.cells[["y_px", "x_px"]].to_numpy()
    hits = sum(
        bool(
            (
                (found[:, 0] >= cell.bbox_y0)
                & (found[:, 0] < cell.bbox_y1)
                & (found[:, 1] >= cell.bbox_x0)
                & (found[:, 1] < cell.bbox_x1)
            ).any()
        )
        for cell in truth.itertuples()
    )
    assert hits >= 0.8 * len(truth)


def test_differential_counts_the_table(result: CountResult) -> None:
    table = result.differential.table
    assert table["count"].sum() == len(result.cells)
    inside = table[table["in_denominator"] == 1]
    assert inside["count"].sum() == result.differential.denominator
    assert inside["percent"].sum() == pytest.approx(100)


def test_events_come_in_order(smear_image: NDArray[np.uint8], small_tiles: None) -> None:
    events = list(count_events(smear_image, CountOptions(um_per_px=UM_PER_PX)))
    kinds = [type(event) for event in events if not isinstance(event, Progress)]
    assert kinds[:2] == [ScaleResolved, SlideModelFitted]
    assert set(kinds[2:-1]) == {CellsFound}
    last = events[-1]
    assert isinstance(last, CountResult)
    live = pd.concat([event.cells for event in events if isinstance(event, CellsFound)])
    assert list(live["cell_id"]) == list(range(1, len(live) + 1))
    again = live.sort_values(["y_px", "x_px"]).reset_index(drop=True)
    assert list(again["label"]) == list(last.cells["label"])
    np.testing.assert_array_equal(again["x_px"], last.cells["x_px"])
    tiled = [event for event in events if isinstance(event, Progress) and event.unit == "tile"]
    assert [event.done for event in tiled] == list(range(13))
    assert {event.total for event in tiled} == {12}


@pytest.mark.parametrize("workers", [1, 2])
def test_tiles_and_workers_do_not_show(
    smear_image: NDArray[np.uint8], result: CountResult, small_tiles: None, workers: int
) -> None:
    again = wbc.count(smear_image, um_per_px=UM_PER_PX, workers=workers)
    exact = [
        "cell_id",
        "y_px",
        "x_px",
        "bbox_y0",
        "bbox_x1",
        "nucleus_area_um2",
        "cell_area_um2",
        "label",
        "flags",
    ]
    pd.testing.assert_frame_equal(again.cells[exact], result.cells[exact])
    # The batches differ, and with them the last digits of the network.
    np.testing.assert_allclose(again.cells["confidence"], result.cells["confidence"], atol=1e-4)


def test_only_cells_in_a_region_count(
    smear_image: NDArray[np.uint8], result: CountResult, small_tiles: None
) -> None:
    region = (0.0, 0.0, 800.0, 600.0)
    half = wbc.count(smear_image, um_per_px=UM_PER_PX, regions=[region])
    expected = result.cells[result.cells["x_px"] < 600]
    assert 0 < len(expected) < len(result.cells)
    np.testing.assert_array_equal(half.cells["x_px"], expected["x_px"])
    assert half.run["parameters"]["regions"] == [list(region)]


@pytest.mark.parametrize(
    "region", [(5, 5, 5, 9), (0, 900, 10, 2000), (-9, -9, -1, -1), (float("nan"), 0, 1, 1)]
)
def test_region_off_the_image_is_refused(region: tuple[float, float, float, float]) -> None:
    white = np.full((100, 100, 3), 250, np.uint8)
    with pytest.raises(InputError, match="does not lie on the image of 100 x 100 px"):
        wbc.count(white, um_per_px=UM_PER_PX, regions=[region])


def test_white_slide_has_no_cells_and_writes_all_files(tmp_path: Path) -> None:
    white = np.full((300, 400, 3), 250, np.uint8)
    result = wbc.count(white, um_per_px=UM_PER_PX)
    assert len(result.cells) == 0
    assert result.differential.denominator == 0
    assert is_complete(result.write(tmp_path / "white"))
    assert len(cell_table.read_cells_csv(tmp_path / "white" / "cells.csv")) == 0


def test_scale_is_asked_for_where_nothing_tells_it() -> None:
    with pytest.raises(ScaleUnknownError, match="µm per px"):
        wbc.count(np.full((300, 400, 3), 250, np.uint8))


@pytest.mark.parametrize("um_per_px", [0, -1, 1000, float("nan")])
def test_impossible_scale_is_refused(um_per_px: float) -> None:
    with pytest.raises(InputError):
        wbc.count(np.full((300, 400, 3), 250, np.uint8), um_per_px=um_per_px)


def test_impossible_wbc_count_is_refused_before_the_work() -> None:
    stages = []
    with pytest.raises(InputError, match="WBC"):
        wbc.count(np.full((30, 40, 3), 250, np.uint8), um_per_px=0.1, wbc_per_l=7.2, progress=stages.append)
    assert stages == []


def test_compiled_code_is_loaded_while_there_is_memory() -> None:
    """LLVM ends a process that has none left: it is asked before the model and the pixels are there."""
    kernels.implementation.cache_clear()
    with pytest.raises(ModelError, match="rubust"):
        wbc.count(np.full((64, 64, 3), 255, np.uint8), "rubust", um_per_px=0.1)
    assert kernels.implementation.cache_info().currsize == 1


def test_unknown_model_names_those_that_exist() -> None:
    with pytest.raises(ModelError, match="robust"):
        wbc.count(np.full((30, 40, 3), 250, np.uint8), "rubust", um_per_px=0.1)


def test_cancel_stops_at_the_next_tile(smear_image: NDArray[np.uint8], small_tiles: None) -> None:
    cancel = CancelToken()
    events = count_events(smear_image, CountOptions(um_per_px=UM_PER_PX), cancel=cancel)
    for event in events:
        if isinstance(event, Progress) and event.done == 2:
            break
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(events)


@pytest.mark.parametrize("workers", [1, 2])
def test_cancel_from_another_thread_works_within_a_second(
    smear_image: NDArray[np.uint8], small_tiles: None, workers: int, tmp_path: Path
) -> None:
    cancel, cancelled = CancelToken(), []

    def press_cancel() -> None:
        cancelled.append(time.perf_counter())
        cancel.cancel()

    def progress(event: Progress) -> None:
        if event.unit == "tile" and event.done == 0:
            threading.Timer(0.1, press_cancel).start()

    mosaic = tmp_path / "mosaic.tif"
    tifffile.imwrite(mosaic, np.tile(smear_image, (4, 3, 1)), photometric="rgb", tile=(256, 256))
    with pytest.raises(Cancelled):
        wbc.count(mosaic, um_per_px=UM_PER_PX, workers=workers, progress=progress, cancel=cancel)
    # A second is what a user is promised; a busy test machine gets three.
    assert time.perf_counter() - cancelled[0] < 3


def test_results_are_complete_and_agree(result: CountResult, tmp_path: Path) -> None:
    folder = result.write(tmp_path / "out")
    assert sorted(item.name for item in folder.iterdir()) == sorted(FILES)
    cells = cell_table.read_cells_csv(folder / "cells.csv")
    assert list(cells["label"]) == list(result.cells["label"])
    np.testing.assert_allclose(cells["y_px"], result.cells["y_px"], atol=0.01)

    table = pd.read_csv(folder / "differential.csv")
    assert dict(zip(table["class"], table["count"], strict=True)) == dict(
        zip(result.differential.table["class"], result.differential.table["count"], strict=True)
    )
    profile = load_profile(None)
    rows = cells["label"].map(profile.row_of).value_counts()
    for row in table.itertuples():
        assert rows.get(row[1], 0) == row.count

    features = json.loads((folder / "cells.geojson").read_text(encoding="utf-8"))["features"]
    assert len(features) == len(cells)
    with Image.open(folder / "overlay.png") as overlay:
        assert overlay.width >= 1200
    report = (folder / "report.html").read_text(encoding="utf-8")
    for text in (report, (folder / "differential.json").read_text(), (folder / "run.json").read_text()):
        assert RESEARCH_USE in text
    assert "http://" not in report.replace("http://www.w3.org/", "")
    assert list(tmp_path.iterdir()) == [folder]


def test_run_records_what_made_the_result(result: CountResult, tmp_path: Path) -> None:
    folder = result.write(tmp_path / "out")
    run = read_run(folder)
    assert run is not None
    assert run["model"]["sha256"] == wbc.load_model("robust").sha256
    assert run["scale"] == {"um_per_px": 0.1, "origin": "given", "confidence": 1.0, "n_red_cells": 0}
    assert len(run["image"]["sha256"]) == 64
    assert (run["image"]["height_px"], run["image"]["width_px"]) == (800, 1200)
    assert {"numpy", "torch", "scikit-image"} <= set(run["packages"])
    assert run["parameters"]["profile"] == "adult_peripheral_blood"
    assert "seed" in run
    assert run["cells"] == len(result.cells)


def test_the_model_of_a_count_is_the_very_one_or_none(result: CountResult) -> None:
    assert model_of_run(result.run).sha256 == result.run["model"]["sha256"]
    other = {**result.run, "model": {**result.run["model"], "sha256": "0" * 64}}
    with pytest.raises(ModelError, match="the model robust is another one since this count; count again"):
        model_of_run(other)


def test_same_run_looks_at_image_model_and_parameters(result: CountResult) -> None:
    profile = load_profile(None)
    same = {
        "image_sha256": result.run["image"]["sha256"],
        "model_sha256": result.run["model"]["sha256"],
        "parameters": CountOptions(um_per_px=UM_PER_PX).parameters(profile),
    }
    written = json.loads(json.dumps(result.run))
    assert same_run(written, **same)
    assert not same_run(None, **same)
    assert not same_run(written, **same | {"image_sha256": "0"})
    assert not same_run(written, **same | {"model_sha256": "0"})
    assert not same_run(written, **same | {"parameters": CountOptions().parameters(profile)})
    assert not same_run(
        written, **same | {"parameters": CountOptions(um_per_px=0.1).parameters(profile.split())}
    )


def test_earlier_result_is_replaced(result: CountResult, tmp_path: Path) -> None:
    folder = result.write(tmp_path / "out")
    (folder / "cells.csv").write_text("old")
    (folder / "overlay.png").unlink()
    result.write(folder)
    assert is_complete(folder)
    assert (folder / "cells.csv").read_text() != "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_folder_with_other_files_is_left_alone(result: CountResult, tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(OutputError, match=r"thesis\.docx"):
        result.write(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.docx"]


def test_what_a_system_left_in_a_folder_of_results_does_not_keep_a_new_one_off(
    result: CountResult, tmp_path: Path
) -> None:
    folder = result.write(tmp_path / "smear")
    (folder / ".DS_Store").touch()
    result.write(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


def test_cancelled_write_leaves_nothing(result: CountResult, tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        result.write(tmp_path / "out", cancel=cancel)
    assert list(tmp_path.iterdir()) == []


def test_file_in_the_way_is_named(result: CountResult, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="file"):
            result.write(place)
