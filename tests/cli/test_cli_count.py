"""``napari-wbc count``: what it writes and prints, where to, and what it counts again."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from command_line import complaint
from napari_wbc.cli import main
from napari_wbc.results import FILES, result_folders


def test_count_writes_the_contract_and_prints_the_table(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out"
    assert main(["count", str(small_file), "--out", str(out), "--um-per-px", "0.1", "--wbc", "7.2"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert str(small_file) in printed.out
    assert "Neutrophil" in printed.out
    assert "research use only" in printed.out
    assert re.search(
        r"^Scale: 0\.1\d+ µm per px, .+\nStain: (confidence 0|typical)", printed.out, re.MULTILINE
    )
    assert sorted(item.name for item in (out / "small").iterdir()) == sorted(FILES)
    run = json.loads((out / "small" / "run.json").read_text(encoding="utf-8"))
    assert run["parameters"]["wbc_per_l"] == 7.2e9
    assert main(["count", str(small_file), "--out", str(out), "--um-per-px", "0.1", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_scale_is_estimated_from_red_cells(
    smear_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["count", str(smear_file), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    run = json.loads((tmp_path / "out" / "smear" / "run.json").read_text(encoding="utf-8"))
    assert run["scale"]["origin"] == "red_cells"
    assert run["scale"]["um_per_px"] == pytest.approx(0.1, rel=0.1)


def test_progress_is_drawn_when_asked_for(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["count", str(small_file), "--out", str(tmp_path / "out"), "--um-per-px", "0.1", "--progress"]
    assert main(argv) == 0
    assert "Finding and classifying cells" in capsys.readouterr().err


def test_resume_skips_what_is_done(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out" / "small"
    argv = ["count", str(small_file), "--out", str(tmp_path / "out"), "--um-per-px", "0.1"]

    def counts_again(*more: str) -> bool:
        before = (folder / "run.json").stat().st_mtime_ns if (folder / "run.json").exists() else 0
        assert main([*argv, "--resume", *more]) == 0
        skipped = "counted before" in capsys.readouterr().out
        again = (folder / "run.json").stat().st_mtime_ns != before
        assert skipped != again
        return again

    assert counts_again()
    assert not counts_again()
    assert counts_again("--wbc", "5"), "other parameters"
    assert counts_again(), "and back"
    (folder / "report.html").unlink()
    assert counts_again(), "incomplete"
    with Image.open(small_file) as before:
        image = np.array(before)
    image[0, 0] = 0
    Image.fromarray(image).save(small_file)
    assert counts_again(), "another image"
    assert not counts_again()


def test_same_stem_does_not_overwrite(small_file: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / "small.png"
    Image.new("RGB", (200, 200), (250, 248, 249)).save(other)
    out = tmp_path / "out"
    argv = [
        "count",
        str(small_file),
        str(other),
        str(small_file),
        "--out",
        str(out),
        "--um-per-px",
        "0.1",
        "--quiet",
    ]
    assert main(argv) == 0
    cells = [len(pd.read_csv(folder / "cells.csv")) for folder in sorted(out.iterdir()) if folder.is_dir()]
    assert len(cells) == 2
    assert cells[0] > 0
    assert cells[1] == 0


def test_result_folders_are_distinct_and_stable() -> None:
    out = Path("out")
    folders = result_folders(["a/x.png", "b/x.png", "c/x.jpg", "y.ome.tiff", "a/x.png", "z.ome.zarr/"], out)
    assert list(folders) == ["a/x.png", "b/x.png", "c/x.jpg", "y.ome.tiff", "z.ome.zarr/"]
    assert [folder.name for folder in folders.values()] == ["x.png", "x.png-2", "x.jpg", "y", "z"]
    assert [f.name for f in result_folders(["A.png", "a.png"], out).values()] == ["A.png", "a.png-2"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder(small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert main(["count", str(small_file), "--out", str(tmp_path / "locked")]) == 2
    assert "cannot be written" in complaint(capsys)


def test_folder_with_other_files_is_left_alone(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "out" / "small" / "notes.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    assert main(["count", str(small_file), "--out", str(tmp_path / "out"), "--um-per-px", "0.1"]) == 1
    assert "notes.txt" in complaint(capsys)
    assert precious.read_text() == "years of work"
