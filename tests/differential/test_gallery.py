"""The cells that a report shows: which ones, in what order, and what is said under them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_wbc.differential.profile import load_profile
from napari_wbc.differential.report_pictures import gallery, legend_entries, read_gallery
from napari_wbc.slides import open_slide
from napari_wbc.slides.crops import crop_cells


@pytest.fixture
def many(make_cells):
    """30 lymphocytes, the 30th the surest, and a monocyte."""
    cells, _, image = make_cells({"lymphocyte": 30, "monocyte": 1})
    return cells.assign(confidence=[0.5 + 0.01 * k for k in range(30)] + [0.7]), image


def test_of_each_class_the_surest_and_the_least_sure(many):
    cells, image = many
    shown = read_gallery(open_slide(image), cells, 0.1)
    # 24 of a class: 12 from either end, the surest first.
    assert list(shown) == [*range(30, 18, -1), *range(12, 0, -1), 31]
    places = cells.set_index("cell_id").loc[list(shown), ["y_px", "x_px"]].to_numpy(float)
    expected = crop_cells(open_slide(image), places, um_per_px=0.1, size_px=96)
    for crop, of in zip(expected, shown.values(), strict=True):
        assert of.shape == (96, 96, 3)
        np.testing.assert_array_equal(of, crop)


def test_cells_that_a_person_took_out_make_room_for_others(many):
    cells, image = many
    cells.loc[cells["cell_id"].isin([29, 30]), "status"] = "excluded"
    shown = read_gallery(open_slide(image), cells, 0.1)
    assert list(shown) == [*range(28, 16, -1), *range(12, 0, -1), 31]


def test_of_equally_sure_cells_the_first_comes_first(make_cells):
    cells, _, image = make_cells({"lymphocyte": 3})
    cells = cells.assign(confidence=[0.5, 0.9, 0.5]).iloc[::-1]
    assert list(read_gallery(open_slide(image), cells, 0.1)) == [2, 1, 3]
    assert read_gallery(open_slide(image), cells.iloc[:0], 0.1) == {}


def test_what_stands_under_a_picture(make_cells):
    cells, _, _ = make_cells({"monocyte": 1, "neutrophil_band": 3})
    cells = cells.assign(
        confidence=[0.25, 0.9, math.nan, 0.7], status=["model", "model", "reviewed", "model"]
    )
    cells.loc[0, "model_label"] = "lymphocyte"
    crop = np.full((96, 96, 3), 200, np.uint8)
    groups = gallery(cells, dict.fromkeys((1, 2, 3, 4), crop), load_profile(None))
    assert [(group["title"], group["count"], group["all"]) for group in groups] == [
        ("Band neutrophil", "3", True),
        ("Monocyte", "1", True),
    ]
    bands, monocytes = (group["pictures"] for group in groups)
    kept = ("id", "confidence", "reviewed", "left_out")
    assert [tuple(picture[name] for name in kept) for picture in bands] == [
        (2, "0.90", False, 0),
        (4, "0.70", False, 0),
        (3, "–", True, 0),
    ]
    assert monocytes[0]["model_title"] == "Lymphocyte"
    assert monocytes[0]["doubt"] is True
    assert monocytes[0]["picture"].startswith("data:image/jpeg;base64,")


def test_what_is_left_out_is_counted(many):
    cells, image = many
    crops = read_gallery(open_slide(image), cells, 0.1)
    group = gallery(cells, crops, load_profile(None))[0]
    # Six lymphocytes between the twelfth and the thirteenth picture.
    assert [picture["left_out"] for picture in group["pictures"]] == [0] * 12 + [6] + [0] * 11
    assert not group["all"]
    without = gallery(cells[cells["label"] == "monocyte"], {}, load_profile(None))
    assert without == []


def test_legend_counts_and_names(make_cells):
    cells, _, _ = make_cells({"monocyte": 2, "neutrophil_band": 1})
    entries = legend_entries(cells, load_profile(None))
    assert [(entry["abbreviation"], entry["count"]) for entry in entries] == [("BAND", "1"), ("MON", "2")]
    assert len({entry["colour"] for entry in entries}) == 2
