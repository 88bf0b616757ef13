"""The drawn smear: determinism, tilings, and a truth that fits the pixels."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from napari_wbc.errors import InputError
from napari_wbc.leukocytes import BY_NAME
from napari_wbc.slides.pixels import LARGEST_SIDE
from napari_wbc.slides.synthetic import EVERY_CLASS, STAINS, SmearParameters, SyntheticSmear, default_sample
from napari_wbc.slides.synthetic.parameters import DRAWN_CLASSES

SMALL = SmearParameters(height=420, width=560, seed=5, um_per_px=0.15)


@pytest.fixture(scope="module")
def mixed():
    """A smear with all classes, and its picture."""
    smear = SyntheticSmear(
        SmearParameters(height=1300, width=1900, seed=1, composition=EVERY_CLASS, um_per_px=0.16)
    )
    return smear, smear.draw(0, 0, *smear.shape)


def test_same_parameters_same_bytes():
    first = SyntheticSmear(SMALL).draw(0, 0, 420, 560)
    again = SyntheticSmear(pickle.loads(pickle.dumps(SMALL))).draw(0, 0, 420, 560)
    assert first.dtype == np.uint8
    assert first.tobytes() == again.tobytes()


def test_another_seed_is_another_smear():
    other = SyntheticSmear(SmearParameters(height=420, width=560, seed=6, um_per_px=0.15))
    assert (other.draw(0, 0, 420, 560) != SyntheticSmear(SMALL).draw(0, 0, 420, 560)).any()


@pytest.mark.parametrize(("tile", "blur_um"), [(97, 0.07), (256, 0.3), (300, 0.0)])
def test_every_tiling_gives_the_same_bytes(tile, blur_um):
    parameters = dataclasses.replace(SMALL, blur_um=blur_um, vignetting=0.3)
    whole = SyntheticSmear(parameters).draw(0, 0, 420, 560)
    smear = SyntheticSmear(parameters)
    tiled = np.zeros_like(whole)
    # From the end to the beginning: nothing may depend on what was drawn before.
    for y in reversed(range(0, 420, tile)):
        for x in reversed(range(0, 560, tile)):
            h, w = min(tile, 420 - y), min(tile, 560 - x)
            tiled[y : y + h, x : x + w] = smear.draw(y, x, h, w)
    assert tiled.tobytes() == whole.tobytes()


def test_a_window_does_not_depend_on_the_size_of_the_image():
    small = SyntheticSmear(dataclasses.replace(SMALL, vignetting=0.0))
    large = SyntheticSmear(dataclasses.replace(SMALL, vignetting=0.0, height=100_000, width=80_000))
    assert (small.draw(100, 200, 90, 80) == large.draw(100, 200, 90, 80)).all()


def test_a_window_outside_is_refused():
    with pytest.raises(ValueError, match="leaves the smear"):
        SyntheticSmear(SMALL).draw(400, 0, 40, 40)


def test_drawn_classes_are_those_of_the_package():
    assert all(BY_NAME[name].kind in ("leukocyte", "erythroblast") for name in DRAWN_CLASSES)


def test_every_class_is_drawn_at_its_size(mixed):
    truth = mixed[0].truth()
    assert set(truth["label"]) == set(DRAWN_CLASSES)
    whole = truth[~truth["touches_border"]]
    diameter = 2 * np.sqrt(whole.groupby("label")["cell_area_um2"].mean() / np.pi)
    # Textbook sizes in smears, µm.
    for label, low, high in [
        ("neutrophil_segmented", 11, 14),
        ("lymphocyte", 8, 12),
        ("monocyte", 12, 18),
        ("eosinophil", 11, 14),
        ("basophil", 10, 14),
        ("promyelocyte", 13, 20),
        ("erythroblast", 7.5, 11),
    ]:
        assert low < diameter[label] < high, label
    assert diameter["promyelocyte"] > diameter["lymphocyte"] > diameter["erythroblast"]


def test_truth_fits_the_pixels(mixed):
    smear, image = mixed
    background = np.median(image[image.min(2) > np.percentile(image.min(2), 80)], 0)
    for cell in smear.cells(0, 0, *smear.shape):
        y0, x0, y1, x1 = cell.bbox
        nucleus, body = cell.mask.nucleus, cell.mask.cell
        pixels = image[y0:y1, x0:x1]
        assert pixels.shape[:2] == nucleus.shape
        assert (nucleus <= body).all()
        ys, xs = np.nonzero(nucleus)
        assert cell.y_px == pytest.approx(y0 + ys.mean())
        assert cell.x_px == pytest.approx(x0 + xs.mean())
        if nucleus.sum() > 100:
            # Chromatin is far darker than the glass; green shows it best.
            assert pixels[nucleus][:, 1].mean() < 0.55 * background[1], cell.label


def test_truth_table_is_that_of_the_windows(mixed):
    smear, _ = mixed
    truth = smear.truth()
    cells = smear.cells(0, 0, *smear.shape)
    assert list(truth["cell_id"]) == list(range(1, len(truth) + 1))
    assert list(zip(truth["y_px"], truth["x_px"], strict=True)) == [(c.y_px, c.x_px) for c in cells]
    height, width = smear.shape
    in_windows = {
        (c.y_px, c.x_px)
        for y in range(0, height, 325)
        for x in range(0, width, 475)
        for c in smear.cells(y, x, 325, 475)
    }
    assert in_windows == {(c.y_px, c.x_px) for c in cells}
    border = truth["touches_border"]
    touches = (truth["bbox_y0"] == 0) | (truth["bbox_x0"] == 0) | (truth["bbox_y1"] == height)
    assert (border == (touches | (truth["bbox_x1"] == width))).all()


@pytest.mark.parametrize(("fraction", "touching"), [(0.0, False), (0.3, True)])
def test_leukocytes_stay_apart_unless_asked(fraction, touching):
    smear = SyntheticSmear(
        SmearParameters(
            height=1500,
            width=1500,
            um_per_px=0.16,
            composition={"eosinophil": 1.0},
            touching_fraction=fraction,
        )
    )
    # One pixel of margin around each cell: touching counts.
    painted = np.zeros((1502, 1502), int)
    for cell in smear.cells(0, 0, 1500, 1500):
        y0, x0, y1, x1 = cell.bbox
        painted[y0 : y1 + 2, x0 : x1 + 2] += ndimage.binary_dilation(np.pad(cell.mask.cell, 1))
    assert (painted > 1).any() == touching


def test_composition_and_density_are_those_asked_for():
    smear = SyntheticSmear(
        SmearParameters(
            height=8000, width=8000, um_per_px=0.16, seed=4, composition={"lymphocyte": 3, "monocyte": 1}
        )
    )
    truth = smear.truth()
    assert len(truth) / 1.28**2 == pytest.approx(950, rel=0.12)  # the image is 1.28 mm wide
    assert (truth["label"] == "lymphocyte").mean() == pytest.approx(0.75, abs=0.04)


def test_default_sample_holds_a_normal_differential(artifacts_dir):
    image, parameters = default_sample()
    Image.fromarray(image).save(artifacts_dir / "synthetic_smear.png")
    assert image.shape == (1800, 2400, 3)
    truth = SyntheticSmear(parameters).truth()
    assert 35 <= len(truth) <= 50
    assert truth["label"].value_counts().index[0] == "neutrophil_segmented"
    assert {
        "neutrophil_segmented",
        "neutrophil_band",
        "lymphocyte",
        "monocyte",
        "eosinophil",
        "basophil",
    } == set(truth["label"])


@pytest.mark.parametrize("stain", list(STAINS))
def test_stains_give_their_background(stain):
    parameters = SmearParameters(
        height=200,
        width=200,
        leukocytes_per_mm2=0,
        red_cells_per_mm2=0,
        platelets_per_mm2=0,
        stain=stain,
        noise=0,
    )
    image = SyntheticSmear(parameters).draw(0, 0, 200, 200)
    assert np.abs(np.median(image, (0, 1)) - STAINS[stain].background).max() < 6


def test_light_and_noise():
    empty = {
        "leukocytes_per_mm2": 0,
        "red_cells_per_mm2": 0,
        "platelets_per_mm2": 0,
        "height": 400,
        "width": 400,
    }
    quiet = (
        SyntheticSmear(SmearParameters(**empty, noise=0, vignetting=0.4)).draw(0, 0, 400, 400).astype(float)
    )
    assert quiet[:20, :20].mean() < 0.75 * quiet[190:210, 190:210].mean()
    # Well below white, so that clipping does not narrow the noise.
    dim = {**empty, "exposure": 0.7, "vignetting": 0.0}
    noisy = SyntheticSmear(SmearParameters(**dim, noise=0.03)).draw(0, 0, 400, 400).astype(float)
    clean = SyntheticSmear(SmearParameters(**dim, noise=0.0)).draw(0, 0, 400, 400).astype(float)
    expected = 255 * 0.03 * np.sqrt(clean.mean() / 255)
    assert (noisy - clean).std() == pytest.approx(expected, rel=0.05)
    assert abs((noisy - clean).mean()) < 0.1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"height": 0}, "height"),
        ({"width": LARGEST_SIDE + 1}, "width"),
        ({"um_per_px": 5.0}, "um_per_px"),
        ({"stain": "gram"}, "unknown stain 'gram'"),
        ({"composition": {"blast": 1.0}}, "'blast'"),
        ({"composition": {"lymphocyte": -1.0}}, "composition"),
        ({"composition": {}}, "composition"),
        ({"jpeg_quality": 0}, "jpeg_quality"),
        ({"noise": float("nan")}, "noise"),
        ({"tint": (1.0, 1.0)}, "tint"),
    ],
)
def test_parameters_that_cannot_be(wrong, words):
    with pytest.raises(InputError, match=words):
        SmearParameters(**wrong)
