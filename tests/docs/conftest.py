"""A folder with small stand-ins for everything that the documentation names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import napari_wbc as wbc
from napari_wbc.cli.main import main
from napari_wbc.review.folder import save_session

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the test, with drawn smears under the names that the pages use."""
    monkeypatch.chdir(tmp_path)
    # What belongs to a user (own models, reviews) lies here, too.
    for variable in ("HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    _draw("field.png", "480x400", 3)
    _draw("smear.svs", "600x450", 2)
    for name in ("next.svs", "monday.svs", "tuesday.svs"):
        shutil.copy("smear.svs", name)
    for name in (
        "field1.png",
        "field2.png",
        "slides/a.png",
        "slides/b.png",
        "fields/a1.png",
        "fields/a2.png",
    ):
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy("field.png", name)
    shutil.copy("smear.svs", "b.svs")
    _cut_cells()
    _write_readings()
    _review("monday")
    own = tmp_path / "own-models" / "our-lab"
    shutil.copytree(ROOT / "models" / "robust", own)
    monkeypatch.setenv("NAPARI_WBC_MODELS", str(own.parent))
    return tmp_path


def _draw(name: str, size: str, seed: int) -> None:
    assert main(["sample", "--out", name, "--size", size, "--seed", str(seed), "--quiet"]) == 0


def _cut_cells() -> None:
    """Cut single cells out of the field: an image, a folder, the layout of a published data set, and a manifest."""
    field, cells = Image.open("field.png").convert("RGB"), pd.read_csv("field.truth.csv")
    Path("cells").mkdir()
    published = Path("AML-Cytomorphology_LMU", "LYT")
    published.mkdir(parents=True)
    for number, (y, x) in enumerate(zip(cells["y_px"], cells["x_px"], strict=True), start=1):
        window = field.crop((int(x) - 125, int(y) - 125, int(x) + 125, int(y) + 125))
        window.save(f"cells/cell{number}.png")
        window.resize((400, 400)).save(published / f"LYT_{number:04}.tiff")
    shutil.copy("cells/cell1.png", "cell.png")
    rows = [
        f"cells/cell{number}.png,home,{label},slide{number % 2},0.1"
        for number, label in enumerate(cells["label"], start=1)
    ]
    Path("cells.csv").write_text("path,domain,label,group,um_per_px\n" + "\n".join(rows) + "\n")
    Path("recipe.toml").write_text('manifests = ["cells.csv"]\ninit = "robust"\n')


def _write_readings() -> None:
    """Write what an analyser and two readers say of the two images."""
    for name in ("analyser", "reader_1", "reader_2"):
        head = "Sample ID,cells,NEUT%,LYMPH%,MONO%,EO%,BASO%"
        Path(f"{name}.csv").write_text(f"{head}\nsmear,200,60,30,6,3,1\nfield,200,55,35,6,3,1\n")


def _review(day: str) -> None:
    """Count a slide and give two of its cells a class."""
    session = save_session(wbc.count(f"{day}.svs"), f"{day}.wbcreview")
    session.relabel([0, 1], "lymphocyte")
