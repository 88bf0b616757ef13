"""Slide models go through JSON and come back to the last bit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disc_scene import smear

from napari_wbc.errors import InputError, OutputError
from napari_wbc.segmentation import (
    SlideModel,
    cells_to_table,
    fit_slide_model,
    load_slide_model,
    save_slide_model,
    segment,
)
from napari_wbc.segmentation.plain import to_plain
from napari_wbc.segmentation.surroundings import TABLE_SHAPE
from napari_wbc.slides import open_slide

UM = 0.1


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return smear(seed=21, side_um=110).draw()


@pytest.fixture(scope="module")
def model(image: np.ndarray) -> SlideModel:
    return fit_slide_model(open_slide(image), UM)


def test_round_trip_is_exact(model: SlideModel, tmp_path: Path) -> None:
    text = json.dumps(model.to_dict())
    again = SlideModel.from_dict(json.loads(text))
    assert json.dumps(again.to_dict()) == text
    assert to_plain(again) == to_plain(model)
    np.testing.assert_array_equal(again.surroundings.evidence, model.surroundings.evidence)
    assert again.surroundings.evidence.dtype == np.float32
    assert again.background == model.background
    saved = load_slide_model(save_slide_model(model, tmp_path / "slide_model.json"))
    assert to_plain(saved) == to_plain(model)


def test_the_readable_part_says_what_was_found(model: SlideModel) -> None:
    plain = model.to_dict()
    assert 0.3 < plain["confidence"] <= 1
    assert np.linalg.norm(plain["red_cell_axis"]) == pytest.approx(1)
    assert plain["background"]["rgb"] == pytest.approx([255 * c for c in (0.93, 0.9, 0.91)], abs=9)
    assert plain["um_per_px"] == UM


def test_the_same_cells_with_a_model_that_was_read(
    image: np.ndarray, model: SlideModel, tmp_path: Path
) -> None:
    direct = segment(image, UM)
    read = segment(image, UM, slide_model=load_slide_model(save_slide_model(model, tmp_path / "a.json")))
    np.testing.assert_array_equal(direct.cells, read.cells)
    assert cells_to_table([]).shape[0] == 0 < len(direct.table)
    assert direct.table.equals(read.table)


def drop(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda plain: plain.pop(key)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (drop("version"), "earlier version"),
        (lambda plain: plain.update(version=99), "version 99"),
        (drop("threshold_nucleus"), "threshold_nucleus"),
        (lambda plain: plain.update(nuclear_axis=[1.0, 0.0]), "2 values instead of 3"),
        (lambda plain: plain.update(threshold_nucleus="much"), "threshold_nucleus"),
        (lambda plain: plain.update(threshold_nucleus=float("nan")), "threshold_nucleus"),
        (lambda plain: plain["surroundings"]["evidence"].update(shape=[9, 9]), "evidence"),
        (lambda plain: plain["surroundings"]["evidence"].update(shape=[1 << 20, 1 << 20]), "evidence"),
        (lambda plain: plain["surroundings"]["evidence"].update(zlib_base64="no such thing"), "evidence"),
        (lambda plain: plain.update(background=None), "background"),
        # Each a sound number, with which nothing could be segmented.
        (lambda plain: plain.update(um_per_px=0.0), "um_per_px is not above 0"),
        (lambda plain: plain["surroundings"].update(red_cell_density=0.0), "red_cell_density is not above 0"),
        (lambda plain: plain["surroundings"].update(spread=-1.0), "spread is not above 0"),
        (
            lambda plain: plain["surroundings"].update(evidence=to_plain(np.zeros((9, 9), np.float32))),
            "evidence",
        ),
        (
            lambda plain: plain["surroundings"].update(
                evidence=to_plain(np.full(TABLE_SHAPE, np.nan, np.float32))
            ),
            "evidence",
        ),
        (lambda plain: plain["background"].update(width_px=0.0), "width_px is not above 0"),
        (lambda plain: plain["background"].update(degree=-1), "degree is not one of 0 to 4"),
        (lambda plain: plain["background"].update(degree=1 << 40), "degree is not one of 0 to 4"),
        (lambda plain: plain["background"].update(degree=3), "coefficients are not those of that degree"),
        (lambda plain: plain["background"]["coefficients"].pop(), "coefficients"),
        (
            lambda plain: plain["background"].update(coefficients=7),
            "coefficients is missing or of a wrong type",
        ),
    ],
)
def test_damaged_models_are_refused(
    model: SlideModel, tmp_path: Path, harm: Callable[[dict[str, Any]], None], message: str
) -> None:
    plain = json.loads(json.dumps(model.to_dict()))
    harm(plain)
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"program": "napari-wbc", "slide_model": plain}))
    for place in (file, tmp_path):
        with pytest.raises(InputError, match=message) as caught:
            load_slide_model(place)
        assert "run.json" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_files_that_are_no_slide_model(tmp_path: Path, model: SlideModel) -> None:
    (tmp_path / "text.json").write_text("no JSON")
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "large.json").touch()
    os.truncate(tmp_path / "large.json", (1 << 26) + 1)
    for name in ("text.json", "list.json", "binary.json", "deep.json", "large.json", "none.json"):
        with pytest.raises(InputError, match="slide model") as caught:
            load_slide_model(tmp_path / name)
        assert name in str(caught.value)
    with pytest.raises(OutputError, match="cannot write"):
        save_slide_model(model, tmp_path / "none" / "a.json")
