"""A small model with replay, and drawn cells that are stained otherwise than those it knows."""

from __future__ import annotations

import numpy as np
import pytest
from tests.adaptation.drawn import drawn_cells, drawn_manifest
from tests.training.drawn_cells import small_config

import napari_wbc as wbc
from napari_wbc.training.replay import add_replay
from napari_wbc.training.train import train


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """A bundle that tells three kinds of drawn cells apart, of two laboratories; its replay travels with it."""
    folder = tmp_path_factory.mktemp("source")
    manifest = drawn_manifest(folder, 120, seed=1)
    recipe = small_config(
        manifests=[str(manifest)], classes=("lymphocyte", "eosinophil", "monocyte"), init="robust", input_px=48,
        steps=24, batch=16, holdout=0.25, optimizer={"lr": 1e-3}, average={"decay": 0.7},
        augmentation={"stain_swap": 0.0, "stain_jitter": 0.0, "depth": 0.0, "hue": 0.0, "light": 0.2, "cutout": 0.0},
    )  # fmt: skip
    bundle = train(recipe, folder / "model", device="cpu")
    add_replay(bundle, [manifest])
    return wbc.load_model(bundle)


@pytest.fixture(scope="session")
def target():
    """Labelled cells of a laboratory whose stain hides from the source which is which."""
    return drawn_cells(72, seed=7, stain="green")


@pytest.fixture(autouse=True)
def one_thread():
    """Tests run side by side."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def random():
    """Draws of a test."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def count(smear_file):
    """About ten leukocytes, found and classified by the bundled model."""
    return wbc.count(smear_file, um_per_px=0.1, device="cpu")


@pytest.fixture
def session(count, tmp_path):
    """A review of them that is kept in a folder."""
    from napari_wbc.review.folder import save_session

    return save_session(count, tmp_path / "smear.wbcreview")
