"""The counting behind the published figures, on scenes with a known answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks.pages import fill
from benchmarks.segmentation.fields import Field
from benchmarks.segmentation.intervals import share_interval, wilson_interval
from benchmarks.segmentation.matching import Finds, score
from benchmarks.segmentation.peer_methods import METHODS, finds_from
from benchmarks.segmentation.readings import FILE, Readings
from benchmarks.segmentation.red_cells import empty_rectangle, per_100_megapixels

SHAPE = (100, 200)


def field_with(*boxes: tuple[float, float, float, float]) -> Field:
    field = Field("test", "g", "none.png", 0.1, np.array(boxes, float).reshape(-1, 4), "")
    field.__dict__["pixels"] = np.zeros((*SHAPE, 3), np.uint8)
    return field


def finds(*boxes: tuple[int, int, int, int]) -> Finds:
    cells = np.zeros(SHAPE, np.int32)
    for k, (y0, x0, y1, x1) in enumerate(boxes, start=1):
        cells[y0:y1, x0:x1] = k
    table = np.array(boxes, float).reshape(-1, 4)
    return Finds(table, (table[:, :2] + table[:, 2:]) / 2, cells)


def test_a_cell_found_as_marked() -> None:
    result = score(field_with((10, 10, 40, 40)), finds((10, 10, 40, 40)))
    assert (result.by_iou, result.by_centre, result.splits, result.merges) == (1, 1, 0, 0)
    assert not result.missed
    assert not result.unmarked


def test_nothing_found_and_nothing_marked() -> None:
    assert score(field_with((10, 10, 40, 40)), finds()).missed == [0]
    assert score(field_with(), finds((10, 10, 40, 40))).unmarked == [0]
    assert score(field_with(), finds()).marked == 0


def test_an_outline_far_too_large_has_its_centre_right_only() -> None:
    result = score(field_with((30, 30, 50, 50)), finds((10, 10, 70, 70)))
    assert (result.by_iou, result.by_centre, result.loose) == (0, 1, [0])


def test_a_cell_in_two_parts_is_one_split() -> None:
    result = score(field_with((10, 10, 40, 60)), finds((10, 10, 40, 34), (10, 36, 40, 60)))
    assert (result.splits, result.merges, len(result.unmarked)) == (1, 0, 1)


def test_two_cells_in_one_are_one_merge_wherever_the_centre_lies() -> None:
    marks = field_with((10, 10, 40, 40), (10, 40, 40, 70))
    between = score(marks, finds((10, 10, 40, 70)))
    assert (between.merges, between.splits) == (1, 0)
    in_one = score(marks, finds((10, 5, 40, 60)))
    assert (in_one.merges, in_one.by_centre) == (1, 1)


def test_neighbours_with_overlapping_boxes_are_no_split() -> None:
    result = score(field_with((10, 10, 40, 50), (10, 30, 40, 70)), finds((12, 12, 38, 38), (12, 42, 38, 68)))
    assert (result.by_centre, result.splits, result.merges) == (2, 0, 0)


def test_marks_are_scaled_with_the_image() -> None:
    assert score(field_with((20, 20, 60, 60)), finds((10, 10, 30, 30)), scale=0.5).by_iou == 1


def test_all_found_is_not_certain() -> None:
    rows = pd.DataFrame({"group": list("abcdefghij"), "found": 1, "marked": 1})
    value, low, high = share_interval(rows, "found", "marked")
    assert (value, high) == (1.0, 1.0)
    assert low == pytest.approx(wilson_interval(1.0, 10)[0])
    assert low < 0.75


def test_interval_of_no_find_at_all() -> None:
    assert per_100_megapixels(0, 100.0) == pytest.approx((0.0, 0.0, 3.689), abs=1e-3)


def test_the_empty_rectangle_keeps_clear_of_the_marks() -> None:
    y0, x0, y1, x1 = empty_rectangle(field_with((0, 0, 100, 60)))
    assert (y0, y1) == (0, 96)
    assert x0 >= 60 + 30
    assert x1 == 192


def test_readings_belong_to_what_lies_near(tmp_path) -> None:
    file = tmp_path / "readings.csv"
    file.write_text("path,kind,y_px,x_px,reading,note\na.png,find,10,10,leukocyte,\n")
    known = Readings(file)
    assert known.reading("a.png", "find", 12, 12, 0.1) == "leukocyte"
    assert known.reading("a.png", "mark", 12, 12, 0.1) == ""
    assert known.reading("a.png", "find", 90, 12, 0.1) == ""
    assert known.reading("b.png", "find", 10, 10, 0.1) == ""


def test_the_readings_that_are_kept_are_well_formed() -> None:
    table = pd.read_csv(FILE, keep_default_na=False)
    assert set(table["kind"]) <= {"find", "mark"}
    assert set(table["reading"]) <= {"leukocyte", "no leukocyte", "marked twice", "unsure"}
    assert not table.duplicated(["path", "kind", "y_px", "x_px"]).any()


@pytest.mark.parametrize("name", METHODS)
def test_peers_find_two_plain_nuclei(name: str) -> None:
    um = 0.1
    y, x = np.mgrid[:300, :500]
    pixels = np.full((300, 500, 3), (235, 225, 220), np.uint8)
    for centre, colour, radius in (
        ((80, 100), (210, 160, 160), 37),
        ((220, 250), (210, 160, 160), 37),
        ((150, 140), (90, 40, 140), 45),
        ((150, 380), (90, 40, 140), 45),
    ):
        pixels[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2] = colour
    noise = np.random.default_rng(0).normal(0, 2, pixels.shape)
    pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    found = finds_from(METHODS[name](pixels, um), 0.0, um)
    assert len(found.boxes) == 2
    np.testing.assert_allclose(found.centres, [(150, 140), (150, 380)], atol=3)


def test_tables_go_into_their_place_on_the_page(tmp_path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    (results / "speed.md").write_text("| a |\n|---|\n| 1\\2 |\n")
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- table: speed -->\nold\n<!-- end -->\nafter\n<!-- table: pair -->\n<!-- end -->\n"
    )
    fill(page, results)
    fill(page, results)
    assert page.read_text() == (
        "before\n<!-- table: speed -->\n\n| a |\n|---|\n| 1\\2 |\n\n<!-- end -->\nafter\n"
        "<!-- table: pair -->\n<!-- end -->\n"
    )
