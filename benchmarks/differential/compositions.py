"""Blood of known composition: shares of the classes, as fractions."""

from __future__ import annotations

from collections.abc import Mapping

from napari_wbc.leukocytes import coarse_class
from napari_wbc.slides.synthetic.parameters import NORMAL_ADULT

COMPOSITIONS: dict[str, Mapping[str, float]] = {
    "normal": NORMAL_ADULT,
    "left-shifted": {
        "neutrophil_segmented": 0.48, "neutrophil_band": 0.18, "lymphocyte": 0.15, "monocyte": 0.06,
        "eosinophil": 0.01, "basophil": 0.005, "metamyelocyte": 0.06, "myelocyte": 0.04, "promyelocyte": 0.015,
    },
    "eosinophilic": {
        "neutrophil_segmented": 0.38, "neutrophil_band": 0.02, "lymphocyte": 0.25, "monocyte": 0.06,
        "eosinophil": 0.28, "basophil": 0.01,
    },
    "rare classes": {
        "neutrophil_segmented": 0.58, "neutrophil_band": 0.02, "lymphocyte": 0.305, "monocyte": 0.055,
        "eosinophil": 0.01, "basophil": 0.01, "myelocyte": 0.01, "promyelocyte": 0.01,
    },
}  # fmt: skip


def rows_of(composition: Mapping[str, float]) -> dict[str, float]:
    """Merge bands and segmented neutrophils, as the default profile does."""
    rows: dict[str, float] = {}
    for name, share in composition.items():
        row = "neutrophil" if coarse_class(name) == "neutrophil" else name
        rows[row] = rows.get(row, 0.0) + share
    return rows


def five_classes(composition: Mapping[str, float], without: tuple[str, ...] = ()) -> dict[str, float]:
    """Keep the five kinds of normal blood (but some), scaled to sum to 1: all that most laboratories published."""
    kept = {
        name: share
        for name, share in rows_of(composition).items()
        if name in ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil") and name not in without
    }
    return {name: share / sum(kept.values()) for name, share in kept.items()}
