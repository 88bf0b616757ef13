"""Outlines, dots and dashes: which pixels they cover, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wbc.differential.marks import contrasting, dashes, paint_dot, paint_outline

DARK, LIGHT = (20, 22, 26), (255, 255, 255)


def grey(side: int = 60) -> np.ndarray:
    return np.full((side, side, 3), 100, np.uint8)


@pytest.mark.parametrize(
    ("colour", "letters"),
    [
        # Luminances 0.7152, 0.2126 and 0.0722; the limit is 0.3.
        ((0, 255, 0), DARK),
        ((255, 0, 0), LIGHT),
        ((0, 0, 255), LIGHT),
        # (148 / 255) ** 2.2 = 0.302 and (147 / 255) ** 2.2 = 0.298.
        ((148, 148, 148), DARK),
        ((147, 147, 147), LIGHT),
        ((0, 0, 0), LIGHT),
    ],
)
def test_letters_on_a_colour(colour, letters):
    assert contrasting(colour) == letters


def test_dashes_of_a_square():
    """120 around: with dashes of 12 there are 120 / 20 = 6 periods, each with a dash of 12 and a gap of 8."""
    square = np.array([[0, 0], [30, 0], [30, 30], [0, 30], [0, 0]], float)
    parts = [part.tolist() for part in dashes(square, 12)]
    expected = [
        [[0, 0], [12, 0]],
        [[20, 0], [30, 0], [30, 2]],
        [[30, 10], [30, 22]],
        [[30, 30], [18, 30]],
        [[10, 30], [0, 30], [0, 28]],
        [[0, 20], [0, 8]],
    ]
    assert len(parts) == 6
    for part, wanted in zip(parts, expected, strict=True):
        assert part == [pytest.approx(point) for point in wanted]


def test_a_short_ring_has_four_dashes():
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]], float)
    parts = dashes(square, 100)
    assert [part[0].tolist() for part in parts] == [[0, 0], [10, 0], [10, 10], [0, 10]]
    assert [part[-1].tolist() for part in parts] == [
        pytest.approx(end) for end in ([6, 0], [10, 6], [4, 10], [0, 4])
    ]


def test_an_outline_has_its_width_and_an_edge_around_it():
    """4 px wide with an edge of 1.6 on either side: the upper side at y = 30 covers 28 to 32, its edge 26.4 to 33.6."""
    picture = grey()
    square = np.array([[10, 30], [50, 30], [50, 55], [10, 55], [10, 30]], float)
    paint_outline(picture, [square], (0, 0, 0), 4.0)
    across = picture[:, 25, 0].astype(int)
    # Pillow may move a line by a third of a pixel.
    assert across[29:31].tolist() == [0, 0]
    assert across[[28, 31]].max() < 80
    # Three quarters of white over grey.
    assert across[[27, 32]].max() == 216
    assert across[[27, 32]].min() > 140
    assert across[:26].tolist() == [100] * 26
    assert across[35:50].tolist() == [100] * 15


def test_thin_outlines_have_an_edge_of_their_own():
    """1 px wide: the edge is 1.2 wider in all, not 0.8."""
    picture = grey()
    paint_outline(picture, [np.array([[5, 30], [55, 30], [5, 30]], float)], (0, 0, 0), 1.0)
    touched = np.flatnonzero(picture[:, 30, 0] != 100)
    assert touched.min() >= 28
    assert touched.max() <= 31
    assert picture[28:32, 30, 0].astype(int).max() > 130


def test_the_edge_of_a_dashed_outline_goes_on():
    whole, dashed = grey(), grey()
    square = np.array([[10, 10], [50, 10], [50, 50], [10, 50], [10, 10]], float)
    paint_outline(whole, [square], (255, 0, 0), 3.0)
    paint_outline(dashed, [square], (255, 0, 0), 3.0, dashed=True)
    red = [((picture == (255, 0, 0)).all(axis=-1)).sum() for picture in (whole, dashed)]
    # 160 around, dashes of 9.6: ten periods of 16, three fifths of each a dash.
    assert red[1] / red[0] == pytest.approx(0.6, abs=0.1)
    touched = [(picture != 100).any(axis=-1) for picture in (whole, dashed)]
    np.testing.assert_array_equal(*touched)


def test_every_ring_is_painted():
    picture = grey()
    rings = [np.array([[x, 5], [x + 15, 5], [x + 15, 20], [x, 20], [x, 5]], float) for x in (5, 35)]
    paint_outline(picture, rings, (255, 0, 0), 2.0)
    for x in (5, 20, 35, 50):
        assert picture[12, x].tolist() == [255, 0, 0]
    assert picture[12, 12].tolist() == picture[12, 42].tolist() == [100, 100, 100]


def test_a_dot_is_a_disc_with_an_edge():
    """Radius 6 around a corner of pixels, the edge 1.2 more: four fifths of white over grey, 224."""
    picture = grey(40)
    paint_dot(picture, 20.0, 20.0, 6.0, (0, 0, 0))
    row = picture[20, :, 0].astype(int)
    assert row[15:25].max() <= 20
    assert row[[13, 26]] == pytest.approx([224, 224], abs=25)
    assert row[:12].tolist() == [100] * 12
    assert row[28:].tolist() == [100] * 12
    np.testing.assert_array_equal(picture[..., 0], picture[..., 0].T)
    bright = grey(40)
    paint_dot(bright, 20.0, 20.0, 6.0, (255, 255, 255))
    # Half of white and of the dark edge around it is 145.
    assert (bright[..., 0] > 145).sum() == pytest.approx(np.pi * 36, rel=0.1)


def test_a_hollow_dot_is_a_ring():
    """A disc of 0.55 of the radius, 5.5 of 10, is filled with the contrasting colour."""
    picture = grey()
    paint_dot(picture, 30.0, 30.0, 10.0, (0, 0, 0), hollow=True)
    row = picture[30, :, 0].astype(int)
    assert row[26:34].min() >= 235
    assert row[[21, 22, 23, 37, 38]].max() <= 20
    white = (picture[20:40, 20:40, 0] > 230).sum()
    assert white == pytest.approx(np.pi * 5.5**2, rel=0.15)


def test_what_lies_outside_is_not_painted():
    picture = grey()
    for x, y in ((-30, 20), (90, 20), (20, -30), (20, 90)):
        paint_dot(picture, x, y, 5.0, (0, 0, 0))
    assert (picture == 100).all()


@pytest.mark.parametrize(("x", "y"), [(0.0, 30.0), (60.0, 30.0), (30.0, 0.0), (30.0, 60.0)])
def test_half_a_dot_at_the_border(x, y):
    picture = grey()
    paint_dot(picture, x, y, 8.0, (0, 0, 0))
    dark = np.argwhere(picture[..., 0] < 50)
    assert len(dark) == pytest.approx(np.pi * 64 / 2, rel=0.12)
    assert (np.abs(dark + 0.5 - (y, x)) <= 8.5).all()
