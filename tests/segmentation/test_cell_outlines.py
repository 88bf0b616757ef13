"""Outlines of cells and nuclei in hard cases, and the masks of neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from disc_scene import CYTOPLASM, NUCLEUS, RED_CELL, Scene

from napari_wbc.segmentation import Segmentation, fit_slide_model, plan_tiles, segment, segment_tile
from napari_wbc.slides import open_slide

UM = 0.1


def disc(scene: Scene, y: float, x: float, radius: float) -> np.ndarray:
    yy, xx = (np.arange(n) * scene.um_per_px for n in scene.shape)
    return np.hypot(yy[:, None] - y, xx[None] - x) <= radius


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def only_cell(scene: Scene) -> Segmentation:
    found = segment(scene.draw(), um_per_px=UM)
    assert len(found.table) == 1
    return found


def place(seed: int) -> Scene:
    return Scene(60, 60, UM, seed)


def test_an_ordinary_cell() -> None:
    scene = place(1).leukocyte(30, 30, nucleus=4.0, cell=6.5).red_cells()
    found = only_cell(scene)
    assert dice(found.cells > 0, disc(scene, 30, 30, 6.5)) > 0.965
    assert dice(found.nuclei > 0, disc(scene, 30, 30, 4.0)) > 0.965


def test_pale_cytoplasm() -> None:
    scene = place(2)
    scene.disc(30, 30, 7.0, 0.35 * CYTOPLASM)
    found = only_cell(scene.leukocyte(31, 29, nucleus=4.0, cell=4.0).red_cells())
    assert dice(found.cells > 0, disc(scene, 30, 30, 7.0)) > 0.95


def test_granules_as_red_as_red_cells() -> None:
    scene = place(3)
    scene.disc(30, 30, 7.0, 0.4 * CYTOPLASM)
    random = np.random.default_rng(3)
    for _ in range(260):
        angle, distance = random.uniform(0, 2 * np.pi), 6.5 * np.sqrt(random.uniform())
        y, x = 30 + distance * np.sin(angle), 30 + distance * np.cos(angle)
        scene.disc(y, x, 0.45, 1.1 * RED_CELL + 0.3 * CYTOPLASM)
    lobes = ((-2.2, -2.6), (2.2, -2.6))
    scene.leukocyte(30, 30, nucleus=2.6, cell=0.1, lobes=lobes)
    found = only_cell(scene.red_cells())
    assert dice(found.cells > 0, disc(scene, 30, 30, 7.0)) > 0.95
    nuclei = disc(scene, 27.8, 27.4, 2.6) | disc(scene, 32.2, 27.4, 2.6)
    assert dice(found.nuclei > 0, nuclei) > 0.93


@pytest.mark.parametrize("distance", [9.9, 10.1], ids=["overlapping a little", "touching"])
def test_red_cells_on_all_sides(distance: float) -> None:
    scene = place(4).leukocyte(30, 30, nucleus=4.2, cell=6.2)
    for k in range(7):
        angle = k * 2 * np.pi / 7
        scene.disc(30 + distance * np.sin(angle), 30 + distance * np.cos(angle), 3.75, RED_CELL)
    found = only_cell(scene.red_cells(keep_off=16))
    assert dice(found.cells > 0, disc(scene, 30, 30, 6.2)) > 0.95


def test_a_platelet_beside_a_cell_takes_little_from_it() -> None:
    scene = place(5).leukocyte(30, 30, nucleus=3.5, cell=6.5).platelet(30, 37.8).platelet(23.5, 26)
    found = only_cell(scene.red_cells())
    assert dice(found.cells > 0, disc(scene, 30, 30, 6.5)) > 0.92


def test_a_small_lobe_apart_is_no_neighbour() -> None:
    scene = place(6).leukocyte(
        30, 30, nucleus=1.6, cell=7.0, lobes=((-4.5, -1.5), (-3.2, 1.5), (0.6, -4.6), (4.4, 2.2))
    )
    found = only_cell(scene.red_cells())
    assert dice(found.cells > 0, disc(scene, 30, 30, 7.0)) > 0.95


def test_a_dark_nucleus_in_purple_cytoplasm() -> None:
    scene = place(7)
    scene.disc(30, 30, 5.0, 0.45 * NUCLEUS)
    found = only_cell(scene.leukocyte(30.5, 30.5, nucleus=3.2, cell=3.2).red_cells())
    assert dice(found.cells > 0, disc(scene, 30, 30, 5.0)) > 0.92
    assert dice(found.nuclei > 0, disc(scene, 30.5, 30.5, 3.2)) > 0.92


@pytest.mark.parametrize(("y", "x"), [(2.0, 30.0), (30.0, 57.0), (57.5, 2.5)])
def test_cells_cut_by_the_border(y: float, x: float) -> None:
    scene = place(8).leukocyte(y, x, nucleus=4.2, cell=6.5).red_cells()
    found = only_cell(scene)
    assert found.table["touches_border"].all()
    assert dice(found.cells > 0, disc(scene, y, x, 6.5)) > 0.93


@pytest.mark.parametrize("cell", [5.2, 6.5, 8.0])
def test_a_crop_of_one_cell_without_red_cells(cell: float) -> None:
    scene = Scene(25, 25, UM, seed=9).leukocyte(12.5, 12.5, nucleus=4.0, cell=cell)
    found = only_cell(scene)
    assert dice(found.cells > 0, disc(scene, 12.5, 12.5, cell)) > 0.92
    assert dice(found.nuclei > 0, disc(scene, 12.5, 12.5, 4.0)) > 0.94


def test_a_naked_nucleus_is_its_own_cell() -> None:
    scene = place(10).leukocyte(30, 30, nucleus=4.5, cell=4.5).red_cells()
    found = only_cell(scene)
    assert dice(found.cells > 0, disc(scene, 30, 30, 4.5)) > 0.89


def pairs() -> Scene:
    scene = Scene(110, 110, UM, seed=11)
    for k, apart in enumerate((9.4, 10.2, 11.0, 12.0)):
        y = 15 + 26 * k
        scene.leukocyte(y, 20, nucleus=4.6, cell=6.0).leukocyte(y, 20 + apart, nucleus=4.4, cell=6.0)
    return scene.red_cells()


def crowd() -> Scene:
    scene = Scene(110, 110, UM, seed=12)
    for i in range(5):
        for j in range(5):
            y, x = 30 + 10.2 * i + scene.random.uniform(-1, 1), 30 + 10.2 * j + scene.random.uniform(-1, 1)
            lobes = ((-2.0, -1.2), (1.6, 1.8), (2.4, -2.2)) if (i + j) % 3 == 0 else ()
            scene.leukocyte(y, x, nucleus=1.9 if lobes else 3.7, cell=5.6, lobes=lobes)
    return scene.red_cells()


@pytest.mark.parametrize("draw", [pairs, crowd])
@pytest.mark.parametrize("core", [5000, 450])
def test_masks_of_neighbours_have_no_common_pixel(draw: Callable[[], Scene], core: int) -> None:
    slide = open_slide(draw().draw())
    model = fit_slide_model(slide, UM)
    painted = np.zeros(slide.shape, int)
    cells = 0
    for tile in plan_tiles(slide.shape, UM, core_px=core):
        for cell in segment_tile(slide, tile, model, UM).cells:
            y0, x0, y1, x1 = cell.mask.bbox
            painted[y0:y1, x0:x1] += cell.mask.cell
            cells += 1
            assert (cell.mask.nucleus <= cell.mask.cell).all()
    assert cells >= 7
    assert painted.max() == 1
