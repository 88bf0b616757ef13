"""Tiles, grids and territories on cases small enough to be worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from disc_scene import Scene

from napari_wbc.masks import CellMask
from napari_wbc.segmentation import (
    SegmentedCell,
    Tile,
    cells_to_table,
    fit_slide_model,
    plan_tiles,
    segment_slide,
)
from napari_wbc.segmentation.grid import Grid, RememberingGrid, enlarge, enlarge_mask
from napari_wbc.segmentation.nuclei import Nucleus, NucleusMap
from napari_wbc.segmentation.segment import segment, sort_cells
from napari_wbc.segmentation.territory import Territory, divide
from napari_wbc.slides.array import ArraySlide
from napari_wbc.slides.crops import CropSize, crop_cells
from napari_wbc.slides.slide import RGB


class Watched(ArraySlide):
    """A slide that tells how often it was read, and whether it was closed."""

    reads = 0
    closed = False

    def read(self, level: int, y: int, x: int, height: int, width: int) -> RGB:
        self.reads += 1
        return super().read(level, y, x, height, width)

    def close(self) -> None:
        self.closed = True


def ramp(rows: int, columns: int) -> RGB:
    """4 more a row, 30 more a column, 1 more a channel."""
    y, x = np.mgrid[:rows, :columns]
    return np.stack([4 * y + 30 * x + channel for channel in range(3)], axis=2).astype(np.uint8)


def pyramid(*sides: tuple[int, int]) -> ArraySlide:
    return ArraySlide([np.full((*side, 3), 9, np.uint8) for side in sides], "pyramid")


def test_the_last_row_and_column_of_tiles_are_what_is_left() -> None:
    tiles = plan_tiles((10, 7), 0.5, core_px=4)
    cores = [(0, 0, 4, 4), (0, 4, 4, 3), (4, 0, 4, 4), (4, 4, 4, 3), (8, 0, 2, 4), (8, 4, 2, 3)]
    assert [(tile.y, tile.x, tile.height, tile.width) for tile in tiles] == cores
    assert {tile.halo for tile in tiles} == {50}  # 25 µm
    assert [tile.width for tile in plan_tiles((1, 4097), 0.1)] == [4096, 1]


def test_a_tile_owns_the_pixels_of_its_core_and_no_others() -> None:
    """Pixel 10 reaches from 9.5 to 10.5: what lies on the line between two tiles belongs to the second."""
    tile = Tile(y=10, x=20, height=5, width=6, halo=3)
    assert tile.owns(9.5, 19.5)
    assert tile.owns(14.49, 25.49)
    for y, x in ((9.49, 22), (14.5, 22), (12, 19.49), (12, 25.5)):
        assert not tile.owns(y, x)


@pytest.mark.parametrize(
    ("wanted", "not_coarser", "level", "factor", "px", "um", "shape"),
    [
        (0.4, False, 2, 1, 4.0, 0.4, (16, 25)),
        (0.34, False, 2, 1, 4.0, 0.4, (16, 25)),  # a fifth coarser is near enough
        (0.33, False, 1, 2, 4.0, 0.4, (16, 25)),
        (0.4, True, 2, 1, 4.0, 0.4, (16, 25)),
        (0.39, True, 1, 1, 2.0, 0.2, (32, 50)),
        (0.3, True, 1, 1, 2.0, 0.2, (32, 50)),
        (0.05, True, 0, 1, 1.0, 0.1, (64, 100)),
        (0.04, False, 0, 1, 1.0, 0.1, (64, 100)),
        (1.25, False, 2, 3, 12.0, 1.2, (6, 9)),  # 16 / 3 and 25 / 3 blocks, the last ones in part
    ],
)
def test_level_and_factor_of_a_grid(
    wanted: float, not_coarser: bool, level: int, factor: int, px: float, um: float, shape: tuple[int, int]
) -> None:
    slide = pyramid((64, 100), (32, 50), (16, 25))
    grid = Grid.at(slide, 0.1, wanted, not_coarser=not_coarser)
    assert (grid.level, grid.factor, grid.px, grid.shape) == (level, factor, px, shape)
    assert grid.um == pytest.approx(um)


def test_a_whole_factor_is_not_lost_to_rounding() -> None:
    assert 0.3 / 0.1 < 3
    assert Grid.at(pyramid((64, 100)), 0.1, 0.3, not_coarser=True).factor == 3


def test_partial_blocks_are_means_of_what_there_is() -> None:
    grid = Grid.at(slide := ArraySlide([ramp(5, 7)], "ramp"), 0.1, 0.2)
    rows, columns = np.array([2, 10, 16]), np.array([15, 75, 135, 180])
    expected = (rows[:, None] + columns)[..., None] + np.arange(3)
    np.testing.assert_array_equal(grid.read(slide, 0, 0, 3, 4), expected)
    for y0, x0, y1, x1 in ((0, 0, 2, 3), (0, 2, 2, 4), (1, 0, 3, 3), (2, 3, 3, 4)):
        np.testing.assert_array_equal(grid.read(slide, y0, x0, y1, x1), expected[y0:y1, x0:x1])


def test_places_on_a_grid_are_places_on_the_slide() -> None:
    """Blocks of two: the first one's middle lies between the pixels 0 and 1, its rims at -0.5 and 1.5."""
    grid = Grid(level=0, factor=2, px=2.0, um=0.2, shape=(9, 9))
    assert [grid.level0(k) for k in (0, 3)] == [0.5, 6.5]
    assert [grid.index(place) for place in (-0.5, 1.49, 1.5, 3.5)] == [0, 0, 1, 2]
    np.testing.assert_array_equal(grid.level0_range(1, 3), [2.5, 4.5, 6.5])


def test_a_window_within_one_that_was_read_is_not_read_again() -> None:
    slide = Watched([ramp(14, 8)], "ramp")
    plain, grid = Grid.at(slide, 0.1, 0.1), RememberingGrid.at(slide, 0.1, 0.1)

    def reads(*window: int) -> int:
        expected = plain.read(slide, *window)
        before = slide.reads
        np.testing.assert_array_equal(grid.read(slide, *window), expected)
        return slide.reads - before

    kept = (2, 2, 10, 7)
    assert reads(4, 4, 5, 5) == 1
    assert reads(*kept) == 1  # larger: kept instead
    for inside in (kept, (3, 4, 9, 6), (2, 2, 3, 3), (9, 6, 10, 7)):
        assert reads(*inside) == 0
    for beyond in ((1, 2, 9, 7), (2, 1, 10, 6), (3, 2, 11, 7), (2, 3, 10, 8)):
        assert reads(*beyond) == 1  # of the same size: not kept
    assert reads(*kept) == 0


def test_one_pixel_enlarged_by_two() -> None:
    """Bilinear: centres a quarter and three quarters of a pixel away weigh 3/4 and 1/4, in both directions."""
    source = Grid(level=0, factor=2, px=2.0, um=0.2, shape=(9, 9))
    rows, columns = np.array([0, 1, 3, 3, 1, 0]) / 4, np.array([0, 1, 3, 3, 1, 0, 0, 0]) / 4
    large = enlarge(np.full((1, 1), 4, np.float32), source, (1, 2), 1.0, (0, 2, 6, 10))
    np.testing.assert_array_equal(large, 4 * np.outer(rows, columns))
    assert not enlarge(np.ones((1, 1), np.float32), source, (1, 2), 1.0, (12, 12, 14, 15)).any()
    mask = enlarge_mask(np.ones((1, 1), bool), source, (1, 2), 1.0, (0, 0, 6, 10))
    assert np.argwhere(mask).tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]


def test_a_place_halfway_between_two_masks_belongs_to_neither() -> None:
    source = Grid(level=0, factor=1, px=1.0, um=0.1, shape=(2, 2))
    left = np.array([[True, False], [True, False]])
    for mask in (left, ~left):
        assert not enlarge_mask(mask, source, (0, 0), 2.0, (0, 0, 1, 1)).any()


COARSE = Grid(level=0, factor=1, px=1.0, um=0.5, shape=(60, 200))
WINDOW = (0, 0, 60, 100)


def square(x0: int, side: int, y0: int = 20) -> Nucleus:
    middle = (side - 1) / 2
    return Nucleus(y0 + middle, x0 + middle, np.ones((side, side), bool), y0, x0, side**2 * 0.25, cut=False)


def divided(first: Nucleus, *others: Nucleus, window: tuple[int, int, int, int] = WINDOW) -> Territory:
    mask = np.zeros(COARSE.shape, bool)
    for nucleus in (first, *others):
        height, width = nucleus.mask.shape
        mask[nucleus.y0 : nucleus.y0 + height, nucleus.x0 : nucleus.x0 + width] = True
    # What is known around a tile begins somewhere.
    around = NucleusMap(mask[5:58, 3:], 5, 3, [])
    return divide(first, around, COARSE, COARSE, window)


def last_own(territory: Territory, row: int = 22) -> int:
    """The last column of a row that no other nucleus claims."""
    assert territory.foreign is not None
    return int(np.argmax(territory.foreign[row])) - 1


#: 12 px of 0.5 µm: 36 µm², a nucleus. Its right rim is column 21.
NUCLEUS = square(10, 12)


def test_a_nucleus_alone_keeps_everything() -> None:
    alone = divided(NUCLEUS)
    expected = np.zeros((60, 100), bool)
    expected[20:32, 10:22] = True
    np.testing.assert_array_equal(alone.own, expected)
    assert alone.foreign is None
    assert alone.keep(np.ones((60, 100), bool)).all()


def test_two_nuclei_meet_in_the_middle() -> None:
    """Columns 22 to 34 lie between them, and the middle one, 28, belongs to nobody."""
    one = divided(NUCLEUS, square(35, 12))
    assert last_own(one) == 27
    everything = np.ones((60, 100), bool)
    assert one.foreign is not None
    np.testing.assert_array_equal(one.keep(everything), ~one.foreign)
    assert not one.own[:, 22:].any()
    other = divided(square(35, 12), NUCLEUS)
    assert other.foreign is not None
    assert int(np.argmin(other.foreign[22])) == 29
    assert not (one.keep(everything) & other.keep(everything)).any()


def test_a_part_of_the_window_is_the_same() -> None:
    whole = divided(NUCLEUS, square(35, 12))
    part = divided(NUCLEUS, square(35, 12), window=(10, 5, 50, 40))
    assert whole.foreign is not None
    assert part.foreign is not None
    np.testing.assert_array_equal(part.foreign, whole.foreign[10:50, 5:40])
    np.testing.assert_array_equal(part.own, whole.own[10:50, 5:40])


@pytest.mark.parametrize(
    ("side", "last"),
    [
        (4, 31),  # 4 µm²: 4 µm or 8 px further away. Column 32: 11 px to the nucleus, 3 + 8 to the platelet
        (6, 34),  # 9 µm²: 7 µm or 14 px. Column 35: 14 px to the nucleus, 0 + 14
        (7, 27),  # 12.25 µm² is a nucleus. Column 28: 7 and 7
    ],
)
def test_platelets_take_less(side: int, last: int) -> None:
    assert last_own(divided(NUCLEUS, square(35, side))) == last


def test_a_platelet_has_its_handicap_beside_a_nucleus_that_has_none() -> None:
    both = divided(NUCLEUS, square(35, 4), square(35, 12, 40))
    assert last_own(both, row=20) == 31
    assert last_own(both, row=45) < 31


@pytest.mark.parametrize(
    ("nucleus", "platelet", "line", "last"),
    [
        (square(10, 12, 7), square(35, 4, 7), np.s_[8, :], 31),  # as above
        (square(10, 12, 6), square(35, 4, 6), np.s_[8, :], 27),
        (square(10, 12, 42), square(35, 4, 49), np.s_[50, :], 31),
        (square(10, 12, 42), square(35, 4, 50), np.s_[50, :], 27),
        (square(7, 12, 5), square(7, 4, 30), np.s_[:, 8], 26),  # row 27: 11 px to the nucleus, 3 + 8
        (square(7, 12, 5), square(6, 4, 30), np.s_[:, 8], 22),
        (square(182, 12, 5), square(189, 4, 30), np.s_[:, 190], 26),
        (square(182, 12, 5), square(190, 4, 30), np.s_[:, 190], 22),
    ],
)
def test_what_the_border_cuts_may_be_large_beyond_it(
    nucleus: Nucleus, platelet: Nucleus, line: tuple[int | slice, int | slice], last: int
) -> None:
    """Parts up to 5 µm apart are one cluster: it reaches 2.5 µm and a pixel, 6 px, beyond its parts."""
    foreign = divided(nucleus, platelet, window=(0, 0, 60, 200)).foreign
    assert foreign is not None
    assert int(np.argmax(foreign[line])) - 1 == last


def test_nuclei_out_of_reach_do_not_count() -> None:
    """22.5 µm are 45 px; the middle of the nucleus lies in pixel 15."""
    assert divided(NUCLEUS, square(61, 12)).foreign is None
    assert divided(NUCLEUS, square(60, 12)).foreign is not None


def cell(y: float, x: float, flags: tuple[str, ...] = ()) -> SegmentedCell:
    inside = np.zeros((3, 5), bool)
    inside[1, 2] = True
    mask = CellMask(int(y) - 1, int(x) - 2, np.ones((3, 5), bool), inside)
    return SegmentedCell(y, x, mask, 1.5, 20.25, bool(flags), flags)


def test_rows_of_the_table() -> None:
    table = cells_to_table(
        sort_cells([cell(30.0, 5.0), cell(10.5, 40.0, ("blurred", "clump")), cell(10.5, 9.0)])
    )
    assert table["cell_id"].tolist() == [1, 2, 3]
    assert list(zip(table["y_px"], table["x_px"], strict=True)) == [(10.5, 9.0), (10.5, 40.0), (30.0, 5.0)]
    assert table.iloc[1][["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].tolist() == [9, 38, 12, 43]
    assert table["flags"].tolist() == ["", "blurred;clump", ""]
    assert table["touches_border"].tolist() == [False, True, False]
    assert set(table["nucleus_area_um2"]) == {1.5}
    assert set(table["cell_area_um2"]) == {20.25}
    kinds = table.dtypes.astype(str).to_dict()
    assert {kinds[name] for name in ("cell_id", "bbox_y0", "bbox_x1")} == {"int64"}
    assert {kinds[name] for name in ("y_px", "x_px", "nucleus_area_um2", "cell_area_um2")} == {"float64"}
    assert (kinds["touches_border"], kinds["flags"]) == ("bool", "object")


def test_an_empty_table_has_the_same_columns() -> None:
    full, empty = cells_to_table([cell(10.0, 10.0)]), cells_to_table([])
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    assert len(empty) == 0


@pytest.fixture(scope="module")
def field() -> RGB:
    """40 µm with two cells, 20 µm apart."""
    return Scene(40, 40).leukocyte(12, 10).leukocyte(28, 30).draw()


def test_tiles_come_in_order_with_crops_of_their_cells(field: RGB) -> None:
    slide = ArraySlide([field], "field")
    size = CropSize(window_um=12.0, size_px=24)
    plan = plan_tiles(slide.shape, 0.1, core_px=200)
    results = list(segment_slide(slide, 0.1, tiles=plan, crops=size))
    assert [result.tile for result in results] == plan
    assert [(result.done, result.total) for result in results] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [len(result.findings.cells) for result in results] == [1, 0, 0, 1]
    for result in results:
        places = np.array([(cell.y_px, cell.x_px) for cell in result.findings.cells]).reshape(-1, 2)
        expected = crop_cells(slide, places, um_per_px=0.1, window_um=12.0, size_px=24)
        assert result.crops is not None
        np.testing.assert_array_equal(result.crops, expected)
    model = fit_slide_model(slide, 0.1)
    assert [result.crops for result in segment_slide(slide, 0.1, slide_model=model)] == [None]


def test_a_slide_that_was_given_stays_open(field: RGB) -> None:
    slide = Watched([field], "field")
    ticks: list[tuple[str, int, int | None, str]] = []
    found = segment(slide, 0.1, progress=lambda p: ticks.append((p.stage, p.done, p.total, p.unit)))
    assert not slide.closed
    assert ticks == [("Finding cells", 1, 1, "tile")]
    assert found.nuclei.dtype == found.cells.dtype == np.int32
    assert sorted(np.unique(found.nuclei)) == sorted(np.unique(found.cells)) == [0, 1, 2]
    for number, y, x in found.table[["cell_id", "y_px", "x_px"]].itertuples(index=False):
        assert found.nuclei[round(y), round(x)] == found.cells[round(y), round(x)] == number


def test_cells_of_all_tiles_are_kept() -> None:
    """A strip of 4,200 px is two tiles of 4,096 px at most."""
    ticks: list[tuple[int, int | None]] = []
    strip = Scene(30, 420).leukocyte(15, 12).leukocyte(15, 414.5).draw()
    found = segment(strip, 0.1, progress=lambda p: ticks.append((p.done, p.total)))
    assert ticks == [(1, 2), (2, 2)]
    assert found.table["x_px"].tolist() == pytest.approx([120, 4145], abs=10)
    assert len(np.unique(found.cells)) == 3
