"""Fields of one slide on the command line and in Python: stain and scale from all of them, or from one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

import napari_wbc as wbc
from napari_wbc.cli import main
from napari_wbc.slides.synthetic import SyntheticSmear


@pytest.fixture
def fields(smear: SyntheticSmear, smear_image: NDArray[np.uint8], tmp_path: Path) -> list[Path]:
    """Two halves of a smear, and a crop of one leukocyte and little else."""
    cells = smear.truth()
    cell = cells[cells["y_px"].between(100, 700) & cells["x_px"].between(100, 1100)].iloc[0]
    y, x = round(cell.y_px), round(cell.x_px)
    places = {
        "left": np.s_[:, :600],
        "right": np.s_[:, 600:],
        "crop": np.s_[y - 90 : y + 90, x - 90 : x + 90],
    }
    paths = []
    for name, place in places.items():
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(smear_image[place]).save(paths[-1])
    return paths


def run_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


def test_the_images_of_a_command_share_stain_and_scale(fields: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    images = [str(path) for path in (fields[0], tmp_path / "broken.png", *fields[1:])]
    assert main(["count", "--same-slide", *images, "--out", str(out), "--quiet"]) == 1
    runs = [run_of(out / path.stem) for path in fields]
    for name in ("nuclear_axis", "red_cell_axis", "threshold_nucleus", "surroundings", "confidence"):
        assert all(run["slide_model"][name] == runs[0]["slide_model"][name] for run in runs), name
    assert len({json.dumps(run["slide_model"]["background"]) for run in runs}) == 3
    assert {(run["scale"]["um_per_px"], run["scale"]["origin"]) for run in runs} == {
        (runs[0]["scale"]["um_per_px"], "slide_model")
    }
    assert runs[0]["scale"]["um_per_px"] == pytest.approx(0.1, rel=0.1)
    assert 0 < runs[0]["scale"]["confidence"] < 1
    assert len(pd.read_csv(out / "crop" / "cells.csv")) >= 1
    report = (out / "crop" / "report.html").read_text(encoding="utf-8")
    assert "from other fields of the slide" in report


def test_the_model_of_an_earlier_count(
    fields: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["count", str(fields[0]), "--out", str(out), "--um-per-px", "0.1"]) == 0
    record = out / "left" / "run.json"
    crop = ["count", str(fields[2]), "--out", str(out), "--slide-model", str(record)]
    assert main(crop) == 0
    left, run = run_of(out / "left"), run_of(out / "crop")
    assert run["scale"] == {"um_per_px": 0.1, "origin": "slide_model", "confidence": 1.0, "n_red_cells": 0}
    assert run["slide_model"]["nuclear_axis"] == left["slide_model"]["nuclear_axis"]
    assert left["parameters"]["slide_model"] is None
    assert len(run["parameters"]["slide_model"]) == 64
    capsys.readouterr()
    assert main([*crop, "--resume"]) == 0
    assert "counted before" in capsys.readouterr().out
    assert main(["count", str(fields[2]), "--out", str(out), "--um-per-px", "0.1", "--resume"]) == 0
    assert "counted before" not in capsys.readouterr().out, "without the model it is another count"

    # The same in Python, by the file and by the model.
    by_file = wbc.count(fields[2], slide_model=record)
    by_model = wbc.count(fields[2], slide_model=wbc.load_slide_model(record))
    assert by_file.run["parameters"] == by_model.run["parameters"] == run["parameters"]
    pd.testing.assert_frame_equal(by_file.cells, by_model.cells)
    labels = wbc.segment(fields[2], slide_model=record)
    assert list(labels.table["y_px"]) == list(by_file.cells["y_px"])
    assert (
        main(["segment", str(fields[2]), "--out", str(tmp_path / "a.tif"), "--slide-model", str(record)]) == 0
    )
    assert list(pd.read_csv(tmp_path / "a.csv")["y_px"]) == pytest.approx(
        list(by_file.cells["y_px"]), abs=0.01
    )


def test_the_same_image_gives_the_same_cells_with_its_own_model(fields: list[Path]) -> None:
    first = wbc.count(fields[0], um_per_px=0.1)
    again = wbc.count(fields[0], slide_model=first.slide_model)
    pd.testing.assert_frame_equal(first.cells, again.cells)
    assert again.run["slide_model"] == first.run["slide_model"]


@pytest.mark.parametrize(
    ("more", "status", "word"),
    [
        (["--slide-model", "nowhere.json"], 2, "nowhere.json"),
        (["--slide-model", "IMAGE"], 2, "no slide model"),
        (["--slide-model", "IMAGE", "--same-slide"], 2, "not allowed with"),
    ],
)
def test_wrong_options(
    fields: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    status: int,
    word: str,
) -> None:
    argv = ["count", str(fields[0]), "--out", str(tmp_path / "out")]
    argv += [part.replace("IMAGE", str(fields[0])) for part in more]
    assert main(argv) == status
    complaint = capsys.readouterr().err
    assert word in complaint
    assert complaint.count("\n") == 1


def test_fields_whose_scale_nothing_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        Image.new("RGB", (200, 200), (240, 238, 239)).save(tmp_path / f"{name}.png")
    images = [str(tmp_path / f"{name}.png") for name in ("a", "b")]
    assert main(["count", "--same-slide", *images, "--out", str(tmp_path / "out")]) == 1
    complaint = capsys.readouterr().err
    assert "--um-per-px" in complaint
    assert "1 more" in complaint
    assert complaint.count("\n") == 1
