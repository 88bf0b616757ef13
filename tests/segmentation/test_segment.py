"""The public functions: what they take, give, report and refuse."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from disc_scene import Scene, smear
from PIL import Image

from napari_wbc.errors import Cancelled, InputError
from napari_wbc.execution import CancelToken, Progress
from napari_wbc.segmentation import fit_slide_model, plan_tiles, segment, segment_slide
from napari_wbc.slides import open_slide


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return smear(seed=20, side_um=100).draw()


def test_labels_and_table_agree(image: np.ndarray) -> None:
    found = segment(image, um_per_px=0.1)
    assert found.cells.dtype == found.nuclei.dtype == np.int32
    assert found.cells.shape == found.nuclei.shape == image.shape[:2]
    assert list(found.table["cell_id"]) == list(range(1, len(found.table) + 1))
    assert list(np.unique(found.cells)) == list(range(len(found.table) + 1))
    # Every nucleus lies in the cell with its id.
    assert set(np.unique(found.cells[found.nuclei > 0] - found.nuclei[found.nuclei > 0])) == {0}
    for row in found.table.itertuples():
        y, x = np.nonzero(found.cells == row.cell_id)
        assert (y.min(), x.min(), y.max() + 1, x.max() + 1) == (
            row.bbox_y0,
            row.bbox_x0,
            row.bbox_y1,
            row.bbox_x1,
        )
        assert len(y) * 0.01 == pytest.approx(row.cell_area_um2, rel=0.03)
        assert found.table["y_px"].is_monotonic_increasing


def test_array_path_and_slide_give_the_same(image: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(image).save(tmp_path / "smear.png")
    tables = [
        segment(source, um_per_px=0.1).table
        for source in (image, tmp_path / "smear.png", str(tmp_path / "smear.png"), open_slide(image))
    ]
    for table in tables[1:]:
        assert table.equals(tables[0])


def test_progress_counts_the_tiles(image: np.ndarray) -> None:
    seen: list[Progress] = []
    segment(image, um_per_px=0.1, progress=seen.append)
    assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (1, 1, "tile")


@pytest.mark.parametrize("workers", [1, 2])
def test_cancel_stops_at_the_next_tile(image: np.ndarray, workers: int) -> None:
    slide, cancel = open_slide(image), CancelToken()
    tiles = plan_tiles(slide.shape, 0.1, core_px=250)
    results = segment_slide(slide, 0.1, workers=workers, cancel=cancel, tiles=tiles)
    assert next(results).done == 1
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(results)


def test_cancelled_before_the_start(image: np.ndarray) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        segment(image, um_per_px=0.1, cancel=cancel)


def test_a_wrong_scale_is_refused(image: np.ndarray) -> None:
    with pytest.raises(InputError):
        segment(image, um_per_px=-1)


def test_slide_model_is_plain_and_travels(image: np.ndarray) -> None:
    model = fit_slide_model(open_slide(image), 0.1)
    again = pickle.loads(pickle.dumps(model))
    assert again.to_dict() == model.to_dict()
    assert json.loads(json.dumps(model.to_dict()))["um_per_px"] == 0.1
    assert model.confidence > 0.5
    assert 0.1 < model.red_cell_fraction < 0.6
    assert model.background.rgb == pytest.approx((237, 229, 232), abs=6)


def test_slide_model_without_red_cells_says_so() -> None:
    model = fit_slide_model(open_slide(Scene(80, 80, 0.1).leukocyte(40, 40).draw()), 0.1)
    assert model.confidence == 0
    assert model.red_cell_axis == pytest.approx((0.370, 0.770, 0.520), abs=0.002)  # the typical one


def test_the_pyramid_is_used_and_changes_little(image: np.ndarray) -> None:
    from napari_wbc.slides.array import ArraySlide

    height, width = (n // 4 * 4 for n in image.shape[:2])
    image = image[:height, :width]
    reduced = image.reshape(height // 4, 4, width // 4, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    flat = segment(image, um_per_px=0.1).table
    pyramid = segment(ArraySlide([image, reduced], "pyramid"), um_per_px=0.1).table
    assert len(flat) == len(pyramid)
    assert np.abs(flat["y_px"] - pyramid["y_px"]).max() < 5


def test_tiles_cover_the_slide_once() -> None:
    covered = np.zeros((1000, 1500), int)
    for tile in plan_tiles(covered.shape, 0.1, core_px=333):
        covered[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] += 1
    assert (covered == 1).all()
