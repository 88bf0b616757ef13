"""Outlines enclose what the mask holds, and lie where it lies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from napari_wbc.differential.outlines import box_ring, geojson_geometry, outlines, ring_area, simplify


def blob(seed: int, side: int = 90) -> np.ndarray:
    """An irregular cell in one piece without holes, as segmentation makes them."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), 6)
    y, x = np.mgrid[:side, :side] - side / 2
    mask = np.hypot(y, x) + 120 * noise < side * 0.33
    parts, _ = label(mask)
    mask = parts == parts[side // 2, side // 2]
    outside, _ = label(~mask)
    return outside != outside[0, 0]


@pytest.mark.parametrize("seed", range(12))
def test_area_is_that_of_the_mask(seed):
    mask = blob(seed)
    rings = outlines(mask, y0=1000, x0=2000)
    assert sum(map(ring_area, rings)) == pytest.approx(mask.sum(), rel=0.005)
    assert all((ring[0] == ring[-1]).all() for ring in rings)
    ys, xs = np.nonzero(mask)
    low, high = rings[0].min(axis=0), rings[0].max(axis=0)
    assert np.abs(low - (xs.min() + 2000, ys.min() + 1000)).max() <= 1
    assert np.abs(high - (xs.max() + 2001, ys.max() + 1001)).max() <= 1


@pytest.mark.parametrize("seed", range(12))
def test_an_outline_does_not_cross_itself(seed):
    ring = outlines(blob(seed))[0]
    a, b = ring[:-1], ring[1:]
    n = len(a)

    def side(p, q, r):
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (
            r[..., 0] - p[..., 0]
        )

    i, j = np.triu_indices(n, 2)
    apart = (i != 0) | (j != n - 1)
    i, j = i[apart], j[apart]
    crossing = (side(a[i], b[i], a[j]) * side(a[i], b[i], b[j]) < 0) & (
        side(a[j], b[j], a[i]) * side(a[j], b[j], b[i]) < 0
    )
    assert not crossing.any()


def test_lobes_give_several_rings_and_holes_are_filled():
    mask = np.zeros((30, 60), bool)
    mask[5:25, 5:25] = True
    mask[10:15, 10:15] = False
    mask[8:18, 40:50] = True
    large, small = outlines(mask)
    assert ring_area(large) == pytest.approx(400, abs=1)
    assert ring_area(small) == pytest.approx(100, abs=1)
    geometry = geojson_geometry([large, small])
    assert geometry["type"] == "MultiPolygon"
    assert len(geometry["coordinates"]) == 2


def test_a_mask_that_fills_its_array_and_one_pixel_and_nothing():
    assert ring_area(outlines(np.ones((4, 6), bool))[0]) == pytest.approx(24, abs=0.5)
    assert len(outlines(np.ones((1, 1), bool))[0]) >= 4
    assert outlines(np.zeros((5, 5), bool)) == []
    assert geojson_geometry([]) is None


def test_simplifying_stays_within_its_tolerance():
    angle = np.linspace(0, 2 * np.pi, 400)
    circle = 30 * np.column_stack([np.cos(angle), np.sin(angle)])
    circle[-1] = circle[0]
    simple = simplify(circle, 0.4)
    assert len(simple) < 40
    middle = (simple[1:] + simple[:-1]) / 2
    assert np.all(30 - np.hypot(*middle.T) <= 0.41)


def test_box_ring_encloses_the_box():
    assert ring_area(box_ring(1, 2, 4, 9)) == 21


def test_a_ring_far_from_the_origin():
    """A triangle of 3 by 4 px and its GeoJSON, by hand; the type is written as RFC 7946 has it."""
    ring = np.array([[100.004, 2000.0], [103.0, 2000.0], [100.0, 2004.0], [100.004, 2000.0]])
    assert ring_area(ring) == pytest.approx(6, abs=0.01)
    corners = [[100.0, 2000.0], [103.0, 2000.0], [100.0, 2004.0], [100.0, 2000.0]]
    assert geojson_geometry([ring]) == {"type": "Polygon", "coordinates": [corners]}
    assert geojson_geometry([ring, ring]) == {"type": "MultiPolygon", "coordinates": [[corners], [corners]]}


def test_a_point_beyond_the_end_of_a_segment_is_kept():
    """Between (0, 0) and (10, 0) the line runs 2 px too far and back: what counts is the distance to the segment."""
    ring = np.array([[0, 0], [-2, 0], [0, 0.1], [10, 0], [12, 0], [10, 10], [0, 0]], float)
    assert [-2.0, 0.0] in simplify(ring, 0.5).tolist()
    assert [12.0, 0.0] in simplify(ring, 0.5).tolist()


@pytest.mark.parametrize(("y0", "x0"), [(0, 0), (100, 2000)])
def test_an_outline_runs_around_its_pixels(y0, x0):
    """Rows 3 to 6 and columns 2 to 8 of 12: the corners of pixels, 2 to 9 across and 3 to 7 down, cut by half a px."""
    mask = np.zeros((12, 12), bool)
    mask[3:7, 2:9] = True
    (ring,) = outlines(mask, y0=y0, x0=x0, tolerance=0.0)
    assert ring.min(axis=0).tolist() == [x0 + 2, y0 + 3]
    assert ring.max(axis=0).tolist() == [x0 + 9, y0 + 7]
    assert ring[0].tolist() == ring[-1].tolist()
    # Four corners of half a px by half a px are cut off.
    assert ring_area(ring) == 7 * 4 - 4 * 0.125
