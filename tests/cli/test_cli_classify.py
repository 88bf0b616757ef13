"""``napari-wbc classify``: folders, manifests, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from command_line import complaint
from napari_wbc.cli import main


@pytest.fixture
def cell_folder(smear_image: NDArray[np.uint8], tmp_path: Path) -> Path:
    folder = tmp_path / "cells"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(smear_image[100 * number : 100 * number + 250, :250]).save(folder / f"{number}.png")
    return folder


def test_classify_folder(cell_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "classes.csv"
    assert main(["classify", str(cell_folder), "--um-per-px", "0.1", "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert list(table["path"]) == [str(cell_folder / f"{n}.png") for n in range(3)]
    assert list(table.columns[:3]) == ["path", "label", "confidence"]
    assert "p_lymphocyte" in table.columns
    assert "3 cells" in capsys.readouterr().out


def test_classify_manifest_and_go_on_after_bad_images(
    cell_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell_folder / "bad.png").write_text("no image")
    manifest = tmp_path / "manifest.csv"
    rows = [("cells/0.png", 0.1), ("cells/bad.png", 0.1), ("cells/2.png", 0.2), ("cells/gone.png", 0.1)]
    pd.DataFrame(rows, columns=["path", "um_per_px"]).to_csv(manifest, index=False)
    out = tmp_path / "classes.csv"
    assert main(["classify", str(manifest), "--out", str(out), "--quiet"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "cells/bad.png" in lines[0]
    assert "cells/gone.png" in lines[1]
    assert list(pd.read_csv(out)["path"]) == ["cells/0.png", "cells/2.png"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "CSV"),
        ("file,um_per_px\na.png,0.1\n", "path"),
        ("path\na.png\n", "um_per_px"),
        ("path,um_per_px\na.png,0.1\nb.png,fine\n", "line 3"),
    ],
)
def test_classify_names_a_bad_manifest(
    text: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(text)
    assert main(["classify", str(manifest), "--out", str(tmp_path / "out.csv")]) == 1
    assert word in complaint(capsys)
    assert not (tmp_path / "out.csv").exists()
