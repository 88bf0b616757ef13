"""Drawn smears of known composition, counted from the image on; no evidence of accuracy on real ones."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

import napari_wbc as wbc
from napari_wbc.classification.bundle import Model
from napari_wbc.leukocytes import class_of
from napari_wbc.slides.synthetic import SmearParameters, write_sample

from .compositions import COMPOSITIONS, rows_of
from .fields import stated

SEEDS = (1, 2)
SIZE = (6000, 4500)


def drawn_smears(model: Model) -> list[dict[str, Any]]:
    """Draw and count smears of each composition."""
    found = []
    for name, composition in COMPOSITIONS.items():
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                parameters = SmearParameters(
                    width=SIZE[0], height=SIZE[1], seed=seed, composition=composition
                )
                path = write_sample(Path(folder) / "smear.png", parameters)
                truth = pd.read_csv(path.with_name("smear.truth.csv"))["label"]
                result = wbc.count(path, model, device="cpu")
            truth = truth[[class_of(label).kind == "leukocyte" for label in truth]]
            found.append(
                {
                    "blood": name,
                    "seed": seed,
                    "labels": {k: int(v) for k, v in rows_of(truth.value_counts().to_dict()).items()},
                    **stated(result.differential),
                }
            )
            print(name, seed, len(truth), result.differential.denominator, flush=True)
    return found
