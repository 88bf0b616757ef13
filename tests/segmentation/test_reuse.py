"""A slide model shared by the fields of a slide: pooled, in the light of each, and better than a poor field's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from disc_scene import Scene, smear

from napari_wbc.errors import InputError, ScaleUnknownError
from napari_wbc.segmentation import (
    SlideModel,
    fit_slide_model,
    pool_slide_model,
    relight,
    save_slide_model,
    segment,
)
from napari_wbc.segmentation.background import Background, middle_light
from napari_wbc.segmentation.plain import to_plain
from napari_wbc.segmentation.reuse import slide_model_of
from napari_wbc.slides import Scale, Slide, open_slide, resolve_scale

UM = 0.1


@pytest.fixture(scope="module")
def rich() -> Scene:
    return smear(seed=41, side_um=130)


@pytest.fixture(scope="module")
def model(rich: Scene) -> SlideModel:
    return fit_slide_model(open_slide(rich.draw()), UM)


def lone(seed: int, *, nucleus: float = 4.5) -> Scene:
    """A crop with one cell and no red cell."""
    return Scene(26, 26, UM, seed).leukocyte(13, 13, nucleus=nucleus, cell=6.5)


def test_a_crop_of_one_cell_with_the_model_of_its_slide(model: SlideModel) -> None:
    scene = lone(51)
    crop = scene.draw(vignette=0.0)
    assert fit_slide_model(open_slide(crop), UM).confidence == 0.0
    found = segment(crop, UM, slide_model=model)
    assert len(found.table) == 1
    assert found.table["nucleus_area_um2"][0] == pytest.approx(np.pi * 4.5**2, rel=0.12)
    assert found.slide_model.confidence == model.confidence > 0.3
    assert found.slide_model.nuclear_axis == model.nuclear_axis


def test_the_light_is_that_of_the_field(model: SlideModel) -> None:
    """Another field, brighter and with another fall-off: stain and thresholds stay, the light is its own."""
    other = smear(seed=42, side_um=110)
    image = other.draw(light=1.05, vignette=0.5)
    relit = relight(model, open_slide(image), UM)
    assert relit.background == fit_slide_model(open_slide(image), UM).background
    assert relit.background.rgb[0] > model.background.rgb[0]
    assert relit.threshold_nucleus == model.threshold_nucleus
    assert len(segment(image, UM, slide_model=model).table) == len(other.leukocytes)


def test_the_same_field_gets_the_same_model(rich: Scene, model: SlideModel) -> None:
    slide = open_slide(smear(seed=41, side_um=130).draw())
    assert to_plain(relight(model, slide, UM)) == to_plain(model)


def test_where_no_glass_shows_the_light_is_that_of_the_other_fields(model: SlideModel) -> None:
    """A piece out of the middle of red cells lying upon each other: its brightest px are no glass."""
    scene = Scene(40, 40, UM, seed=52)
    scene.density += np.array([0.10, 0.26, 0.17], np.float32)
    crop = scene.draw(vignette=0.0)
    relit = relight(model, open_slide(crop), UM)
    assert relit.background.degree == 0
    assert relit.background.rgb == pytest.approx(model.background.rgb, abs=1e-9)
    same_size = replace(model, background=model.background.for_shape(crop.shape[:2]))
    assert relight(same_size, open_slide(crop), UM).background == same_size.background


def test_pooled_over_fields_that_show_little_each() -> None:
    """Each field has too few red cells for a stain of its own; together they are enough."""
    fields = []
    for seed in range(12):
        scene = Scene(40, 44, UM, 60 + seed).leukocyte(20, 22)
        for y, x in ((6, 6), (8, 36), (34, 8), (33, 37))[: 2 + seed % 3]:
            scene.disc(y, x, 3.75, np.array([0.10, 0.26, 0.17]))
        fields.append(open_slide(scene.draw(vignette=0.0)))
    alone = [fit_slide_model(field, UM).confidence for field in fields]
    pooled = pool_slide_model(fields, UM)
    assert pooled.confidence > max(alone)
    assert pooled.scale == Scale(UM, "slide_model", 1.0)
    for field in fields:
        assert len(segment(field, slide_model=pooled).table) == 1
    with pytest.raises(InputError, match="at least one field"):
        pool_slide_model([])
    # More fields than windows: an even choice of them.
    assert pool_slide_model(fields * 4, UM).confidence > max(alone)


def test_pooling_one_field_is_fitting_it(rich: Scene, model: SlideModel) -> None:
    assert to_plain(pool_slide_model([open_slide(smear(seed=41, side_um=130).draw())], UM)) == to_plain(model)


def test_middle_light() -> None:
    flat = Background(((0.1,), (0.2,), (0.3,)), 0, 100.0, 200.0)
    sloped = Background(((0.12, 0.3, 0.0),) * 3, 1, 100.0, 200.0)
    steep = Background(((0.14, 0.5, 0.1),) * 3, 1, 100.0, 200.0)
    middle = middle_light([flat, sloped, steep])
    assert middle.coefficients[0] == (0.12, 0.3, 0.0)
    assert middle.degree == 1
    other = middle_light([flat, replace(steep, width_px=300.0)])
    assert (other.degree, other.coefficients[1]) == (0, pytest.approx((0.17,)))
    assert middle_light([sloped]) == sloped
    assert sloped.middle_density() == pytest.approx(0.12)


def stating(image: np.ndarray, um: float | None) -> Slide:
    slide = open_slide(image)
    slide.metadata_um_per_px = um  # type: ignore[misc]
    return slide


def test_the_scale_of_several_fields(rich: Scene, tmp_path: Path) -> None:
    image = rich.draw()
    blank = np.full((60, 60, 3), 240, np.uint8)
    fields = [stating(blank, None), stating(blank, 0.1), stating(blank, 0.1005)]
    assert resolve_scale(fields) == Scale(0.1, "metadata", 0.95)
    with pytest.raises(InputError, match="no fields of one slide"):
        resolve_scale([*fields, stating(blank, 0.2)])
    with pytest.raises(ScaleUnknownError, match="1 more"):
        resolve_scale([open_slide(blank), open_slide(blank)])
    pooled = resolve_scale([open_slide(blank), open_slide(image)])
    assert pooled.origin == "red_cells"
    assert pooled.um_per_px == pytest.approx(0.1, rel=0.1)
    # The file's own scale goes before that of another field.
    known = Scale(0.09, "slide_model", 0.7)
    assert resolve_scale(stating(blank, None), of_slide=known) is known
    assert resolve_scale(stating(blank, 0.1), of_slide=known).origin == "metadata"
    assert resolve_scale(stating(blank, None), 0.12, of_slide=known).origin == "given"


def test_a_field_without_a_scale_takes_that_of_the_model(rich: Scene, tmp_path: Path) -> None:
    """By the file of the model, as the command line does."""
    slide = open_slide(rich.draw())
    scale = resolve_scale(slide)
    model = slide_model_of(slide, scale)
    assert model.scale_confidence == scale.confidence < 1
    file = save_slide_model(model, tmp_path / "run.json")
    found = segment(lone(53).draw(vignette=0.0), slide_model=file)
    assert len(found.table) == 1
    assert found.slide_model.um_per_px == scale.um_per_px
