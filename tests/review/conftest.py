"""A real count of a drawn smear, and sessions of its review."""

from __future__ import annotations

import pytest

import napari_wbc as wbc
from napari_wbc.review.folder import save_session


@pytest.fixture(scope="session")
def count(smear_file):
    """About ten leukocytes, found and classified by the bundled model."""
    result = wbc.count(smear_file, um_per_px=0.1)
    assert len(result.cells) >= 8
    return result


@pytest.fixture
def session(count, tmp_path):
    """A review of them that is kept in a folder."""
    return save_session(count, tmp_path / "review")


@pytest.fixture(scope="session")
def model():
    """The bundled model."""
    return wbc.load_model("robust")
