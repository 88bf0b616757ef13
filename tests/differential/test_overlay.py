"""The overlay: colours and marks where the cells are, at any scale."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_wbc.differential.marks import contrasting, rgb
from napari_wbc.differential.overlay import draw_overlay, uncertain, write_overlay_png
from napari_wbc.errors import OutputError
from napari_wbc.leukocytes import class_of


def share_of(picture: np.ndarray, colour: str) -> int:
    """Count the pixels that have about a colour."""
    return int((np.abs(picture.astype(int) - rgb(colour)).max(axis=-1) <= 12).sum())


def test_outlines_have_the_colours_of_the_classes(make_cells):
    cells, masks, image = make_cells({"lymphocyte": 3, "eosinophil": 2})
    before = image.copy()
    picture = draw_overlay(image, cells, masks, legend=False)
    assert picture.shape == image.shape
    np.testing.assert_array_equal(image, before)
    for name, left in (("lymphocyte", 0), ("eosinophil", 120)):
        area = picture[:, left : left + 40]
        assert share_of(area, class_of(name).colour) > 60
    assert share_of(picture, class_of("monocyte").colour) == 0
    # Away from cells and their plates nothing is painted.
    np.testing.assert_array_equal(picture[:, 240:], image[:, 240:])


def test_uncertain_cells_are_dashed(make_cells):
    cells, masks, image = make_cells({"lymphocyte": 2}, columns=2)
    cells.loc[1, "flags"] = "unlike_training"
    # At this scale cells have no plates, which would be in the way of counting.
    large = np.asarray(Image.fromarray(image).resize((48, 24)))
    picture = draw_overlay(large, cells, masks, scale=40 / 24, legend=False)
    near = np.abs(picture.astype(int) - rgb(class_of("lymphocyte").colour)).max(axis=-1) <= 40
    whole, dashed = int(near[:, :24].sum()), int(near[:, 24:].sum())
    assert 0 < dashed < 0.85 * whole


def test_who_is_uncertain(make_cells):
    cells, _, _ = make_cells({"lymphocyte": 4, "unidentified": 1, "neutrophil_segmented": 2})
    cells.loc[1, "confidence"] = 0.5
    cells.loc[2, ["confidence", "status"]] = [0.5, "reviewed"]
    cells.loc[3, "flags"] = "clump;unlike_training"
    # Doubt between a band and a segmented neutrophil is no doubt that it is a neutrophil.
    cells.loc[5, ["confidence", "p_neutrophil_segmented", "p_neutrophil_band"]] = [0.5, 0.5, 0.45]
    cells.loc[6, ["confidence", "p_neutrophil_segmented", "p_neutrophil_band"]] = [0.5, 0.5, 0.05]
    assert uncertain(cells).tolist() == [False, True, False, True, True, False, True]


def test_window_and_scale_move_the_marks(make_cells):
    cells, masks, image = make_cells({"lymphocyte": 1, "eosinophil": 1}, columns=2)
    double = np.asarray(Image.fromarray(image).resize((160, 80)))
    picture = draw_overlay(double[:, 80:], cells, masks, origin=(0, 40), scale=0.5, legend=False)
    assert share_of(picture, class_of("eosinophil").colour) > 150
    assert share_of(picture, class_of("lymphocyte").colour) == 0
    # The outline runs where the mask ends: at a radius of 14 px, 28 px here.
    rows, columns = np.nonzero(np.abs(picture.astype(int) - rgb("#d55e00")).max(axis=-1) <= 12)
    left = columns < 40
    radius = np.hypot(rows[left] - 39.5, columns[left] - 39.5)
    assert np.median(radius) == pytest.approx(28, abs=1)


def test_small_cells_become_dots(make_cells):
    cells, masks, image = make_cells({"lymphocyte": 40, "unidentified": 2})
    small = np.asarray(Image.fromarray(image).reduce(5))
    picture = draw_overlay(small, cells, masks, scale=5.0, legend=False)
    assert picture.shape == small.shape
    assert share_of(picture, class_of("lymphocyte").colour) > 40 * 5


def test_without_masks_boxes_give_ellipses(make_cells):
    cells, masks, image = make_cells({"monocyte": 1})
    by_mask, by_box = (
        share_of(draw_overlay(image, cells, m, legend=False), "#e69f00") for m in (masks, None)
    )
    assert by_box == pytest.approx(by_mask, rel=0.25)


def test_excluded_cells_are_left_out(make_cells):
    cells, masks, image = make_cells({"lymphocyte": 2})
    cells["status"] = "excluded"
    np.testing.assert_array_equal(draw_overlay(image, cells, masks, legend=False), image)


def test_legend_stands_below_the_image(blood):
    cells, masks, image = blood
    picture = draw_overlay(image, cells, masks)
    height, width = image.shape[:2]
    assert picture.shape[1] == width
    strip = picture[height:]
    assert strip.shape[0] > 40
    for name in cells["label"].unique():
        assert share_of(strip, class_of(name).colour) > 60, name
    assert (strip[-1] == 255).all()


@pytest.mark.parametrize("shape", [(1, 1), (30, 5), (64, 64)])
def test_tiny_images_get_a_legend_that_can_be_read(make_cells, shape):
    cells, _, _ = make_cells({})
    picture = draw_overlay(np.full((*shape, 3), 230, np.uint8), cells, [])
    assert picture.shape[1] >= 320
    assert picture.shape[0] > shape[0]


def test_wrong_input_is_refused(make_cells):
    cells, masks, image = make_cells({"lymphocyte": 2})
    with pytest.raises(ValueError, match="8-bit RGB"):
        draw_overlay(image[..., 0], cells, masks)
    with pytest.raises(ValueError, match="scale"):
        draw_overlay(image, cells, masks, scale=0)
    with pytest.raises(ValueError, match="1 masks for 2 cells"):
        draw_overlay(image, cells, masks[:1])


def test_labels_can_be_read_on_every_colour():
    for name in ("metamyelocyte", "basophil", "unidentified", "neutrophil_band"):
        colour = rgb(class_of(name).colour)
        assert abs(sum(contrasting(colour)) - sum(colour)) > 150


def test_png_comes_back_and_an_unwritable_place_is_said(make_cells, tmp_path):
    cells, masks, image = make_cells({"lymphocyte": 2})
    picture = draw_overlay(image, cells, masks)
    path = write_overlay_png(tmp_path / "overlay.png", picture)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), picture)
    with pytest.raises(OutputError, match="nowhere"):
        write_overlay_png(tmp_path / "nowhere" / "overlay.png", picture)


def boxed(cells, *boxes):
    columns = ["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]
    return cells.assign(**dict(zip(columns, np.array(boxes).T, strict=True)))


def test_a_dot_lies_in_the_middle_of_its_cell(make_cells):
    cells = boxed(make_cells({"lymphocyte": 1})[0], (10, 40, 14, 46))
    picture = draw_overlay(np.full((60, 80, 3), 235, np.uint8), cells, legend=False)
    y, x = np.nonzero(np.abs(picture.astype(int) - rgb(class_of("lymphocyte").colour)).max(axis=-1) <= 12)
    assert (y.mean(), x.mean()) == pytest.approx((12, 43), abs=1)


def test_abbreviations_do_not_cover_each_other(make_cells):
    """Two cells in one box: the second plate takes another corner, and both can be read."""
    cells = boxed(make_cells({"lymphocyte": 1, "monocyte": 1})[0], (100, 100, 160, 160), (100, 100, 160, 160))
    picture = draw_overlay(np.full((260, 260, 3), 235, np.uint8), cells, legend=False)
    for name in ("lymphocyte", "monocyte"):
        assert share_of(picture, class_of(name).colour) > 150
