"""Drawn cells of two kinds, to train on in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from napari_wbc.training.config import TrainingConfig

CLASSES = ("lymphocyte", "eosinophil")
UM_PER_PX = 25.0 / 128


def cells(n: int, seed: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Draw a dark round nucleus, or red granules around two dots, in turn."""
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


def rows_of(labels: list[str], domains: str = "baa") -> pd.DataFrame:
    """Give rows that belong to the domains in turn."""
    return pd.DataFrame({"domain": [domains[i % len(domains)] for i in range(len(labels))], "label": labels})


def small_config(**changes: object) -> TrainingConfig:
    """Give a configuration of a few quick steps."""
    small = TrainingConfig(classes=CLASSES, input_px=32, steps=4, batch=6)
    return small.changed({"optimizer.warmup": 2} | changes)


def write_manifest(folder: Path, n: int, seed: int = 0) -> Path:
    """Write drawn cells as images with a manifest."""
    crops, labels = cells(n, seed)
    lines = ["path,domain,label,um_per_px"]
    for i, (crop, label) in enumerate(zip(crops, labels, strict=True)):
        Image.fromarray(crop).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{'baa'[i % 3]},{label},{UM_PER_PX}")
    (folder / "cells.csv").write_text("\n".join(lines) + "\n")
    return folder / "cells.csv"
