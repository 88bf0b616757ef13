"""Where the overlay marks cells and what it writes: each stroke and text as the brush gets it, worked by hand."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import ImageDraw, ImageFont

from napari_wbc.differential import RESEARCH_USE, overlay
from napari_wbc.differential.marks import rgb
from napari_wbc.differential.overlay import draw_overlay
from napari_wbc.leukocytes import class_of
from napari_wbc.masks import CellMask

DARK, LIGHT = (20, 22, 26), (255, 255, 255)
GREEN = rgb(class_of("lymphocyte").colour)


def blank(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 235, np.uint8)


def length(text: str, size: int) -> float:
    """How long a text is, px, in the typeface that comes with Pillow."""
    return ImageFont.load_default(size).getlength(text)


@pytest.fixture
def boxed(make_cells):
    """Give cells of some classes by their boxes ``(y0, x0, y1, x1)``; all of them are sure."""

    def build(*boxes, labels=None):
        cells, _, _ = make_cells({"lymphocyte": len(boxes)})
        columns = ["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]
        cells = cells.assign(**dict(zip(columns, np.array(boxes).T, strict=True)))
        return cells if labels is None else cells.assign(label=labels)

    return build


@pytest.fixture
def strokes(monkeypatch):
    """Note outlines and dots instead of painting them."""
    made = SimpleNamespace(outlines=[], dots=[])

    def outline(picture, rings, colour, width, *, dashed):
        made.outlines.append(SimpleNamespace(rings=rings, colour=colour, width=width, dashed=dashed))

    def dot(picture, x, y, radius, colour, *, hollow):
        made.dots.append((x, y, radius, colour, hollow))

    monkeypatch.setattr(overlay, "paint_outline", outline)
    monkeypatch.setattr(overlay, "paint_dot", dot)
    return made


@pytest.fixture
def pen(monkeypatch):
    """Note texts and plates beside drawing them."""
    made = SimpleNamespace(texts=[], plates=[])
    text, plate = ImageDraw.ImageDraw.text, ImageDraw.ImageDraw.rounded_rectangle

    def write(self, xy, said, *, font, fill, anchor):
        made.texts.append((said, pytest.approx(xy), font.size, fill, anchor))
        text(self, xy, said, font=font, fill=fill, anchor=anchor)

    def fill_plate(self, xy, *, radius, fill, outline):
        made.plates.append((pytest.approx(xy), radius, fill, outline))
        plate(self, xy, radius=radius, fill=fill, outline=outline)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", write)
    monkeypatch.setattr(ImageDraw.ImageDraw, "rounded_rectangle", fill_plate)
    return made


# ---- outlines and dots ---------------------------------------------------------------------------------------


def test_a_box_gives_an_ellipse_through_the_middles_of_its_sides(boxed, strokes):
    draw_overlay(blank(100, 200), boxed((20, 40, 60, 120)), legend=False)
    ((ring,),) = (made.rings for made in strokes.outlines)
    assert ring.shape == (49, 2)
    # x, y: right, below, left, above, right again.
    assert ring[::12] == pytest.approx(np.array([[120, 40], [80, 60], [40, 40], [80, 20], [120, 40]]))
    assert ((ring[:, 0] - 80) / 40) ** 2 + ((ring[:, 1] - 40) / 20) ** 2 == pytest.approx(np.ones(49))


@pytest.mark.parametrize(("side", "width"), [(50, 1.6), (100, 2.4), (200, 4.8), (400, 5.0)])
def test_lines_are_as_wide_as_cells_are_large(boxed, strokes, side, width):
    """2.4 % of the side, within 1.6 to 5 px."""
    draw_overlay(blank(420, 420), boxed((0, 0, side, side)), legend=False)
    assert strokes.outlines[0].width == pytest.approx(width)
    assert strokes.outlines[0].colour == GREEN


def test_a_mask_is_traced_where_it_lies_on_the_slide(boxed, strokes):
    """The picture begins 50 down and 150 to the right on the slide; its pixels are twice as large."""
    cell = np.ones((40, 60), bool)
    mask = CellMask(100, 200, cell, cell)
    draw_overlay(
        blank(80, 80), boxed((100, 200, 140, 260)), [mask], origin=(50, 150), scale=2.0, legend=False
    )
    ((ring,),) = (made.rings for made in strokes.outlines)
    assert [*ring.min(axis=0), *ring.max(axis=0)] == pytest.approx([25, 25, 55, 45], abs=0.4)


def test_a_lobed_cell_has_an_outline_for_each_part(boxed, strokes):
    cell = np.ones((30, 60), bool)
    cell[:, 25:35] = False
    draw_overlay(blank(60, 80), boxed((0, 0, 30, 60)), [CellMask(0, 0, cell, cell)], legend=False)
    (made,) = strokes.outlines
    assert sorted(ring[:, 0].max() for ring in made.rings) == [25, 60]


def test_a_mask_without_a_pixel_falls_back_on_the_box(boxed, strokes):
    nothing = np.zeros((30, 60), bool)
    draw_overlay(blank(60, 80), boxed((0, 0, 30, 60)), [CellMask(0, 0, nothing, nothing)], legend=False)
    assert strokes.outlines[0].rings[0].max(axis=0).tolist() == [60, 30]


def test_each_mask_is_that_of_its_cell(boxed, strokes):
    """The first cell is excluded, the second outside the picture."""
    cells = boxed((0, 0, 20, 20), (0, 200, 20, 220), (0, 40, 20, 60), (0, 70, 20, 90))
    cells.loc[0, "status"] = "excluded"
    masks = [CellMask(0, x, np.ones((20, 20), bool), np.ones((20, 20), bool)) for x in (0, 200, 40, 70)]
    draw_overlay(blank(60, 100), cells, masks, legend=False)
    assert [made.rings[0][:, 0].min() for made in strokes.outlines] == [40, 70]


@pytest.mark.parametrize(
    ("box", "seen"),
    [
        ((-20, 10, 0, 30), False),
        ((-20, 10, 1, 30), True),
        ((10, -20, 30, 0), False),
        ((10, -20, 30, 1), True),
        ((50, 10, 70, 30), False),
        ((49, 10, 70, 30), True),
        ((10, 90, 30, 110), False),
        ((10, 89, 30, 110), True),
    ],
)
def test_cells_that_touch_the_picture_are_marked(boxed, strokes, box, seen):
    draw_overlay(blank(50, 90), boxed(box), legend=False)
    assert len(strokes.outlines) == seen


def test_small_cells_are_dots_in_the_middle_of_their_boxes(boxed, strokes):
    """Sides of 8, 8, and 40 px: the median is 8, its half the radius."""
    cells = boxed((10, 40, 18, 48), (30, 60, 38, 68), (0, 0, 40, 40))
    cells.loc[1, "confidence"] = 0.5
    draw_overlay(blank(60, 80), cells, legend=False)
    assert strokes.outlines == []
    assert strokes.dots == [
        (44, 14, 4, GREEN, False),
        (64, 34, 4, GREEN, True),
        (20, 20, 4, GREEN, False),
    ]


def test_dots_stay_large_enough_to_be_seen(boxed, strokes):
    draw_overlay(blank(60, 80), boxed((10, 40, 12, 43)), legend=False)
    assert strokes.dots == [(41.5, 11, 2.5, GREEN, False)]


def test_from_nine_pixels_on_cells_have_outlines(boxed, strokes):
    draw_overlay(blank(60, 80), boxed((10, 40, 19, 49)), legend=False)
    assert (len(strokes.outlines), strokes.dots) == (1, [])


def test_uncertain_cells_only_are_dashed(boxed, strokes):
    cells = boxed((0, 0, 20, 20), (0, 30, 20, 50), (0, 60, 20, 80))
    cells.loc[1, "confidence"] = 0.59
    cells.loc[2, "confidence"] = 0.6
    draw_overlay(blank(60, 80), cells, legend=False)
    assert [made.dashed for made in strokes.outlines] == [False, True, False]


# ---- abbreviations -------------------------------------------------------------------------------------------


def test_an_abbreviation_stands_on_the_upper_right_of_its_cell(boxed, strokes, pen):
    """100 px wide: letters of 17, a rim of 3, and a plate 23 high that begins 0.6 of that above the box."""
    draw_overlay(blank(300, 300), boxed((100, 100, 200, 200)), legend=False)
    width = length("LYM", 17) + 6
    left, top = 200 - 0.4 * width, 86.2
    assert pen.plates == [((left, top, left + width, top + 23), 3, GREEN, LIGHT)]
    assert pen.texts == [("LYM", (left + width / 2, top + 11.5), 17, LIGHT, "mm")]


@pytest.mark.parametrize(("side", "size", "rim"), [(24, 11, 2), (90, 15, 3), (170, 28, 5), (280, 30, 6)])
def test_letters_are_as_large_as_cells_are(boxed, strokes, pen, side, size, rim):
    """17 % of the side, within 11 to 30 px; the rim is a fifth of it."""
    draw_overlay(blank(300, 300), boxed((10, 10, 10 + side, 10 + side)), legend=False)
    ((_, _, written, _, _),) = pen.texts
    ((_, radius, _, _),) = pen.plates
    assert (written, radius) == (size, rim)


def test_a_question_mark_says_that_a_cell_is_uncertain(boxed, strokes, pen):
    cells = boxed(
        (0, 0, 60, 60),
        (0, 100, 60, 160),
        (0, 200, 60, 260),
        labels=["lymphocyte", "monocyte", "unidentified"],
    )
    cells.loc[1, "confidence"] = 0.1
    draw_overlay(blank(100, 300), cells, legend=False)
    assert [text for text, *_ in pen.texts] == ["LYM", "MON?", "?"]
    # Dark letters on yellow, light ones on green and black.
    assert [fill for _, _, _, fill, _ in pen.texts] == [LIGHT, DARK, LIGHT]


def test_in_one_place_plates_go_around_the_cell(boxed, strokes, pen):
    labels = ["lymphocyte", "monocyte", "basophil", "eosinophil", "myelocyte", "platelet"]
    draw_overlay(blank(300, 300), boxed(*[(100, 100, 200, 200)] * 6, labels=labels), legend=False)
    widths = [length(class_of(name).abbreviation, 17) + 6 for name in labels]
    # Upper right, lower right, upper left, lower left, the middle; then all places are taken.
    corners = [
        (200 - 0.4 * widths[0], 86.2),
        (200 - 0.4 * widths[1], 190.8),
        (100 - 0.6 * widths[2], 86.2),
        (100 - 0.6 * widths[3], 190.8),
        (150 - 0.5 * widths[4], 138.5),
        (200 - 0.4 * widths[5], 86.2),
    ]
    assert [place for place, *_ in pen.plates] == [
        (x, y, x + width, y + 23) for (x, y), width in zip(corners, widths, strict=True)
    ]


@pytest.mark.parametrize(
    ("down", "right", "moves"), [(0, 20, True), (10, 0, True), (0, 60, False), (20, 0, False)]
)
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_plate_moves_only_where_another_one_is(boxed, strokes, pen, down, right, moves, sign):
    """Plates of 60 px cells are 15 high and about 30 wide."""
    y, x = 100 + sign * down, 100 + sign * right
    draw_overlay(blank(300, 300), boxed((100, 100, 160, 160), (y, x, y + 60, x + 60)), legend=False)
    width = length("LYM", 11) + 4
    first, second = (place for place, *_ in pen.plates)
    assert 20 < width < 40
    assert first == (160 - 0.4 * width, 91, 160 + 0.6 * width, 106)
    top = y + 60 - 0.4 * 15 if moves else y - 0.6 * 15
    left = x + 60 - 0.4 * width
    assert second == (left, top, left + width, top + 15)


def test_plates_stay_in_the_picture(boxed, strokes, pen):
    draw_overlay(blank(100, 120), boxed((0, 0, 60, 60), (60, 80, 120, 140)), legend=False)
    width = length("LYM", 11) + 4
    above, beside = (place for place, *_ in pen.plates)
    assert above == (60 - 0.4 * width, 0, 60 + 0.6 * width, 15)
    assert beside == (119 - width, 51, 119, 66)


def test_only_large_and_few_cells_have_abbreviations(boxed, strokes, pen):
    draw_overlay(blank(100, 100), boxed((0, 0, 23, 24)), legend=False)
    draw_overlay(blank(100, 100), boxed(*[(0, 0, 30, 30)] * 401), legend=False)
    assert pen.plates == []
    draw_overlay(blank(100, 100), boxed((0, 0, 24, 24)), legend=False)
    assert len(pen.plates) == 1
    draw_overlay(blank(100, 100), boxed(*[(0, 0, 30, 30)] * 400), legend=False)
    assert len(pen.plates) == 401


# ---- the legend ----------------------------------------------------------------------------------------------


def test_legend_of_a_wide_picture(boxed, strokes, pen):
    """A sixtieth of 1200 px: letters, swatches and margins of 20, lines of 34, notes of 16 in lines of 22."""
    labels = ["erythroblast", "lymphocyte", "lymphocyte"]
    cells = boxed((0, 0, 8, 8), (0, 30, 8, 38), (0, 60, 8, 68), labels=labels)
    picture = draw_overlay(blank(600, 1200), cells)
    assert picture.shape == (600 + 44 + 22 + 10, 1200, 3)
    first = length("LYM lymphocyte  2", 20)
    second = 20 + 30 + first + 28
    ink, rim = (28, 32, 38), (60, 64, 70)
    pink = rgb(class_of("erythroblast").colour)
    assert pen.plates == [
        ((20, 13, 40, 33), 4, GREEN, rim),
        ((second, 13, second + 20, 33), 4, pink, rim),
    ]
    assert pen.texts == [
        ("LYM lymphocyte  2", (50, 23), 20, ink, "lm"),
        ("NRBC erythroblast  1", (second + 30, 23), 20, ink, "lm"),
        (RESEARCH_USE, (20, 55), 16, (96, 102, 110), "lm"),
    ]
    assert picture[600 + 23, 30].tolist() == list(GREEN)
    assert picture[600 + 5, 5].tolist() == [255, 255, 255]


def test_legend_of_a_small_picture_breaks_its_lines(boxed, strokes, pen):
    """Not narrower than 320 px: letters of 12 in lines of 20, notes of 11 in lines of 15; the picture in its middle."""
    labels = ["lymphocyte_large_granular", "monocyte", "monocyte"]
    cells = boxed((0, 0, 8, 8), (0, 30, 8, 38), (0, 60, 8, 68), labels=labels)
    cells.loc[2, "confidence"] = 0.1
    picture = draw_overlay(blank(50, 100), cells)
    assert (picture[:50, 110:210] == 235).all()
    assert (picture[:50, :110] == 255).all()
    assert (picture[:50, 210:] == 255).all()
    assert length("MON monocyte  2", 12) + length("LGL large granular lymphocyte  1", 12) + 36 > 296 - 16.8
    assert [place for place, *_ in pen.plates] == [(12, 7.8, 24, 19.8), (12, 27.8, 24, 39.8)]
    words = [(text, place, size) for text, place, size, _, _ in pen.texts]
    assert words[:2] == [
        ("MON monocyte  2", (30, 13.8), 12),
        ("LGL large granular lymphocyte  1", (30, 33.8), 12),
    ]
    notes = words[2:]
    assert " ".join(text for text, *_ in notes) == f"Hollow dot: uncertain (1). {RESEARCH_USE}"
    assert all(length(text, 11) <= 296 for text, *_ in notes)
    # Below two lines of classes; each line takes the words that fit.
    assert notes == [(text, (12, 46 + 15 * (i + 0.5)), 11) for i, (text, *_) in enumerate(notes)]
    for (text, *_), (following, *_) in pairwise(notes):
        assert length(f"{text} {following.split()[0]}", 11) > 296
    assert picture.shape == (50 + 46 + 15 * len(notes) + 6, 320, 3)


def test_notes_of_the_legend(boxed, strokes, pen):
    cells = boxed((0, 0, 30, 30), (0, 40, 30, 70))
    draw_overlay(blank(600, 1200), cells.assign(confidence=0.5))
    assert pen.texts[-1][0] == f"Dashed outline: uncertain (2). {RESEARCH_USE}"
    picture = draw_overlay(blank(600, 1200), cells.iloc[:0])
    assert pen.texts[-1][:2] == (f"No cell was found. {RESEARCH_USE}", (20, 10 + 11))
    assert picture.shape[0] == 600 + 10 + 22 + 10


@pytest.mark.parametrize(
    ("width", "size", "of_notes"), [(719, 12, 11), (840, 14, 11), (1800, 30, 24), (3000, 44, 35)]
)
def test_letters_of_the_legend(boxed, strokes, pen, width, size, of_notes):
    draw_overlay(blank(100, width), boxed((0, 0, 8, 8)))
    assert [written for _, _, written, _, _ in pen.texts][:2] == [size, of_notes]
