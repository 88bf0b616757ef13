"""Drawn cells of three or four kinds, on slides, in one stain or another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from napari_wbc.adaptation.cells import LabelledCells
from napari_wbc.slides.crops import CROP_PX

KINDS = ("lymphocyte", "eosinophil", "monocyte")
#: Nucleus, cytoplasm and granules; the colours of the second laboratory are those of other kinds in the first.
STAINS = {
    "usual": ((80, 50, 130), (190, 185, 215), (225, 120, 90)),
    "green": ((60, 110, 90), (190, 215, 190), (120, 190, 110)),
}


def drawn_crop(kind: str, random: np.random.Generator, stain: str = "usual") -> np.ndarray:
    """Draw one cell: a round nucleus, two lobes among granules, a bean in wide cytoplasm, or a star (blast)."""
    nucleus, cytoplasm, granules = STAINS[stain]
    side = CROP_PX
    y, x = np.mgrid[:side, :side] - side / 2.0
    turn = random.uniform(0, 2 * np.pi)
    y, x = np.cos(turn) * y - np.sin(turn) * x, np.sin(turn) * y + np.cos(turn) * x
    size = random.uniform(0.9, 1.1)
    y, x = y / size, x / size
    crop = np.full((side, side, 3), 235.0)
    # Red cells around it: what tells one cell from another of its kind.
    for _ in range(4):
        angle, away = random.uniform(0, 2 * np.pi), random.uniform(64, 80)
        crop[(y - away * np.sin(angle)) ** 2 + (x - away * np.cos(angle)) ** 2 < 16**2] = (220, 170, 175)
    round_cell = y**2 + x**2
    if kind == "lymphocyte":
        crop[round_cell < 40**2] = cytoplasm
        crop[round_cell < 36**2] = nucleus
    elif kind == "eosinophil":
        crop[round_cell < 48**2] = granules
        crop[(y**2 + (x - 17) ** 2 < 15**2) | (y**2 + (x + 17) ** 2 < 15**2)] = nucleus
    elif kind == "monocyte":
        crop[round_cell < 56**2] = cytoplasm
        crop[(round_cell < 36**2) & ((y - 22) ** 2 + x**2 > 24**2)] = nucleus
    else:
        crop[round_cell < 44**2] = nucleus
        crop[((y / 8) ** 2 + (x / 40) ** 2 < 1) | ((y / 40) ** 2 + (x / 8) ** 2 < 1)] = (250, 210, 220)
    return np.clip(crop + random.normal(0, 8, crop.shape), 0, 255).astype(np.uint8)


def drawn_cells(
    n: int, seed: int, stain: str = "usual", kinds: tuple[str, ...] = KINDS, slides: int = 9
) -> LabelledCells:
    """Draw n cells, the kinds in turn, over so many slides."""
    random = np.random.default_rng(seed)
    labels = [kinds[i % len(kinds)] for i in range(n)]
    return LabelledCells(
        np.stack([drawn_crop(kind, random, stain) for kind in labels]),
        np.array(labels),
        np.array([f"{stain}-{seed}-{(i // len(kinds)) % slides}" for i in range(n)]),
        np.array([f"{stain}-{seed}-cell-{i}" for i in range(n)]),
        ("drawn cells",),
    )


def drawn_manifest(folder: Path, n: int, seed: int) -> Path:
    """Write cells of two laboratories that differ little, as images with a manifest."""
    cells = drawn_cells(n, seed)
    lines = ["path,domain,label,group,um_per_px,license"]
    for i, (crop, label) in enumerate(zip(cells.crops, cells.labels, strict=True)):
        darker = crop if i % 2 else (crop * 0.93).astype(np.uint8)
        Image.fromarray(darker).save(folder / f"{i}.png")
        lines.append(
            f"{i}.png,{'ab'[i % 2]},{label},s{i // 4},{25 / CROP_PX},{'MIT' if i % 2 else 'CC BY 4.0'}"
        )
    (folder / "cells.csv").write_text("\n".join(lines) + "\n")
    return folder / "cells.csv"
