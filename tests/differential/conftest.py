"""Cells, masks and pictures that the tests of the differential share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from napari_wbc.cell_table import conform
from napari_wbc.masks import CellMask

CLASSES = (
    "neutrophil_segmented",
    "neutrophil_band",
    "lymphocyte",
    "monocyte",
    "eosinophil",
    "basophil",
    "metamyelocyte",
    "myelocyte",
    "promyelocyte",
    "erythroblast",
    "platelet",
    "artifact",
)
SIDE = 40

MakeCells = Callable[..., tuple[pd.DataFrame, list[CellMask], np.ndarray]]


def disc(radius: float, side: int = SIDE) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return np.hypot(y, x) <= radius


def build(composition: Mapping[str, int], *, columns: int = 10, slide: str = "smear") -> tuple:
    """Give a conformed table, masks and an image: cells on a grid, purple nuclei in pink cells."""
    labels = [label for label, number in composition.items() for _ in range(number)]
    rows = max(1, -(-len(labels) // columns))
    image = np.full((rows * SIDE, columns * SIDE, 3), (236, 224, 226), np.uint8)
    cell, nucleus = disc(14), disc(7)
    records, masks = [], []
    for i, label in enumerate(labels):
        y, x = (SIDE * v for v in divmod(i, columns))
        image[y : y + SIDE, x : x + SIDE][cell] = (214, 170, 190)
        image[y : y + SIDE, x : x + SIDE][nucleus] = (90, 50, 130)
        masks.append(CellMask(y, x, cell, nucleus))
        known = label in CLASSES
        records.append(
            {
                "cell_id": i + 1,
                "y_px": y + SIDE / 2 - 0.5,
                "x_px": x + SIDE / 2 - 0.5,
                "bbox_y0": y + 6,
                "bbox_x0": x + 6,
                "bbox_y1": y + 34,
                "bbox_x1": x + 34,
                "nucleus_area_um2": 15.4,
                "cell_area_um2": 61.6,
                "touches_border": False,
                "label": label,
                "model_label": label if known else "lymphocyte",
                "confidence": 0.95 - 0.001 * (i % 100) if known else 0.4,
                **{f"p_{name}": 0.9 if name == label else 0.01 for name in CLASSES},
                "novelty": 0.1,
                "status": "model",
                "flags": "",
                "slide": slide,
                "model_sha256": "ab" * 32,
            }
        )
    if not records:
        records = []
        table = pd.DataFrame({name: [] for name in build({"lymphocyte": 1})[0].columns})
    else:
        table = pd.DataFrame(records)
    return conform(table), masks, image


@pytest.fixture
def make_cells() -> MakeCells:
    return build


@pytest.fixture
def blood() -> tuple:
    """200 leukocytes of an ordinary blood, with erythroblasts, platelets and a few unidentified cells."""
    return build(
        {
            "neutrophil_segmented": 116,
            "neutrophil_band": 8,
            "lymphocyte": 52,
            "monocyte": 14,
            "eosinophil": 6,
            "basophil": 1,
            "myelocyte": 3,
            "erythroblast": 4,
            "platelet": 5,
            "unidentified": 6,
        },
        columns=20,
    )
