from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_wbc.errors import InputError, ScaleUnknownError
from napari_wbc.slides import Scale, estimate_scale, open_slide, resolve_scale
from napari_wbc.slides.circles import find_circles


def draw(height, width, diameter, count, *, seed=0, spread=0.06, leukocytes=2, platelets=8, uneven=0.2):
    """Flat discs with a pale centre, some overlapping, a few large dark and small dark ones, on uneven light."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    od = np.zeros((height, width, 3), np.float32)

    def disc(cy, cx, radius, colour, pallor=0.0):
        top, left = max(0, int(cy - radius - 3)), max(0, int(cx - radius - 3))
        window = np.s_[top : int(cy + radius + 4), left : int(cx + radius + 4)]
        distance = np.hypot(y[window] - cy, x[window] - cx)
        edge = np.clip((radius - distance) / 1.5 + 0.5, 0, 1)
        od[window] += (edge * (1 - pallor * np.exp(-((distance / (0.4 * radius)) ** 2))))[..., None] * colour

    for _ in range(count):
        radius = diameter / 2 * np.exp(rng.normal(0, spread))
        disc(rng.uniform(0, height), rng.uniform(0, width), radius, np.array([0.05, 0.14, 0.16]), pallor=0.7)
    for _ in range(leukocytes):
        place = rng.uniform(0.2, 0.8, 2) * (height, width)
        disc(*place, 0.8 * diameter, np.array([0.35, 0.6, 0.3]))
    for _ in range(platelets):
        disc(rng.uniform(0, height), rng.uniform(0, width), 0.15 * diameter, np.array([0.2, 0.3, 0.1]))
    light = 1 - uneven * ((y / height - 0.5) ** 2 + (x / width - 0.4) ** 2)
    image = 225 * light[..., None] * 10**-od + rng.normal(0, 2, od.shape)
    return np.clip(ndimage.gaussian_filter(image, (0.7, 0.7, 0)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("diameter", [24, 70, 140])
def test_discs_of_any_size(diameter):
    side = int(diameter * 9)
    scale = estimate_scale(open_slide(draw(side, int(side * 1.2), diameter, 35)))
    assert scale.origin == "red_cells"
    assert scale.um_per_px == pytest.approx(7.5 / diameter, rel=0.12)
    assert 0.25 <= scale.confidence <= 1
    assert scale.n_red_cells >= 8


def test_circles_are_where_the_discs_are():
    image = np.full((300, 400, 3), 230, np.uint8)
    y, x = np.mgrid[:300, :400]
    places = [(60, 70, 30), (60, 110, 30), (200, 100, 25), (180, 300, 40), (290, 200, 30)]
    for cy, cx, radius in places:
        image[np.hypot(y - cy, x - cx) < radius] = (210, 160, 160)
    circles = find_circles(image)
    for cy, cx, radius in places:
        nearest = np.argmin(np.hypot(circles.y - cy, circles.x - cx))
        assert np.hypot(circles.y[nearest] - cy, circles.x[nearest] - cx) < 3
        assert circles.diameter[nearest] == pytest.approx(2 * radius, rel=0.06)


def test_pooled_over_the_tiles_of_a_large_slide_that_is_mostly_empty():
    field = draw(900, 900, 40, 90, uneven=0.0)
    image = np.full((6200, 6300, 3), 224, np.uint8)
    for y, x in [(300, 2000), (3200, 5300), (5200, 4000)]:
        image[y : y + 900, x : x + 900] = field
    scale = estimate_scale(open_slide(image))
    assert scale.um_per_px == pytest.approx(7.5 / 40, rel=0.12)


@pytest.mark.parametrize(
    "image",
    [
        np.full((600, 800, 3), 255, np.uint8),
        np.full((1, 1, 3), 200, np.uint8),
        np.full((40, 2000, 3), 200, np.uint8),
        np.random.default_rng(0).integers(0, 255, (600, 800, 3)).astype(np.uint8),
        np.random.default_rng(0).normal((200, 180, 190), 3, (600, 800, 3)).astype(np.uint8),
        np.mgrid[:600, :800].sum(0)[..., None].repeat(3, 2).astype(np.uint8) // np.array([1, 2, 3], np.uint8),
        draw(600, 800, 90, 0, leukocytes=2, platelets=0),
        draw(600, 800, 90, 2),
    ],
    ids=["white", "one px", "narrow", "noise", "camera noise", "ramp", "leukocytes alone", "two red cells"],
)
def test_no_estimate_rather_than_a_wrong_one(image):
    assert estimate_scale(open_slide(image, name="x")) is None
    with pytest.raises(ScaleUnknownError, match="µm per px"):
        resolve_scale(open_slide(image))


def test_given_before_metadata_before_red_cells(tmp_path):
    import tifffile

    image = draw(700, 800, 70, 35)
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "YXS", "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.2}
    tifffile.imwrite(path, image, photometric="rgb", ome=True, metadata=metadata)
    assert resolve_scale(open_slide(path), 0.3) == Scale(0.3, "given", 1.0)
    assert resolve_scale(open_slide(path)) == Scale(0.2, "metadata", 0.95)
    metadata |= {"PhysicalSizeX": 350.0, "PhysicalSizeY": 350.0}  # 72 dpi that a converter took for a scale
    tifffile.imwrite(path, image, photometric="rgb", ome=True, metadata=metadata)
    assert resolve_scale(open_slide(path)).origin == "red_cells"


@pytest.mark.parametrize("wrong", [0, -0.1, float("nan"), float("inf"), 1000, 0.001])
def test_wrong_scale_is_refused_in_one_line(wrong):
    with pytest.raises(InputError, match=r"0\.02 to 2\.0") as caught:
        resolve_scale(open_slide(np.full((9, 9, 3), 200, np.uint8)), wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.data
def test_real_fields(data_dir):
    """Three fields of each domain: most have an estimate, and none of them is far off."""
    fields = pd.read_csv(data_dir / "fields.csv").groupby("domain").sample(3, random_state=1)
    ratios = []
    for field in fields.itertuples():
        scale = estimate_scale(open_slide(data_dir / field.path))
        if scale is not None:
            ratios.append(scale.um_per_px / field.um_per_px)
    error = np.abs(np.log(ratios))
    assert len(ratios) >= 9
    assert np.median(error) < 0.1
    assert error.max() < 0.35


def test_synthetic_smear():
    from napari_wbc.slides.synthetic import SmearParameters, SyntheticSmear

    image = SyntheticSmear(SmearParameters(height=900, width=1200, um_per_px=0.1, seed=3)).draw(
        0, 0, 900, 1200
    )
    assert estimate_scale(open_slide(image)).um_per_px == pytest.approx(0.1, rel=0.15)
