"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
