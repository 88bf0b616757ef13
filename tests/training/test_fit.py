from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import napari_wbc as wbc
from napari_wbc.errors import Cancelled, InputError
from napari_wbc.execution import CancelToken
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.fit import fit_network
from napari_wbc.training.train import train

START = Path(__file__).resolve().parents[2] / "models" / "robust" / "model.safetensors"
CLASSES = ("lymphocyte", "eosinophil")


def cells(n, seed):
    """Draw two kinds of cells: a dark round nucleus, or red granules around two dots."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:128, :128] - 64.0
    crops, labels = [], []
    for i in range(n):
        crop = np.full((128, 128, 3), 235.0)
        if i % 2:
            crop[y**2 + x**2 < 38**2] = (225, 120, 90)
            crop[(y**2 + (x - 14) ** 2 < 150) | (y**2 + (x + 14) ** 2 < 150)] = (90, 60, 140)
        else:
            crop[y**2 + x**2 < 30**2] = (80, 50, 130)
        crops.append(np.clip(crop + random.normal(0, 6, crop.shape), 0, 255).astype(np.uint8))
        labels.append(CLASSES[i % 2])
    return np.stack(crops), labels


def rows_of(labels):
    return pd.DataFrame({"domain": ["a" if i % 3 else "b" for i in range(len(labels))], "label": labels})


def config(**changes):
    small = TrainingConfig(classes=CLASSES, input_px=48, steps=4, batch=8)
    return small.changed({"optimizer.warmup": 2} | changes)


@pytest.mark.slow
def test_a_stopped_run_ends_as_if_it_had_never_stopped(tmp_path):
    crops, labels = cells(24, 0)
    rows = rows_of(labels)
    whole = fit_network(config(), rows, crops)
    token = CancelToken()
    with pytest.raises(Cancelled):
        fit_network(
            config(), rows, crops, checkpoint=tmp_path / "c.pt", cancel=token,
            progress=lambda p: token.cancel() if p.done == 2 else None,
        )  # fmt: skip
    resumed = fit_network(config(), rows, crops, checkpoint=tmp_path / "c.pt")
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_label_outside_the_model_is_refused():
    crops, labels = cells(4, 0)
    with pytest.raises(InputError, match="monocyte"):
        fit_network(config(), rows_of([*labels[:3], "monocyte"]), crops)


@pytest.mark.slow
def test_a_trained_bundle_tells_two_kinds_of_cells_apart(tmp_path):
    crops, labels = cells(60, 1)
    for i, crop in enumerate(crops):
        Image.fromarray(crop).save(tmp_path / f"{i}.png")
    lines = [f"{i}.png,{'a' if i % 3 else 'b'},{label},0.1953125" for i, label in enumerate(labels)]
    (tmp_path / "m.csv").write_text("path,domain,label,um_per_px\n" + "\n".join(lines) + "\n")
    recipe = config(
        manifests=(str(tmp_path / "m.csv"),), init=str(START), steps=12, batch=16, holdout=0.2,
        optimizer={"lr": 3e-3}, average={"decay": 0.7},
        augmentation={"stain_swap": 0.2, "stain_jitter": 0.05, "light": 0.2, "cutout": 0.0},
    )  # fmt: skip
    folder = train(recipe, tmp_path / "model", work_dir=tmp_path / "work")
    model = wbc.load_model(folder)
    assert "never seen a blast" in model.card.splitlines()[2]
    fresh, truth = cells(20, 2)
    table = wbc.classify(fresh, model=model, um_per_px=0.1953125, device="cpu")
    predicted = table[["p_lymphocyte", "p_eosinophil"]].to_numpy().argmax(axis=1)
    assert (np.array(CLASSES)[predicted] == truth).mean() > 0.9
    assert table["novelty"].between(0, 1).all()
