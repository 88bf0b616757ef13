"""Cells by chance, for what is measured of tables and layers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_wbc.cell_table import conform
from napari_wbc.leukocytes import HARMONISED
from napari_wbc.masks import CellMask

CLASSES = (*HARMONISED.values(), "platelet")


def random_cells(n: int, side: int, radius: int = 24) -> tuple[pd.DataFrame, list[CellMask]]:
    """Round cells on a square image of ``side`` px, with chance values in every column."""
    rng = np.random.default_rng(0)
    discs = [np.hypot(*np.mgrid[-r : r + 1, -r : r + 1]) <= r for r in range(radius // 2, radius + 1)]
    masks = []
    for y, x in rng.integers(radius, side - radius, (n, 2)):
        disc = discs[int(rng.integers(len(discs)))]
        r = len(disc) // 2
        masks.append(CellMask(int(y) - r, int(x) - r, disc, disc))
    box = np.array([mask.bbox for mask in masks])
    chances = rng.dirichlet(np.full(len(CLASSES), 0.15), n)
    labels = np.array(CLASSES, object)[chances.argmax(axis=1)]
    cells = {
        "cell_id": np.arange(1, n + 1),
        "y_px": (box[:, 0] + box[:, 2]) / 2,
        "x_px": (box[:, 1] + box[:, 3]) / 2,
        **{name: box[:, i] for i, name in enumerate(("bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"))},
        "nucleus_area_um2": rng.uniform(20, 90, n),
        "cell_area_um2": rng.uniform(60, 200, n),
        "touches_border": False,
        "label": labels,
        "model_label": labels,
        "confidence": chances.max(axis=1),
        **{f"p_{name}": chances[:, i] for i, name in enumerate(CLASSES)},
        "novelty": rng.uniform(0, 1, n),
        "status": rng.choice(["model", "model", "reviewed", "excluded"], n),
        "flags": rng.choice(["", "", "", "smudge", "blurred;unlike_training"], n),
        "slide": "chance",
        "model_sha256": "0",
    }
    return conform(pd.DataFrame(cells)), masks
