"""The same cells, masks and table for every way of cutting a slide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from disc_scene import smear
from PIL import Image

from napari_wbc.segmentation import (
    RegionQuality,
    SegmentedCell,
    Tile,
    TileFindings,
    cells_to_table,
    fit_slide_model,
    plan_tiles,
    segment_slide,
    sort_cells,
)
from napari_wbc.slides import Slide, open_slide


def shifted_tiles(shape: tuple[int, int], um_per_px: float, core: int, shift: int) -> list[Tile]:
    """Tiles of a lattice that begins at ``-shift``."""
    tiles = []
    for y in range(-shift, shape[0], core):
        for x in range(-shift, shape[1], core):
            y0, x0 = max(0, y), max(0, x)
            y1, x1 = min(shape[0], y + core), min(shape[1], x + core)
            tiles.append(Tile(y0, x0, y1 - y0, x1 - x0, round(25 / um_per_px)))
    return [tile for tile in tiles if tile.height > 0 and tile.width > 0]


def findings(slide: Slide, um: float, tiles: list[Tile], workers: int = 1) -> TileFindings:
    """All that is found, in an order that says nothing about the tiles."""
    model = fit_slide_model(slide, um)
    cells: list[SegmentedCell] = []
    regions: list[RegionQuality] = []
    for result in segment_slide(slide, um, slide_model=model, tiles=tiles, workers=workers):
        cells += result.findings.cells
        regions += result.findings.regions
    return TileFindings(sort_cells(cells), sorted(regions, key=lambda region: (region.y0, region.x0)))


def assert_same(first: TileFindings, second: TileFindings) -> None:
    pd.testing.assert_frame_equal(cells_to_table(first.cells), cells_to_table(second.cells), check_exact=True)
    # As texts, for NaN is no number that equals itself.
    assert list(map(repr, first.regions)) == list(map(repr, second.regions))
    for a, b in zip(first.cells, second.cells, strict=True):
        assert a.mask.bbox == b.mask.bbox
        np.testing.assert_array_equal(a.mask.cell, b.mask.cell)
        np.testing.assert_array_equal(a.mask.nucleus, b.mask.nucleus)


@pytest.fixture(scope="module")
def scene() -> tuple[Slide, TileFindings]:
    slide = open_slide(smear(seed=3).draw())
    return slide, findings(slide, 0.1, plan_tiles(slide.shape, 0.1, core_px=5000))


@pytest.mark.parametrize(("core", "shift"), [(512, 0), (777, 0), (777, 300), (2048, 0)])
def test_cells_do_not_depend_on_the_tiles(scene: tuple[Slide, TileFindings], core: int, shift: int) -> None:
    slide, whole = scene
    assert len(whole.cells) >= 16
    assert_same(whole, findings(slide, 0.1, shifted_tiles(slide.shape, 0.1, core, shift)))


def test_cells_do_not_depend_on_the_workers(scene: tuple[Slide, TileFindings]) -> None:
    slide, whole = scene
    assert_same(whole, findings(slide, 0.1, plan_tiles(slide.shape, 0.1, core_px=800), workers=2))


def test_long_clusters_do_not_depend_on_the_tiles() -> None:
    """A chain of touching nuclei longer than a halo, and a stain too long for any nucleus."""
    image = smear(seed=5)
    for k in range(14):
        image.disc(20 + 0.4 * k, 10 + 8.2 * k, 4.2, np.array([0.42, 0.72, 0.16]))
    image.disc(120, 80, 3.0, np.array([0.4, 0.7, 0.2]), stretch=12.0)
    slide = open_slide(image.draw())
    whole = findings(slide, 0.1, plan_tiles(slide.shape, 0.1, core_px=5000))
    for core, shift in ((333, 100), (512, 0)):
        assert_same(whole, findings(slide, 0.1, shifted_tiles(slide.shape, 0.1, core, shift)))


@pytest.mark.data
def test_mosaic_of_real_fields_does_not_depend_on_the_tiles(data_dir: Path) -> None:
    fields = pd.read_csv(data_dir / "fields.csv")
    paths = fields[fields["domain"] == "bccd"]["path"].iloc[::30].iloc[:12]
    tiles = [np.asarray(Image.open(data_dir / path).convert("RGB")) for path in paths]
    mosaic = np.vstack([np.hstack(tiles[k : k + 4]) for k in range(0, 12, 4)])
    slide = open_slide(mosaic)
    whole = findings(slide, 0.0728, plan_tiles(slide.shape, 0.0728, core_px=5000))
    assert len(whole.cells) >= 8
    for core, shift in ((512, 0), (777, 123), (2048, 0)):
        assert_same(whole, findings(slide, 0.0728, shifted_tiles(slide.shape, 0.0728, core, shift)))
