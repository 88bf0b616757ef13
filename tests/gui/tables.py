"""Cell tables and masks by chance."""

import numpy as np
import pandas as pd

from napari_wbc import cell_table
from napari_wbc.masks import CellMask


def table_of(labels, seed=0, **columns):
    """A cell table with these labels; the rest is by chance, but for the columns that are given."""
    rng = np.random.default_rng(seed)
    n = len(labels)
    chance = rng.uniform(0, 1, n)
    return cell_table.conform(
        pd.DataFrame(
            {
                "cell_id": np.arange(1, n + 1),
                "y_px": rng.uniform(0, 1e4, n),
                "x_px": rng.uniform(0, 1e4, n),
                **{name: np.arange(n) for name in ("bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1")},
                "nucleus_area_um2": rng.uniform(20, 90, n),
                "cell_area_um2": rng.uniform(60, 200, n),
                "touches_border": False,
                "label": labels,
                "model_label": labels,
                "confidence": rng.uniform(0.5, 1, n),
                "p_lymphocyte": chance,
                "p_monocyte": (1 - chance) * rng.uniform(0, 1, n),
                "novelty": rng.uniform(0, 1, n),
                "status": "model",
                "flags": "",
                "slide": "s",
                "model_sha256": "x",
            }
            | columns
        )
    )


def discs(n, side, radius, seed=0):
    """Masks of ``n`` round cells by chance on a square image; some overlap, some touch the border."""
    rng = np.random.default_rng(seed)
    masks = []
    for y, x in rng.uniform(0, side, (n, 2)).astype(int):
        r = int(rng.integers(radius // 2, radius + 1))
        disc = np.hypot(*np.mgrid[-r : r + 1, -r : r + 1]) <= r
        masks.append(CellMask(int(y) - r, int(x) - r, disc, disc))
    return masks


def placed(masks):
    """Columns of the cell table that say where masks lie."""
    box = np.array([mask.bbox for mask in masks]).reshape(-1, 4)
    names = ("bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1")
    columns = {name: box[:, i] for i, name in enumerate(names)}
    return columns | {"y_px": (box[:, 0] + box[:, 2]) / 2, "x_px": (box[:, 1] + box[:, 3]) / 2}
