"""Training, where nothing is augmented, and prediction feed the network the same numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import napari_wbc as wbc
from napari_wbc.classification.engines import Engine, Outputs
from napari_wbc.classification.predict import predict_crops
from napari_wbc.slides import open_slide
from napari_wbc.slides.crops import CROP_PX, crop_cells
from napari_wbc.training.manifests import load_crops, read_manifest
from napari_wbc.training.outputs import CropSource

UM_PER_PX = 25.0 / 192


class Listening:
    """Runs an engine and keeps what it was fed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name, self.device, self.batch_crops = engine.name, engine.device, engine.batch_crops
        self.fed: list[torch.Tensor] = []

    def outputs(self, batches: Iterable[torch.Tensor]) -> Iterator[Outputs]:
        def kept() -> Iterator[torch.Tensor]:
            for images in batches:
                self.fed.append(images.clone())
                yield images

        return self._engine.outputs(kept())


@pytest.fixture
def images(tmp_path):
    y, x = np.mgrid[:192, :192]
    random = np.random.default_rng(0)
    for i in range(5):
        cell = np.hypot(y - 96, x - 96) < 30 + 8 * i
        pixels = np.where(cell[..., None], (120, 60, 150), (230, 215, 220)) + random.normal(
            0, 9, (192, 192, 3)
        )
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / f"{i}.png")
    rows = pd.DataFrame({"path": [f"{i}.png" for i in range(5)], "domain": "a", "label": "monocyte"})
    rows.assign(um_per_px=UM_PER_PX).to_csv(tmp_path / "cells.csv", index=False)
    return read_manifest(tmp_path / "cells.csv")


@pytest.mark.parametrize("view_um", [25.0, 20.0])
def test_training_and_prediction_feed_the_same_bits(images, view_um):
    bundled = wbc.load_model("robust")
    engine = Listening(bundled.engine("cpu"))
    model = replace(bundled, info={**bundled.info, "view_um": view_um}, _engines={"cpu": engine})
    trained_on = CropSource(load_crops(images)).plain(np.arange(len(images)), model.input_px, model.view)

    wbc.classify(list(images["path"]), model=model, um_per_px=UM_PER_PX, device="cpu")
    assert torch.equal(torch.cat(engine.fed)[: len(images)], trained_on)

    # and around the same cells on a slide
    engine.fed.clear()
    crops = [
        crop_cells(open_slide(path), np.array([[96.0, 96.0]]), um_per_px=UM_PER_PX, size_px=CROP_PX)
        for path in images["path"]
    ]
    predict_crops(model, np.concatenate(crops), device="cpu")
    assert torch.equal(torch.cat(engine.fed)[: len(images)], trained_on)
