"""``napari-wbc segment``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from command_line import complaint, hidden_files
from napari_wbc.cli import main


def test_segment_writes_labels_and_table(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.tif"
    assert main(["segment", str(small_file), "--out", str(out), "--um-per-px", "0.1"]) == 0
    assert "labels.tif" in capsys.readouterr().out
    cells, nuclei = tifffile.imread(out)
    table = pd.read_csv(tmp_path / "labels.csv")
    assert cells.shape == (400, 600)
    assert cells.dtype == np.int32
    assert list(np.unique(cells)) == [0, *table["cell_id"]]
    assert not (nuclei[cells == 0]).any()
    assert hidden_files(tmp_path) == []


def test_segment_names_a_bad_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", str(tmp_path / "no.png"), "--out", str(tmp_path / "labels.ome.zarr")]) == 1
    assert "no such file" in complaint(capsys)
    assert list(tmp_path.iterdir()) == []
