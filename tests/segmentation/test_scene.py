"""The pipeline on scenes whose truth is known: found, separated, joined, flagged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from disc_scene import NUCLEUS, Scene, smear

from napari_wbc.segmentation import Segmentation, segment

UM = 0.1


def distances_um(found: Segmentation, scene: Scene) -> np.ndarray:
    """From every leukocyte of the scene to the nearest found one."""
    centres = found.table[["y_px", "x_px"]].to_numpy() * scene.um_per_px
    truth = np.array(scene.leukocytes)
    return np.hypot(*(truth[:, None] - centres[None]).transpose(2, 0, 1)).min(axis=1)


def test_finds_every_leukocyte_and_nothing_else() -> None:
    scene = smear(seed=1)
    found = segment(scene.draw(), um_per_px=UM)
    assert len(found.table) == len(scene.leukocytes)
    assert distances_um(found, scene).max() < 1.0
    assert not found.table["touches_border"].any()


def test_outlines_have_the_right_size() -> None:
    scene = Scene(120, 120, UM, seed=2)
    for y in (30, 60, 90):
        for x in (30, 60, 90):
            scene.leukocyte(y, x, nucleus=4.0, cell=6.5)
    found = segment(scene.red_cells().draw(), um_per_px=UM)
    assert len(found.table) == 9
    assert found.table["nucleus_area_um2"].median() == pytest.approx(np.pi * 4.0**2, rel=0.12)
    assert found.table["cell_area_um2"].median() == pytest.approx(np.pi * 6.5**2, rel=0.12)


@pytest.mark.parametrize(
    "camera",
    [
        {"gamma": 0.8},
        {"gamma": 1.25},
        {"light": 0.8},
        {"cast": (0.75, 0.9, 0.7)},
        {"cast": (0.9, 0.72, 0.9)},
        {"vignette": 0.6},
    ],
    ids=str,
)
def test_camera_does_not_matter(camera: dict[str, float]) -> None:
    scene = smear(seed=4, side_um=130)
    found = segment(scene.draw(**camera), um_per_px=UM)
    assert len(found.table) == len(scene.leukocytes)
    assert distances_um(found, scene).max() < 1.0


@pytest.mark.parametrize("um", [0.05, 0.13, 0.25])
def test_resolution_does_not_matter(um: float) -> None:
    scene = smear(seed=6, side_um=110, um_per_px=um)
    found = segment(scene.draw(), um_per_px=um)
    assert len(found.table) == len(scene.leukocytes)
    assert distances_um(found, scene).max() < 1.0


def test_touching_cells_are_two() -> None:
    scene = Scene(100, 100, UM, seed=7)
    scene.leukocyte(50, 40, nucleus=4.2, cell=5.0).leukocyte(50, 49.5, nucleus=4.2, cell=5.0)
    found = segment(scene.red_cells().draw(), um_per_px=UM)
    assert len(found.table) == 2
    assert distances_um(found, scene).max() < 1.0
    boxes = found.table.sort_values("x_px")
    assert boxes["bbox_x1"].iloc[0] == pytest.approx(447, abs=12)
    assert boxes["bbox_x0"].iloc[1] == pytest.approx(447, abs=12)


def test_touching_nuclei_are_two() -> None:
    scene = Scene(100, 100, UM, seed=8)
    scene.leukocyte(50, 40, nucleus=4.2, cell=4.6).leukocyte(50, 48.4, nucleus=4.2, cell=4.6)
    found = segment(scene.red_cells().draw(), um_per_px=UM)
    assert len(found.table) == 2
    assert distances_um(found, scene).max() < 1.5


@pytest.mark.parametrize(
    ("nucleus", "lobes"),
    [
        (2.0, ((-3.0, 0.0), (0.0, 1.5), (3.0, 0.0))),
        (3.3, ((0.0, -4.1), (0.0, 4.1))),
    ],
    ids=["segmented neutrophil", "eosinophil"],
)
def test_lobes_are_one_cell(nucleus: float, lobes: tuple[tuple[float, float], ...]) -> None:
    scene = Scene(100, 100, UM, seed=9)
    scene.leukocyte(40, 50, nucleus=nucleus, cell=8.0, lobes=lobes)
    found = segment(scene.red_cells().draw(), um_per_px=UM)
    assert len(found.table) == 1
    assert distances_um(found, scene).max() < 1.0


def test_platelets_and_their_clumps_are_no_cells() -> None:
    scene = smear(seed=10, side_um=110)
    for k in range(12):
        scene.platelet(5 + 9 * k, 104)
    for dy, dx in ((0, 0), (1.8, 0.5), (0.4, 2.0), (-1.0, -1.5)):
        scene.platelet(8 + dy, 60 + dx)
    found = segment(scene.draw(), um_per_px=UM)
    assert len(found.table) == len(scene.leukocytes)


def test_border_is_flagged_only_where_the_image_ends() -> None:
    scene = Scene(100, 100, UM, seed=11)
    scene.leukocyte(50, 50).leukocyte(2.0, 30).leukocyte(97, 97)
    found = segment(scene.red_cells().draw(), um_per_px=UM)
    flagged = found.table[found.table["touches_border"]]
    assert len(found.table) == 3
    assert sorted(flagged["y_px"].round(-2)) == [0, 1000]


def test_out_of_focus_nuclei_are_flagged() -> None:
    from scipy import ndimage

    scene = Scene(100, 100, UM, seed=12)
    scene.leukocyte(50, 50, nucleus=4.5, cell=6.5).red_cells()
    assert list(segment(scene.draw(), um_per_px=UM).table["flags"]) == [""]
    scene.density = ndimage.gaussian_filter(scene.density, (12, 12, 0))
    assert list(segment(scene.draw(), um_per_px=UM).table["flags"]) == ["blurred"]


def test_what_is_too_large_for_one_cell_is_flagged() -> None:
    scene = Scene(100, 100, UM, seed=16)
    scene.leukocyte(50, 50, nucleus=9.0, cell=11.0).red_cells()
    assert list(segment(scene.draw(), um_per_px=UM).table["flags"]) == ["clump"]


def test_a_spread_naked_nucleus_is_a_smudge() -> None:
    from scipy import ndimage

    scene = Scene(100, 100, UM, seed=13)
    scene.disc(50, 50, 8.0, 0.6 * NUCLEUS)
    scene.density = ndimage.gaussian_filter(scene.density, (12, 12, 0))
    scene.leukocytes.append((50, 50))
    found = segment(scene.red_cells().draw(), um_per_px=UM)
    assert list(found.table["flags"]) == ["smudge"]


def red_cells_only() -> np.ndarray:
    return Scene(120, 120, UM, seed=14).red_cells().draw()


def no_red_cells() -> np.ndarray:
    return Scene(100, 100, UM, seed=15).leukocyte(50, 50).draw()


@pytest.mark.parametrize(
    ("image", "cells"),
    [
        (lambda: np.full((300, 400, 3), 255, np.uint8), 0),
        (lambda: np.zeros((300, 400, 3), np.uint8), 0),
        (lambda: np.full((300, 400, 3), (230, 200, 210), np.uint8), 0),
        (lambda: np.full((1, 1, 3), 200, np.uint8), 0),
        (lambda: np.full((5, 700, 3), (90, 20, 160), np.uint8), 0),
        (lambda: np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8), 0),
        (red_cells_only, 0),
        (no_red_cells, 1),
    ],
    ids=["white", "black", "even", "one pixel", "a strip", "noise", "red cells only", "no red cells"],
)
def test_odd_images(image: Callable[[], np.ndarray], cells: int) -> None:
    found = segment(image(), um_per_px=UM)
    assert len(found.table) == cells
    assert found.cells.max() == cells
