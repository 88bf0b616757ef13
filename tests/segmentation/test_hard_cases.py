"""The hard cases of detection, one test each, on drawn smears whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from disc_scene import CYTOPLASM, NUCLEUS, RED_CELL, Scene, smear

from napari_wbc.segmentation import Segmentation, fit_slide_model, segment
from napari_wbc.slides import open_slide

UM = 0.125


def found_exactly(found: Segmentation, scene: Scene, within_um: float = 1.5) -> bool:
    """Whether every leukocyte of the scene has one cell, and nothing else has."""
    centres = found.table[["y_px", "x_px"]].to_numpy() * scene.um_per_px
    truth = np.array(scene.leukocytes).reshape(-1, 2)
    if len(centres) != len(truth):
        return False
    distance = np.hypot(*(truth[:, None] - centres[None]).transpose(2, 0, 1))
    return not len(truth) or bool((distance.min(axis=1) < within_um).all())


def recoloured(scene: Scene, red_cell: np.ndarray) -> Scene:
    """Red cells of another colour, the rest unchanged."""
    for _ in range(round(5000 * scene.height_um * scene.width_um / 1e6)):
        y, x = scene.random.uniform(0, scene.height_um), scene.random.uniform(0, scene.width_um)
        if all(np.hypot(y - a, x - b) > 12.0 for a, b in scene.leukocytes):
            scene.disc(y, x, 3.75, red_cell * scene.random.uniform(0.85, 1.15))
    return scene


def four_leukocytes(seed: int) -> Scene:
    scene = Scene(110, 110, UM, seed=seed)
    for y, x, nucleus in ((25, 30, 4.5), (30, 85, 3.6), (80, 35, 5.5), (78, 80, 4.2)):
        scene.leukocyte(y, x, nucleus=nucleus, cell=nucleus + 2.0)
    return scene


@pytest.mark.parametrize(
    "red_cell",
    [
        np.array([0.30, 0.42, 0.22]),  # overstained, bluish
        np.array([0.36, 0.40, 0.14]),  # as blue as on the worst slides: hardly less blue light than nuclei
        np.array([0.03, 0.10, 0.09]),  # pale
        np.array([0.15, 0.22, 0.24]),  # greenish camera
    ],
    ids=["overstained", "bluish", "pale", "greenish"],
)
def test_red_cells_of_any_colour(red_cell: np.ndarray) -> None:
    scene = recoloured(four_leukocytes(1), red_cell)
    assert found_exactly(segment(scene.draw(), um_per_px=UM), scene)
    alone = recoloured(Scene(110, 110, UM, seed=2), red_cell)
    assert found_exactly(segment(alone.draw(), um_per_px=UM), alone)


@pytest.mark.parametrize("light", [1.1, 1.2, 1.35])
def test_clipped_highlights(light: float) -> None:
    scene = four_leukocytes(3).red_cells()
    assert found_exactly(segment(scene.draw(light=light), um_per_px=UM), scene)


@pytest.mark.parametrize(
    "camera",
    [
        {"cast": (0.95, 0.75, 0.55), "vignette": 0.7},
        {"cast": (0.55, 0.8, 0.9), "vignette": 0.5},
        {"cast": (0.6, 0.9, 0.6), "gamma": 0.8},
        {"cast": (0.9, 0.6, 0.95), "gamma": 1.25},
    ],
    ids=str,
)
def test_vignetting_and_phone_casts(camera: dict[str, float]) -> None:
    scene = four_leukocytes(4).red_cells()
    assert found_exactly(segment(scene.draw(**camera), um_per_px=UM), scene)


def test_a_camera_of_little_colour() -> None:
    scene = four_leukocytes(5).red_cells()
    image = scene.draw().astype(np.float32)
    grey = image.mean(axis=2, keepdims=True)
    assert found_exactly(segment(np.rint(grey + 0.5 * (image - grey)).astype(np.uint8), um_per_px=UM), scene)


@pytest.mark.parametrize("strength", [0.4, 1.8])
def test_weak_and_strong_stain(strength: float) -> None:
    scene = four_leukocytes(6).red_cells()
    scene.density *= strength
    assert found_exactly(segment(scene.draw(), um_per_px=UM), scene)


def test_precipitate_is_no_cell() -> None:
    scene = four_leukocytes(7).red_cells()
    for y, x, radius in ((55, 55, 2.6), (12, 58, 3.4), (95, 58, 2.2), (56, 12, 4.2)):
        scene.disc(y, x, radius, np.array([1.25, 1.3, 1.25]))
    assert found_exactly(segment(scene.draw(), um_per_px=UM), scene)


def test_a_large_clump_of_platelets_is_no_cell() -> None:
    scene = four_leukocytes(8).red_cells()
    for k in range(7):
        scene.platelet(54 + 2.2 * np.sin(k), 56 + 2.2 * np.cos(k))
    assert found_exactly(segment(scene.draw(), um_per_px=UM), scene)


def test_lobes_find_each_other_before_the_neighbour() -> None:
    scene = Scene(100, 100, UM, seed=9)
    lobes = ((-3.0, 0.5), (0.0, -2.0), (3.0, 0.5))
    scene.leukocyte(50, 40, nucleus=1.9, cell=6.0, lobes=lobes)
    scene.leukocyte(50, 51.2, nucleus=4.2, cell=5.0)
    assert found_exactly(segment(scene.red_cells().draw(), um_per_px=UM), scene)


def test_lobes_far_apart_in_one_cell() -> None:
    scene = Scene(100, 100, UM, seed=10)
    scene.leukocyte(50, 50, nucleus=2.6, cell=7.5, lobes=((0.0, -4.8), (0.0, 4.8)))
    assert found_exactly(segment(scene.red_cells().draw(), um_per_px=UM), scene)


def test_a_nucleus_that_the_border_leaves_little_of() -> None:
    scene = Scene(100, 100, UM, seed=11)
    scene.leukocyte(50, 50).leukocyte(-1.8, 30, nucleus=4.5, cell=6.5)
    found = segment(scene.red_cells().draw(), um_per_px=UM)
    assert len(found.table) == 2
    assert found.table.sort_values("y_px")["touches_border"].tolist() == [True, False]


@pytest.mark.parametrize("nucleus", [3.2, 4.5, 6.5])
def test_a_crop_around_one_cell(nucleus: float) -> None:
    """With a few red cells at its rim, or none at all."""
    lone = Scene(25, 25, UM, seed=12).leukocyte(12.5, 12.5, nucleus=nucleus, cell=nucleus + 2.5)
    assert found_exactly(segment(lone.draw(), um_per_px=UM), lone)
    for y, x in ((1, 2), (3, 23), (24, 1), (22, 23), (23, 12)):
        lone.disc(y, x, 3.75, RED_CELL)
    assert found_exactly(segment(lone.draw(), um_per_px=UM), lone)


def test_a_crop_filled_by_one_cell() -> None:
    """Dark cytoplasm, a large nucleus, and three slivers of red cells."""
    lone = Scene(25, 25, UM, seed=13)
    lone.disc(12.5, 12.5, 10.0, np.array([0.18, 0.22, 0.08]))
    lone.disc(12.5, 13.5, 6.5, NUCLEUS)
    for y, x in ((0, 0), (0, 25), (25, 25)):
        lone.disc(y, x, 4.0, RED_CELL)
    assert len(segment(lone.draw(), um_per_px=UM).table) == 1


def test_fields_without_red_cells() -> None:
    scene = four_leukocytes(14)
    assert found_exactly(segment(scene.draw(), um_per_px=UM), scene)


def test_a_crop_by_the_model_of_another_field() -> None:
    field = smear(seed=15, side_um=110, um_per_px=UM).draw()
    model = fit_slide_model(open_slide(field), UM)
    crop = Scene(25, 25, UM, seed=16).leukocyte(12.5, 12.5, nucleus=4.0, cell=6.0)
    found = segment(crop.draw(vignette=0.0), um_per_px=UM, slide_model=model)
    assert found_exactly(found, crop)
    assert found.slide_model.nuclear_axis == model.nuclear_axis
    empty = Scene(25, 25, UM, seed=17)
    empty.disc(12.5, 12.5, 3.75, 1.9 * RED_CELL)
    empty.disc(8, 12.5, 3.75, RED_CELL + CYTOPLASM)
    assert len(segment(empty.draw(vignette=0.0), um_per_px=UM, slide_model=model).table) == 0


def test_nuclei_of_one_slide_that_differ_in_red() -> None:
    """As on slides whose fields have white balances of their own: nuclei agree in green and differ in red."""
    scene = Scene(170, 170, UM, seed=31)
    for number, red in enumerate(np.linspace(0.14, 1.1, 16)):
        y, x = 25 + 40 * (number // 4), 25 + 40 * (number % 4)
        scene.leukocyte(y, x, nucleus=4.5, cell=6.5)
        yy, xx = np.mgrid[: scene.shape[0], : scene.shape[1]] * UM
        inside = np.hypot(yy - y, xx - x) <= 4.5
        scene.density[inside] = [red, NUCLEUS[1], NUCLEUS[2]]
    scene.red_cells()
    image = scene.draw(vignette=0.0)
    halves = [open_slide(np.ascontiguousarray(half)) for half in np.array_split(image, 2)]
    model = fit_slide_model(halves, UM)
    assert found_exactly(segment(image, um_per_px=UM, slide_model=model), scene)
