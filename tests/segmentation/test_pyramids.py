"""Cells found on a pyramid: the coarse level is read once, native px around candidates, all at the same place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from disc_scene import Scene
from PIL import Image

from napari_wbc.segmentation import (
    Segmentation,
    cells_to_table,
    fit_slide_model,
    plan_tiles,
    segment,
    segment_slide,
    sort_cells,
)
from napari_wbc.slides import Level, Slide, open_slide
from napari_wbc.slides.tiff import TiffSlide
from napari_wbc.slides.whole_slide import WholeSlide
from pyramid_files import JPEG2000_YCC, reduced, write_ome_tiff, write_ome_zarr, write_svs

UM = 0.125
COARSE_UM = 0.5


class CountingSlide:
    """A slide that adds up the px that are read of each of its levels."""

    def __init__(self, slide: Slide) -> None:
        self._slide = slide
        self.name, self.path, self.shape = slide.name, slide.path, slide.shape
        self.levels: tuple[Level, ...] = slide.levels
        self.metadata_um_per_px = slide.metadata_um_per_px
        self.px: Counter[int] = Counter()

    def read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        self.px[level] += height * width
        return self._slide.read(level, y, x, height, width)

    def close(self) -> None:
        self._slide.close()


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Six leukocytes, some of them near the far corners; no factor divides the sides."""
    scene = Scene(250.3, 301.7, UM, seed=31)
    places = [(30, 40), (60, 250), (120, 150), (235, 20), (232, 285), (20, 281)]
    for k, (y, x) in enumerate(places):
        scene.leukocyte(y, x, nucleus=4.0 + 0.3 * (k % 3), cell=6.5)
    return scene.red_cells(per_mm2=4000)


@pytest.fixture(scope="module")
def image(scene: Scene) -> np.ndarray:
    return scene.draw()


@pytest.fixture(scope="module")
def flat(image: np.ndarray) -> Segmentation:
    """Found without a coarser level."""
    return segment(image, UM)


def test_the_first_pass_reads_the_coarse_level_and_the_second_windows_around_candidates(
    image: np.ndarray, tmp_path: Path
) -> None:
    slide = CountingSlide(open_slide(write_ome_tiff(tmp_path / "a.ome.tif", image, um_per_px=UM)))
    assert [level.downsample for level in slide.levels] == [1.0, 2.0, 4.0, 8.0]
    model = fit_slide_model(slide, UM)
    assert set(slide.px) == {2}
    slide.px.clear()
    assert sum(len(tile.findings.cells) for tile in segment_slide(slide, UM, slide_model=model)) == 6
    # Half a µm per px is level 2; the rest are native px of at most eight windows of 32 µm (two more for doubts).
    assert set(slide.px) == {0, 2}
    coarse = slide.levels[2].shape
    assert slide.px[2] < 1.6 * coarse[0] * coarse[1]
    assert slide.px[0] <= 8 * (32 / UM) ** 2 < 0.12 * image.shape[0] * image.shape[1]


def test_no_level_near_half_a_micrometer(image: np.ndarray, tmp_path: Path) -> None:
    """Sixteen times coarser is no help: the first pass reads level 0, and does so once."""
    slide = CountingSlide(open_slide(write_svs(tmp_path / "a.svs", image, factors=(16,))))
    model = fit_slide_model(slide, UM)
    slide.px.clear()
    assert sum(len(tile.findings.cells) for tile in segment_slide(slide, UM, slide_model=model)) == 6
    assert set(slide.px) == {0}
    assert slide.px[0] < 1.6 * image.shape[0] * image.shape[1]


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    """Shrunk by any factor."""
    size = round(image.shape[1] / factor), round(image.shape[0] / factor)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def slides(image: np.ndarray, folder: Path, kind: str) -> Slide:
    if kind.startswith("array"):
        factor = float(kind[5:])
        return open_slide([image, resized(image, factor)])
    if kind == "decimated":
        return open_slide([image, np.ascontiguousarray(image[1::4, 1::4])])
    if kind == "strip":
        # Along its short side the quotient of the sides is far from four.
        return open_slide([image[:903], reduced(image[:903], 4)])
    if kind == "zarr":
        return open_slide(write_ome_zarr(folder / "a.ome.zarr", image, version="0.4", um_per_px=UM))
    if kind == "svs":
        return open_slide(write_svs(folder / "a.svs", image, factors=(4, 16), mpp=str(UM)))
    if kind == "svs-33003":
        return open_slide(
            write_svs(folder / "a.svs", image, factors=(4,), mpp=str(UM), compression=JPEG2000_YCC)
        )
    return open_slide(write_ome_tiff(folder / "a.ome.tif", image, um_per_px=UM, compression=kind))


@pytest.mark.parametrize(
    "kind",
    [
        "array4",
        "array3.75",
        "array2.5",
        "decimated",
        "strip",
        "svs",
        "svs-33003",
        "jpeg",
        "zarr",
    ],
)
def test_a_cell_lies_at_the_same_place_on_every_level(
    image: np.ndarray, flat: Segmentation, tmp_path: Path, kind: str
) -> None:
    slide = slides(image, tmp_path, kind)
    found = segment(slide, UM)
    expected = flat.table[flat.table["y_px"] < slide.shape[0] - 60]
    assert len(found.table) == len(expected)
    shift = found.table[["y_px", "x_px"]].to_numpy() - expected[["y_px", "x_px"]].to_numpy()
    assert np.abs(shift).max() * UM < 0.5 * COARSE_UM
    # No lean to one side: that would be a wrong origin.
    assert np.abs(shift.mean(axis=0)).max() * UM < 0.25 * COARSE_UM
    np.testing.assert_allclose(found.table["cell_area_um2"], expected["cell_area_um2"], rtol=0.08)


@pytest.mark.parametrize("reader", [TiffSlide, WholeSlide])
def test_cells_do_not_depend_on_the_tiles_of_a_pyramid(
    image: np.ndarray, tmp_path: Path, reader: type
) -> None:
    """Also where openslide interpolates, as the sides of the levels do not fit."""
    slide = reader(write_svs(tmp_path / "a.svs", image, factors=(4,), mpp=str(UM)), "a")
    model = fit_slide_model(slide, UM)
    found = []
    for core in (5000, 777):
        tiles = plan_tiles(slide.shape, UM, core_px=core)
        results = segment_slide(slide, UM, slide_model=model, tiles=tiles)
        found.append(sort_cells([cell for result in results for cell in result.findings.cells]))
    whole, pieces = found
    assert cells_to_table(whole).equals(cells_to_table(pieces))
    for first, second in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(first.mask.cell, second.mask.cell)
        np.testing.assert_array_equal(first.mask.nucleus, second.mask.nucleus)
