"""Quality of regions: on drawn scenes whose density is known, blurred and not, and on real fields."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from disc_scene import RED_CELL, Scene
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from napari_wbc.cell_table import REGION
from napari_wbc.segmentation import RegionQuality, Tile, fit_slide_model, plan_tiles, segment, segment_tile
from napari_wbc.segmentation.grid import Grid, RememberingGrid
from napari_wbc.segmentation.quality import (
    MEASURES,
    Lattice,
    quality_map,
    regions_table,
    with_regions,
)
from napari_wbc.segmentation.region_measures import _CROSS, SEEN_UM, _parts_per_square
from napari_wbc.slides import open_slide
from napari_wbc.slides.array import ArraySlide
from napari_wbc.slides.slide import RGB


def regions_of(pixels: RGB, um_per_px: float = 0.1) -> list[RegionQuality]:
    slide = open_slide(pixels)
    model = fit_slide_model(slide, um_per_px)
    (tile,) = plan_tiles(slide.shape, um_per_px, core_px=100_000)
    return segment_tile(slide, tile, model, um_per_px).regions


def discs(apart_um: float, *, each: int = 1, pale: float = 1.0) -> RGB:
    """Red cells in rows, one or several that overlap at each place, paler in the middle; at 0.1 µm per px."""
    scene = Scene(100, 100, seed=1)
    middle = np.hypot(*np.mgrid[-1.2:1.2:24j, -1.2:1.2:24j]) < 1.2
    for y, x in product(np.arange(6.0, 95.0, apart_um), repeat=2):
        for k in range(each):
            scene.disc(y, x + 6.0 * k, 3.75, RED_CELL)
        rows, columns = round(y * 10) - 12, round(x * 10) - 12
        scene.density[rows : rows + 24, columns : columns + 24][middle] *= pale
    return scene.draw()


def only(regions: list[RegionQuality]) -> RegionQuality:
    (region,) = regions
    return region


@pytest.mark.parametrize("shape", [(100, 3000), (5000, 7001), (1280, 1280), (30, 40)])
@pytest.mark.parametrize(("core", "shift"), [(4096, 0), (700, 0), (700, 333)])
def test_every_block_has_one_tile(shape: tuple[int, int], core: int, shift: int) -> None:
    lattice = Lattice(shape, 0.1)
    blocks = []
    for y in range(-shift, shape[0], core):
        for x in range(-shift, shape[1], core):
            y0, x0 = max(0, y), max(0, x)
            y1, x1 = min(shape[0], y + core), min(shape[1], x + core)
            if y0 < y1 and x0 < x1:
                blocks += lattice.owned(Tile(y0, x0, y1 - y0, x1 - x0, 250))
    rows, columns = lattice.edges()
    assert sorted(blocks) == [(y0, x0, y1, x1) for y0, y1 in pairwise(rows) for x0, x1 in pairwise(columns)]
    assert (rows[-1], columns[-1]) == shape
    for edges, size in ((rows, shape[0]), (columns, shape[1])):
        assert np.diff(edges).min() >= min(size, 850)
        assert np.diff(edges).max() <= 1920


def test_single_cells() -> None:
    """Cells of 44 µm², five in a row of the square that is looked at."""
    region = only(regions_of(discs(SEEN_UM / 5)))
    # The outline runs along the foot of the edges, which are one px wide there.
    assert region.foreground_fraction == pytest.approx(44.2 * 25 / SEEN_UM**2, rel=0.2)
    assert region.crowding == pytest.approx(1.0, abs=0.15)
    assert region.clustered_fraction == 0.0
    assert region.pallor_fraction == 0.0


def test_pairs_are_clusters() -> None:
    region = only(regions_of(discs(SEEN_UM / 3, each=2)))
    assert region.crowding == pytest.approx(1.95, abs=0.2)
    assert region.clustered_fraction > 0.8


def test_pallor() -> None:
    assert only(regions_of(discs(11.0, pale=0.5))).pallor_fraction > 0.8
    assert only(regions_of(discs(11.0, pale=0.95))).pallor_fraction == 0.0


def test_crowded_regions_read_higher() -> None:
    """A smear of random red cells, thin to thick."""
    found = [
        only(regions_of(Scene(100, 100, seed=2).red_cells(n).draw())) for n in (2000, 6000, 12000, 24000)
    ]
    for name in ("foreground_fraction", "crowding"):
        values = [getattr(region, name) for region in found]
        assert values == sorted(values), name
    assert found[0].clustered_fraction < 0.5 < 0.95 < found[2].clustered_fraction
    # Discs that overlap at random leave exp(-n * area) of the slide empty.
    for region, n in zip(found, (2000, 6000, 12000, 24000), strict=True):
        assert region.foreground_fraction == pytest.approx(1 - np.exp(-n * 44.2e-6), abs=0.06)


def test_sharpness_falls_with_blur_alone() -> None:
    sharp = discs(11.0).astype(float)
    found = []
    for blur_um in (0.0, 0.3, 0.6, 1.2):
        blurred = sharp if blur_um == 0.0 else ndimage.gaussian_filter(sharp, (blur_um * 10, blur_um * 10, 0))
        found.append(only(regions_of(np.rint(blurred).astype(np.uint8))).sharpness)
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.9
    assert found[2] < 0.75
    assert found[3] < 0.5
    # Neither the light nor the strength of the stain counts.
    dim = only(regions_of(np.rint(sharp * (0.8, 0.7, 0.75)).astype(np.uint8))).sharpness
    assert dim == pytest.approx(found[0], rel=0.05)
    pale = only(regions_of(np.rint(255 * (sharp / 255) ** 0.6).astype(np.uint8))).sharpness
    assert pale == pytest.approx(found[0], rel=0.1)


def test_measures_hold_at_other_scales() -> None:
    fine = Scene(80, 80, um_per_px=0.05, seed=4).red_cells(6000).draw()
    reference = only(regions_of(fine, 0.05))
    for factor in (2, 5, 10):
        side = fine.shape[0] // factor
        blocks = fine.reshape(side, factor, side, factor, 3).mean(axis=(1, 3))
        region = only(regions_of(np.rint(blocks).astype(np.uint8), 0.05 * factor))
        assert region.foreground_fraction == pytest.approx(reference.foreground_fraction, abs=0.03)
        assert region.clustered_fraction == pytest.approx(reference.clustered_fraction, abs=0.15)
        assert region.sharpness == pytest.approx(reference.sharpness, rel=0.2)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (64, 64), (900, 30)])
def test_empty_slides_of_any_size(shape: tuple[int, int]) -> None:
    for region in regions_of(np.full((*shape, 3), 240, np.uint8)):
        assert region.foreground_fraction == 0.0
        assert all(np.isnan(getattr(region, name)) for name in MEASURES[1:])


def test_cells_get_the_quality_of_their_block() -> None:
    lattice = Lattice((2560, 3840), 0.1)
    blocks = lattice.owned(Tile(0, 0, 2560, 3840, 250))
    assert len(blocks) == 6
    regions = [RegionQuality(*block, 0.1 * k, 1.0, 0.0, 1.0, 1.0) for k, block in enumerate(blocks)]
    values = quality_map(regions[::-1], lattice)
    np.testing.assert_allclose(values[..., 0], [[0.0, 0.1, 0.2], [0.3, 0.4, 0.5]])
    y, x = np.array([0.0, 1279.4, 1279.6, 2559.0]), np.array([1279.6, 1279.4, 3839.0, 0.0])
    columns = with_regions(pd.DataFrame({"y_px": y, "x_px": x}), regions[1:], lattice)
    assert list(columns) == ["y_px", "x_px", *(f"region_{name}" for name in MEASURES)]
    assert list(columns)[2:] == list(REGION)
    np.testing.assert_allclose(columns["region_foreground_fraction"], [0.1, np.nan, 0.5, 0.3])
    table = regions_table(regions[::-1])
    assert table["x0"].tolist() == [0, 1280, 2560] * 2
    assert regions_table([]).columns.tolist() == table.columns.tolist()


def test_tables_of_segment() -> None:
    found = segment(Scene(200, 120, seed=8).leukocyte(60, 60).red_cells(6000).draw(), 0.1)
    assert len(found.regions) == 2
    assert len(found.table) == 1
    for name in MEASURES:
        assert found.table[f"region_{name}"].tolist() == found.regions[name].tolist()[:1]


class CountingSlide(ArraySlide):
    """Counts the pixels that are read."""

    pixels = 0

    def read(self, level: int, y: int, x: int, height: int, width: int) -> RGB:
        self.pixels += height * width
        return super().read(level, y, x, height, width)


def test_regions_read_nothing_twice() -> None:
    image: NDArray[np.uint8] = Scene(160, 160, seed=5).red_cells(6000).draw()
    slide = CountingSlide([image], name="scene")
    model = fit_slide_model(slide, 0.1)
    slide.pixels = 0
    (tile,) = plan_tiles(slide.shape, 0.1)
    assert segment_tile(slide, tile, model, 0.1).regions
    assert slide.pixels == image.shape[0] * image.shape[1]


def test_remembered_windows_hold_the_same_pixels() -> None:
    slide = open_slide(Scene(60, 60, seed=6).red_cells(6000).draw())
    plain, remembering = Grid.at(slide, 0.1, 0.5), RememberingGrid.at(slide, 0.1, 0.5)
    for window in ((10, 10, 60, 50), (20, 10, 60, 50), (5, 5, 20, 20), (0, 0, 100, 100), (5, 5, 20, 20)):
        np.testing.assert_array_equal(plain.read(slide, *window), remembering.read(slide, *window))


def test_parts_are_counted_image_by_image() -> None:
    """Numbers of parts rise from image to image of a stack, also where images are empty."""
    random = np.random.default_rng(0)
    stack = random.random((9, 20, 30)) < 0.4
    stack[[0, 4, 8]] = False
    labels, _ = ndimage.label(stack, _CROSS)
    expected = [int(ndimage.label(image)[1]) for image in stack]
    assert _parts_per_square(labels).tolist() == expected


@pytest.mark.data
@pytest.mark.parametrize(
    ("names", "um_per_px", "thick"),
    [
        (("bccd/BloodImage_00283.jpg", "bccd/BloodImage_00385.jpg"), 0.0728, False),
        (("bccd/BloodImage_00018.jpg", "bccd/BloodImage_00264.jpg"), 0.0728, True),
        (("chula/E-14_0462.webp", "chula/E-14_0467.webp"), 0.09, False),
        (("chula/B-57_0062.webp", "chula/B-57_0063.webp"), 0.09, True),
    ],
)
def test_real_fields(data_dir: Path, names: tuple[str, ...], um_per_px: float, thick: bool) -> None:
    """Fields that look like a good monolayer, and fields that look clumped; blurring takes from any sharpness."""
    for name in names:
        pixels = np.asarray(Image.open(data_dir / "fields" / name).convert("RGB"))
        region = only(regions_of(pixels, um_per_px))
        assert (region.crowding > 3.0) == thick, name
        sigma = 0.8 / um_per_px
        blurred = only(regions_of(ndimage.gaussian_filter(pixels, (sigma, sigma, 0)), um_per_px))
        assert region.sharpness > 0.8 > 0.7 > blurred.sharpness, name
