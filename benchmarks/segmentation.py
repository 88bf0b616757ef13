"""Segmentation on the marked fields of the development images: detection, outlines and speed, as a Markdown table.

    python benchmarks/segmentation.py --odd
    python benchmarks/segmentation.py --even --fields 60 --domains bccd,chula --pictures OUT

The groups of a domain are sorted; --even and --odd take every second one. Development looks at the even groups only.
Not every leukocyte is marked (chula marks about one per field), so that "false" counts unmarked ones, too; look at the
pictures. The images are those of NAPARI_WBC_DATA (default: ../shared/data beside the checkout).
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from napari_wbc.segmentation import Segmentation, fit_slide_model, plan_tiles, segment
from napari_wbc.segmentation.cells import FINE_UM, outline_cell
from napari_wbc.segmentation.grid import Grid
from napari_wbc.segmentation.nuclei import find_nuclei
from napari_wbc.segmentation.slide_model import COARSE_UM
from napari_wbc.slides import open_slide

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Tally:
    """Sums over the fields of one domain."""

    fields: int = 0
    marked: int = 0
    found: int = 0
    by_iou: int = 0
    by_centre: int = 0
    splits: int = 0
    merges: int = 0
    seconds: list[float] = field(default_factory=list)
    dice: list[float] = field(default_factory=list)

    def row(self, domain: str) -> str:
        """One row of the table."""
        wrong = self.found - self.by_centre
        f1_iou = 2 * self.by_iou / max(1, self.found + self.marked)
        f1_centre = 2 * self.by_centre / max(1, self.found + self.marked)
        dice = f"{np.mean(self.dice):.3f} ({np.median(self.dice):.3f})" if self.dice else "-"
        marked = max(1, self.marked)
        return (
            f"| {domain} | {self.fields} | {self.marked} | {self.by_iou / marked:.3f} | {self.by_centre / marked:.3f} "
            f"| {wrong / max(1, self.fields):.2f} | {f1_iou:.3f} | {f1_centre:.3f} | {self.splits} | {self.merges} "
            f"| {dice} | {np.mean(self.seconds):.2f} |"
        )


def match(truth: np.ndarray, found: Segmentation) -> tuple[int, int, int, int, set[int], set[int]]:
    """Matches by IoU and by centre, splits, merges, and the unmatched (by IoU) of both sides.

    ``truth`` holds boxes ``y0, x0, y1, x1``. A pair by centre has the nucleus' centroid inside the marked box.
    """
    boxes = found.table[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy(float)
    centres = found.table[["y_px", "x_px"]].to_numpy(float)
    if not len(truth) or not len(boxes):
        return 0, 0, 0, 0, set(range(len(truth))), set(range(len(boxes)))
    top = np.maximum(truth[:, None, :2], boxes[None, :, :2])
    bottom = np.minimum(truth[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.clip(bottom - top, 0, None), axis=2)
    area = [np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (truth, boxes)]
    iou = shared / (area[0][:, None] + area[1][None] - shared)
    inside = ((centres[None] >= truth[:, None, :2]) & (centres[None] < truth[:, None, 2:])).all(axis=2)
    rows, columns = linear_sum_assignment(-(iou * (iou >= 0.5)))
    good = [(r, c) for r, c in zip(rows, columns, strict=True) if iou[r, c] >= 0.5]
    by_centre = linear_sum_assignment(-inside.astype(float))
    middle = (truth[:, :2] + truth[:, 2:]) / 2
    ids = [
        found.cells[
            int(np.clip(y, 0, found.cells.shape[0] - 1)), int(np.clip(x, 0, found.cells.shape[1] - 1))
        ]
        for y, x in middle
    ]
    merges = sum(n - 1 for i, n in zip(*np.unique(ids, return_counts=True), strict=True) if i > 0)
    # A second cell in a box is a split unless another box has it, too (boxes of neighbours overlap).
    splits = int(((inside.sum(axis=1) > 1) & (inside[:, inside.sum(axis=0) == 1].sum(axis=1) > 1)).sum())
    return (
        len(good),
        int(inside[by_centre].sum()),
        splits,
        int(merges),
        set(range(len(truth))) - {r for r, _ in good},
        set(range(len(boxes))) - {c for _, c in good},
    )


def draw(pixels: np.ndarray, found: Segmentation, truth: np.ndarray, path: Path) -> None:
    """Contours of cells (yellow) and nuclei (cyan), marked boxes (green)."""
    picture = pixels.copy()
    for labels, colour in ((found.cells, (255, 255, 0)), (found.nuclei, (0, 255, 255))):
        edge = labels != ndimage.grey_erosion(labels, (3, 3))
        picture[edge] = colour
    for y0, x0, y1, x1 in truth.astype(int):
        y1, x1 = min(y1, picture.shape[0] - 1), min(x1, picture.shape[1] - 1)
        picture[[y0, y1], x0 : x1 + 1] = (0, 200, 0)
        picture[y0 : y1 + 1, [x0, x1]] = (0, 200, 0)
    Image.fromarray(picture).save(path)


def main() -> None:
    """Run over the fields and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    half = parser.add_mutually_exclusive_group()
    half.add_argument("--odd", action="store_true", help="groups 1, 3, 5, ... of each domain")
    half.add_argument("--even", action="store_true", help="groups 0, 2, 4, ... of each domain")
    parser.add_argument("--fields", type=int, help="at most so many fields per domain, evenly spread")
    parser.add_argument("--domains", default="bccd,chula,txl_bcd,txl_pbc,txl_raabin")
    parser.add_argument(
        "--pictures", type=Path, help="folder for pictures of fields with a miss or a false find"
    )
    arguments = parser.parse_args()
    folder = Path(os.environ.get("NAPARI_WBC_DATA", ROOT.parent / "shared" / "data"))
    fields = pd.read_csv(folder / "fields.csv")
    boxes = pd.read_csv(folder / "boxes.csv")
    boxes = boxes[boxes["kind"] == "wbc"]
    columns = ["domain", "fields", "WBC", "IoU >= 0.5", "centre in box", "false per field", "F1 (IoU)"]
    columns += ["F1 (centre)", "splits", "merges", "Dice mean (median)", "s per field"]
    print(f"| {' | '.join(columns)} |")
    print("|---" * len(columns) + "|")
    for domain in arguments.domains.split(","):
        chosen = fields[fields["domain"] == domain]
        groups = sorted(chosen["group"].astype(str).unique())
        if arguments.odd or arguments.even:
            chosen = chosen[chosen["group"].astype(str).isin(groups[1 if arguments.odd else 0 :: 2])]
        if arguments.fields and len(chosen) > arguments.fields:
            chosen = chosen.iloc[np.linspace(0, len(chosen) - 1, arguments.fields).astype(int)]
        tally = Tally()
        for row in chosen.itertuples():
            pixels = np.asarray(Image.open(folder / row.path).convert("RGB"))
            truth = boxes[boxes["path"] == row.path][["y0", "x0", "y1", "x1"]].to_numpy(float)
            start = time.perf_counter()
            found = segment(pixels, um_per_px=row.um_per_px)
            tally.seconds.append(time.perf_counter() - start)
            iou, centre, splits, merges, missed, extra = match(truth, found)
            tally.fields += 1
            tally.marked += len(truth)
            tally.found += len(found.table)
            tally.by_iou += iou
            tally.by_centre += centre
            tally.splits += splits
            tally.merges += merges
            if isinstance(row.mask, str):
                mask = np.asarray(Image.open(folder / row.mask).convert("L")) > 127
                union = found.cells > 0
                tally.dice.append(2 * (mask & union).sum() / max(1, mask.sum() + union.sum()))
            if arguments.pictures and (missed or extra or (tally.dice and tally.dice[-1] < 0.9)):
                arguments.pictures.mkdir(parents=True, exist_ok=True)
                name = f"{domain}_{Path(row.path).stem}_miss{len(missed)}_extra{len(extra)}"
                name += f"_dice{tally.dice[-1]:.2f}" if tally.dice else ""
                draw(pixels, found, truth, arguments.pictures / f"{name}.png")
        print(tally.row(domain), flush=True)
    print()
    print(speed(folder, fields))


def speed(folder: Path, fields: pd.DataFrame) -> str:
    """Speed of both passes on a mosaic of fields, in CPU time of one core (one thread)."""
    paths = fields[fields["domain"] == "bccd"]["path"].iloc[::9][:40]
    pictures = [np.asarray(Image.open(folder / path).convert("RGB")) for path in paths]
    mosaic = np.vstack([np.hstack(pictures[k : k + 8]) for k in range(0, 40, 8)])
    slide, um = open_slide(np.tile(mosaic, (3, 1, 1))), 0.0728
    start = time.process_time()
    model = fit_slide_model(slide, um)
    fitted = time.process_time() - start
    coarse, fine = Grid.at(slide, um, COARSE_UM), Grid.at(slide, um, FINE_UM, not_coarser=True)
    start = time.process_time()
    maps = [find_nuclei(slide, tile, model, coarse) for tile in plan_tiles(slide.shape, um)]
    first = time.process_time() - start
    start = time.process_time()
    outlined = [outline_cell(slide, nucleus, m, model, coarse, fine) for m in maps for nucleus in m.nuclei]
    second = time.process_time() - start
    megapixels = slide.shape[0] * slide.shape[1] / 1e6
    return (
        f"One core, mosaic of {megapixels:.0f} megapixels with {len(outlined)} cells: slide model {fitted:.1f} s, "
        f"first pass {megapixels / first:.0f} native megapixels/s, second pass {len(outlined) / second:.0f} cells/s"
    )


if __name__ == "__main__":
    main()
