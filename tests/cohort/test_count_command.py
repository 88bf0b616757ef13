"""``napari-wbc count`` of sample sheets and folders: what it writes, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_wbc.cli import main
from napari_wbc.cohort import FILES, PAGE_FILE
from skips import needs_posix_signals

TABLES = [name for name in FILES if name != PAGE_FILE]


@pytest.fixture
def fields(smear_image: NDArray[np.uint8], tmp_path: Path) -> Path:
    """A folder with three fields of a smear, one of them cut off, and a sample sheet of them."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, part in (("f1", np.s_[:, :600]), ("f2", np.s_[:, 600:])):
        Image.fromarray(smear_image[part]).save(folder / f"{name}.png")
    (folder / "f3.png").write_bytes((folder / "f1.png").read_bytes()[:5000])
    (folder / "slides.csv").write_text(
        "image,slide,um_per_px,wbc\nf1.png,S,0.1,7.2\nf2.png,S,0.1,7.2\nf3.png,,0.1,\n"
    )
    return folder


def test_a_sheet_is_counted_slide_by_slide(
    fields: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["count", str(fields / "slides.csv"), "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert said.out.rstrip().endswith(f"3 images side by side -> {out / PAGE_FILE}")
    assert "f3.png" in said.err
    assert "1 of 3 images failed" in said.err
    slides = pd.read_csv(out / "slides.csv")
    assert set(slides["slide"]) == {"S"}
    apart = sum(
        pd.read_csv(out / name / "differential.csv").set_index("class")["count"] for name in ("f1", "f2")
    )
    together = slides.set_index("class")["count"]
    assert together.sum() > 3
    assert (together == apart.reindex(together.index)).all()
    assert slides["absolute_per_l"].notna().any()
    counts = pd.read_csv(out / "counts.csv").set_index("image")
    assert "truncated" in counts.loc["f3.png", "problem"]
    assert "Could not be counted" in (out / PAGE_FILE).read_text(encoding="utf-8")


def test_a_folder_is_counted_and_one_image_has_no_page(fields: Path, tmp_path: Path) -> None:
    (fields / "f3.png").unlink()
    out = tmp_path / "out"
    assert main(["count", str(fields), "--out", str(out), "--um-per-px", "0.1", "--quiet"]) == 0
    assert sorted(item.name for item in out.iterdir()) == sorted([*FILES, "f1", "f2"])
    (fields / "f2.png").unlink()
    one = tmp_path / "one"
    assert main(["count", str(fields), "--out", str(one), "--um-per-px", "0.1", "--quiet"]) == 0
    assert [item.name for item in one.iterdir()] == ["f1"]


@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        ("image,wbc\nf1.png,much\n", "slides.csv line 2: wbc is 'much'"),
        ("image,profile\nf1.png,nothing.yaml\n", "nothing.yaml"),
        ("image,slide\nf1.png,A\nf2.png,B\n", "--same-slide"),
    ],
)
def test_a_fault_of_the_sheet_is_bad_usage_before_anything_is_counted(
    fields: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], sheet: str, said: str
) -> None:
    (fields / "slides.csv").write_text(sheet)
    out = tmp_path / "out"
    argv = ["count", str(fields / "slides.csv"), "--out", str(out)]
    assert main([*argv, "--same-slide"] if "same" in said else argv) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not out.exists() or list(out.iterdir()) == []


@needs_posix_signals
def test_what_was_killed_goes_on_and_leaves_the_same_tables(fields: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    sheet = str(fields / "slides.csv")
    assert main(["count", sheet, "--out", str(whole), "--quiet"]) == 1
    program = "import sys; from napari_wbc.cli import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "count", sheet, "--out", str(out), "--quiet"],
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    while not (out / "f1" / "run.json").exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "counts.csv").exists()
    kept = (out / "f1" / "run.json").read_bytes()
    assert main(["count", sheet, "--out", str(out), "--quiet", "--resume"]) == 1
    assert (out / "f1" / "run.json").read_bytes() == kept
    for name in TABLES:
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
