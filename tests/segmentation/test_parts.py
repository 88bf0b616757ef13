"""Connected parts by runs, against SciPy's labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_wbc.segmentation.parts import Parts, connected_parts, grown

EIGHT = np.ones((3, 3))


def painted_numbers(parts: Parts, shape: tuple[int, int]) -> np.ndarray:
    labels = np.zeros(shape, int)
    for row, start, stop, number in zip(parts.row, parts.start, parts.stop, parts.number, strict=True):
        labels[row, start:stop] = number + 1
    return labels


@pytest.mark.parametrize("filled", [0.0, 0.05, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (23, 2), (60, 71)])
def test_parts_are_those_of_scipy(shape: tuple[int, int], filled: float) -> None:
    mask = np.random.default_rng(2).random(shape) < filled
    parts = connected_parts(mask)
    labels, count = ndimage.label(mask, EIGHT)
    assert parts.count == count
    np.testing.assert_array_equal(painted_numbers(parts, shape), labels)
    np.testing.assert_array_equal(parts.areas, np.bincount(labels.ravel(), minlength=count + 1)[1:])
    boxes = [
        (rows.start, columns.start, rows.stop, columns.stop) for rows, columns in ndimage.find_objects(labels)
    ]
    np.testing.assert_array_equal(parts.boxes, np.array(boxes, int).reshape(-1, 4))
    np.testing.assert_array_equal(parts.paint(shape), mask)


def test_some_of_the_parts() -> None:
    mask = np.random.default_rng(4).random((50, 60)) < 0.2
    parts = connected_parts(mask)
    labels, count = ndimage.label(mask, EIGHT)
    chosen = np.arange(count) % 3 == 1
    some = parts.of(chosen)
    assert some.count == chosen.sum()
    np.testing.assert_array_equal(some.paint(mask.shape), np.isin(labels, np.nonzero(chosen)[0] + 1))
    np.testing.assert_array_equal(some.areas, parts.areas[chosen])
    box = some.boxes[2]
    lone = some.of(np.arange(some.count) == 2).paint((box[2] - box[0], box[3] - box[1]), (box[0], box[1]))
    np.testing.assert_array_equal(lone, (labels == 8)[box[0] : box[2], box[1] : box[3]])


@pytest.mark.parametrize("reach", [0, 1, 2, 4, 9])
def test_squares_around_pixels(reach: int) -> None:
    side = 2 * reach + 1
    for shape in ((1, 5), (4, 4), (40, 33), (3, 20, 25)):
        mask = np.random.default_rng(6).random(shape) < 0.05
        square = (1,) * (len(shape) - 2) + (side, side)
        wanted = ndimage.maximum_filter(mask.astype(np.uint8), square, mode="constant") > 0
        np.testing.assert_array_equal(grown(mask, reach), wanted)


def test_parts_join_where_their_squares_touch() -> None:
    mask = np.random.default_rng(8).random((80, 90)) < 0.01
    wide = grown(mask, 3)
    labels, count = ndimage.label(wide, EIGHT)
    joined = connected_parts(mask).joined_by(connected_parts(wide))
    assert joined.count == count
    np.testing.assert_array_equal(painted_numbers(joined, mask.shape), np.where(mask, labels, 0))
