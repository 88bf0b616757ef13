"""A field that is quick to count."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def small_field(smear, smear_image, tmp_path: Path) -> Path:
    """A part of the smear around one leukocyte."""
    path = tmp_path / "in" / "small.png"
    path.parent.mkdir()
    cells = smear.truth()
    cell = cells[cells["y_px"].between(200, 600) & cells["x_px"].between(300, 900)].iloc[0]
    y, x = round(cell.y_px) - 200, round(cell.x_px) - 300
    Image.fromarray(smear_image[y : y + 400, x : x + 600]).save(path)
    return path
