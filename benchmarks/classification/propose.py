"""Propose places of the fields where a model may see a leukocyte that is none, and lay them out to be read.

    python -m benchmarks.classification.propose --domain chula --model models/robust --out runs/places

Writes ``places.csv`` (field, place, probability of a leukocyte) and numbered sheets of windows. Whoever looks at them
copies the places into ``read_places.csv`` with what they show: ``artifact``, ``leukocyte``, ``leukocyte near`` or
``unsure``.

Proposed are the most conspicuous places of a field at the scale of a red cell, and some at random, clear of marked
leukocytes; of those the ones that the model is surest of, and some others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.segmentation.fields import Field, chosen_fields
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from tqdm import tqdm

from napari_wbc.classification.predict import classify
from napari_wbc.leukocytes import class_of
from napari_wbc.slides import open_slide
from napari_wbc.slides.crops import CROP_PX, WINDOW_UM, crop_cells
from napari_wbc.training.field_crops import CLEARANCE_UM

_GRID_UM = 0.36
_PER_ROW, _SIDE_PX, _PER_SHEET = 18, 84, 252


def conspicuous(field: Field, most: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Give places ``(y, x)``, px: twice as many conspicuous as random ones."""
    height, width = field.pixels.shape[:2]
    step = max(1, round(_GRID_UM / field.um_per_px))
    small = np.asarray(Image.fromarray(field.pixels).reduce(step), np.float32)
    density = -np.log10(np.clip(small, 8, 255) / 255)
    um = field.um_per_px * step
    around = ndimage.gaussian_filter(density, (12 / um, 12 / um, 0))
    strength = ndimage.gaussian_filter(np.abs(density - around).sum(axis=2), 1.2 / um)
    y, x = np.nonzero(strength == ndimage.maximum_filter(strength, size=int(4 / um) | 1))
    order = np.argsort(-strength[y, x])[: 2 * most // 3]
    at_random = random.uniform((0, 0), (height, width), (most // 3, 2))
    return np.concatenate([(np.stack([y, x], axis=1)[order] + 0.5) * step, at_random])


def clear_of_marks(field: Field, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which places keep clear of the marked leukocytes of a field."""
    keep = np.ones(len(points), bool)
    margin = 2.5 / field.um_per_px
    for y0, x0, y1, x1 in field.boxes:
        apart = np.hypot(points[:, 0] - (y0 + y1) / 2, points[:, 1] - (x0 + x1) / 2) * field.um_per_px
        inside = (points > (y0 - margin, x0 - margin)) & (points < (y1 + margin, x1 + margin))
        keep &= (apart > CLEARANCE_UM) & ~inside.all(axis=1)
    return keep


def propose(
    domain: str, model: str, fields: int, per_field: int, hard: int, others: int
) -> tuple[pd.DataFrame, NDArray[np.uint8]]:
    """Choose places of fields of a domain: the hardest of each field for a model, and some others."""
    random = np.random.default_rng(0)
    rows, crops = [], []
    for field in tqdm(list(chosen_fields("all", (domain,), fields)), desc=domain):
        points = conspicuous(field, per_field, random)
        points = points[clear_of_marks(field, points)]
        if not len(points):
            continue
        cut = crop_cells(open_slide(field.pixels), points, um_per_px=field.um_per_px, size_px=CROP_PX)
        table = classify(cut, model=model, um_per_px=WINDOW_UM / CROP_PX)
        names = [c for c in table.columns if c.startswith("p_")]
        leukocyte = table[[c for c in names if class_of(c[2:]).kind in ("leukocyte", "erythroblast")]].sum(
            axis=1
        )
        order = np.argsort(-leukocyte.to_numpy())
        chosen = [*order[:hard], *random.permutation(order[hard:])[:others]]
        crops += list(cut[chosen])
        rows += [
            (field.path, round(points[i][0], 1), round(points[i][1], 1), round(leukocyte[i], 3))
            for i in chosen
        ]
    return pd.DataFrame(rows, columns=["path", "y_px", "x_px", "p_leukocyte"]), np.stack(crops)


def sheets(crops: NDArray[np.uint8], out: Path) -> None:
    """Save numbered windows, some hundred to a picture."""
    for start in range(0, len(crops), _PER_SHEET):
        part = crops[start : start + _PER_SHEET]
        picture = Image.new("RGB", (_PER_ROW * _SIDE_PX, -(-len(part) // _PER_ROW) * _SIDE_PX))
        pen = ImageDraw.Draw(picture)
        for k, crop in enumerate(part):
            x, y = k % _PER_ROW * _SIDE_PX, k // _PER_ROW * _SIDE_PX
            picture.paste(Image.fromarray(crop).resize((_SIDE_PX - 2, _SIDE_PX - 2)), (x, y))
            pen.text(
                (x + 2, y + 1), str(start + k), fill=(255, 255, 0), stroke_width=1, stroke_fill=(0, 0, 0)
            )
        picture.save(out / f"sheet{start // _PER_SHEET}.png")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--domain", required=True)
    parser.add_argument("--model", default="robust")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fields", type=int, default=100)
    parser.add_argument("--per-field", type=int, default=24)
    parser.add_argument("--hard", type=int, default=3)
    parser.add_argument("--others", type=int, default=2)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    places, crops = propose(
        arguments.domain,
        arguments.model,
        arguments.fields,
        arguments.per_field,
        arguments.hard,
        arguments.others,
    )
    places.to_csv(arguments.out / "places.csv", index=False)
    sheets(crops, arguments.out)


if __name__ == "__main__":
    main()
