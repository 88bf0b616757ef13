"""Where items lie, against reckoning them one by one."""

import numpy as np
import pytest

from napari_wbc.gui.review.gallery_grid import Grid, grid_for
from napari_wbc.gui.review.gallery_selection import GallerySelection


def one_by_one(grid):
    """Corners and lines of all items, as one would count them on the screen."""
    corners, lines, y, line = [], [], grid.margin, 0
    for size in grid.sizes:
        y += grid.heading
        for item in range(size):
            if item and item % grid.columns == 0:
                y, line = y + grid.height, line + 1
            corners.append((grid.margin + item % grid.columns * grid.width, y))
            lines.append(line)
        y, line = y + grid.height, line + 1
    return corners, lines, y + grid.margin


@pytest.mark.parametrize("sizes", [(1,), (12,), (13,), (5, 1, 4, 8, 3), (4, 4), ()])
@pytest.mark.parametrize("columns", [1, 4])
@pytest.mark.parametrize("heading", [0, 20])
def test_a_grid_is_what_counting_gives(sizes, columns, heading):
    grid = Grid(sizes, columns, 30, 40, heading, 4)
    corners, lines, height = one_by_one(grid)
    assert grid.n_items == sum(sizes)
    assert grid.total_height == height
    assert [grid.corner(place) for place in range(grid.n_items)] == corners
    assert [grid.line_of(place) for place in range(grid.n_items)] == lines
    for place, (x, y) in enumerate(corners):
        assert grid.at(x, y) == grid.at(x + 29, y + 39) == place
        assert grid.at(x, y - 1) != place
    rng = np.random.default_rng(0)
    for _ in range(50):
        left, top = rng.integers(-20, 150), rng.integers(-20, height + 20)
        right, bottom = left + rng.integers(1, 90), top + rng.integers(1, 200)
        touched = [
            place
            for place, (x, y) in enumerate(corners)
            if x < right and x + 30 > left and y < bottom and y + 40 > top
        ]
        assert sorted(grid.inside(left, top, right, bottom)) == touched
        in_lines = [place for place, (_, y) in enumerate(corners) if y < bottom and y + 40 > top]
        assert list(grid.lines_between(top, bottom)) == in_lines


def test_up_and_down_stay_in_the_column_where_there_is_one():
    grid = Grid((5, 1, 4), 4, 30, 40, 20, 4)
    # 0 1 2 3 / 4 // 5 // 6 7 8 9
    assert [grid.beside(place, 1) for place in range(10)] == [4, 4, 4, 4, 5, 6, 6, 7, 8, 9]
    assert [grid.beside(place, -1) for place in range(10)] == [0, 1, 2, 3, 0, 4, 5, 5, 5, 5]
    assert grid.beside(2, 100) == 8
    assert grid.beside(9, -100) == 3


def test_a_narrow_view_has_one_column():
    assert grid_for(7, (), available=10, width=30, height=40, heading=20, margin=4).columns == 1
    grid = grid_for(7, [("a", 3), ("b", 4)], available=130, width=30, height=40, heading=20, margin=4)
    assert (grid.columns, grid.sizes) == (4, (3, 4))


def test_a_selection_outlives_another_order():
    selection = GallerySelection()
    selection.show(np.array([4, 2, 0, 3]), 5)
    selection.set_rows([0, 4, 1])
    assert selection.rows == (4, 0)
    assert selection.current == 2
    selection.show(np.array([0, 3]), 5)
    assert selection.rows == (0,)
    assert selection.current == 0
    # The current row is gone: its place stays.
    selection.only(1)
    selection.show(np.array([0, 1, 2]), 3)
    assert selection.rows == ()
    assert selection.current == 1
    selection.show(np.zeros(0, np.intp), 0)
    assert selection.current is None
