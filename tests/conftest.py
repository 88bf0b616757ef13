"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_wbc.slides.synthetic import SyntheticSmear

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The development images; tests that need them are skipped where they are missing."""
    folder = Path(os.environ.get("NAPARI_WBC_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "cells.csv").is_file():
        pytest.skip("the development images are not here; set NAPARI_WBC_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def artifacts_dir() -> Path:
    """Where tests leave pictures that somebody looks at."""
    folder = ROOT / "tests" / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def smear() -> SyntheticSmear:
    """A small synthetic smear: about ten leukocytes among red cells, at 0.1 µm per px."""
    from napari_wbc.slides.synthetic import SmearParameters, SyntheticSmear

    return SyntheticSmear(SmearParameters(height=800, width=1200, um_per_px=0.1, seed=3))


@pytest.fixture(scope="session")
def smear_image(smear: SyntheticSmear) -> NDArray[np.uint8]:
    """The pixels of ``smear``."""
    return smear.draw(0, 0, smear.parameters.height, smear.parameters.width)


@pytest.fixture(scope="session")
def smear_file(smear_image: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``smear`` as a PNG file that tells its scale to nobody."""
    from PIL import Image

    path = tmp_path_factory.mktemp("smear") / "smear.png"
    Image.fromarray(smear_image).save(path)
    return path


@pytest.fixture
def small_file(smear: SyntheticSmear, smear_image: NDArray[np.uint8], tmp_path: Path) -> Path:
    """A part of the smear around one leukocyte: quick to count."""
    from PIL import Image

    path = tmp_path / "in" / "small.png"
    path.parent.mkdir()
    cells = smear.truth()
    cell = cells[cells["y_px"].between(200, 600) & cells["x_px"].between(300, 900)].iloc[0]
    y, x = round(cell.y_px) - 200, round(cell.x_px) - 300
    Image.fromarray(smear_image[y : y + 400, x : x + 600]).save(path)
    return path


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts cut slides into tiles of 200 px, so that a small smear has several."""
    from napari_wbc.segmentation import tiles

    plan = tiles.plan_tiles
    monkeypatch.setattr(tiles, "plan_tiles", lambda shape, um_per_px: plan(shape, um_per_px, core_px=200))
