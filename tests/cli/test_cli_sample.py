"""``napari-wbc sample``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from command_line import hidden_files
from napari_wbc.cli import main
from napari_wbc.slides.synthetic.files import FORMATS


def test_sample_is_repeatable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.png"):
        assert main(["sample", "--out", str(tmp_path / name), "--size", "300x200", "--seed", "5"]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.truth.csv").read_bytes() == (tmp_path / "b.truth.csv").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (300, 200)
    assert hidden_files(tmp_path) == []


def test_help_names_every_format_that_can_be_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "--help"]) == 0
    assert "{" + ",".join(dict.fromkeys(FORMATS.values())) + "}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["slide.ome.tiff", "slide.ome.zarr", "slide.svs"])
def test_sample_slides_can_be_counted(name: str, tmp_path: Path) -> None:
    assert main(["sample", "--out", str(tmp_path / name), "--size", "700x500", "--quiet"]) == 0
    assert main(["count", str(tmp_path / name), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    run = json.loads((tmp_path / "out" / "slide" / "run.json").read_text(encoding="utf-8"))
    assert run["scale"]["origin"] == "metadata"
    assert run["scale"]["um_per_px"] == pytest.approx(0.1)
