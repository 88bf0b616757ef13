"""What the quality of regions tells: against marked red cells, blurred fields, and drawn smears of known density.

    python benchmarks/region_quality.py --even
    python benchmarks/region_quality.py --even --fields 40 --sheets FOLDER

Tables go to stdout as Markdown. --sheets writes, per measure, the fields with the lowest, middle and highest
values, for somebody to look at. The fields and halves are those of ``python -m benchmarks.segmentation``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.segmentation.fields import DOMAINS, IMAGES, Field, chosen_fields, evenly
from benchmarks.segmentation.tables import markdown

from napari_wbc.segmentation import RegionQuality, SlideModel, fit_slide_model, plan_tiles
from napari_wbc.segmentation.grid import Grid
from napari_wbc.segmentation.nuclei import find_nuclei
from napari_wbc.segmentation.quality import MEASURES, Lattice
from napari_wbc.segmentation.region_measures import measure_regions
from napari_wbc.segmentation.slide_model import COARSE_UM
from napari_wbc.slides import Slide, open_slide
from napari_wbc.slides.synthetic import SmearParameters, SyntheticSmear

#: Marks are drawn at this resolution.
_MARKS_UM = 0.25
_BLURS_UM = (0.0, 0.3, 0.5, 0.8, 1.2)
_DENSITIES = (1500, 3000, 6000, 9000, 12000)


def regions_of(slide: Slide, um_per_px: float, model: SlideModel | None = None) -> list[RegionQuality]:
    """Measure all regions of a slide."""
    model = model or fit_slide_model(slide, um_per_px)
    grid = Grid.at(slide, um_per_px, COARSE_UM)
    (tile,) = plan_tiles(slide.shape, um_per_px, core_px=1 << 24)
    lattice = Lattice(slide.shape, um_per_px)
    return measure_regions(tile, lattice, model, grid, lambda *window: grid.read(slide, *window))


def middle(regions: list[RegionQuality]) -> dict[str, float]:
    """Median of every measure over the regions of a field."""
    table = pd.DataFrame(regions)[list(MEASURES)]
    return {str(name): float(value) for name, value in table.median().items()}


def marked_red_cells(field: Field, boxes: pd.DataFrame) -> dict[str, float]:
    """The same measures from marked boxes, as the ellipses inside them."""
    factor = field.um_per_px / _MARKS_UM
    shape = tuple(max(1, round(side * factor)) for side in field.pixels.shape[:2])
    cover, red = np.zeros(shape, bool), np.zeros(shape, bool)
    for box in boxes.itertuples():
        y, x = factor * (box.y0 + box.y1) / 2, factor * (box.x0 + box.x1) / 2
        b, a = factor * (box.y1 - box.y0) / 2, factor * (box.x1 - box.x0) / 2
        rows = slice(max(0, int(y - b)), int(y + b) + 2)
        columns = slice(max(0, int(x - a)), int(x + a) + 2)
        yy, xx = np.ogrid[: shape[0], : shape[1]]
        inside = ((yy[rows] - y) / b) ** 2 + ((xx[:, columns] - x) / a) ** 2 <= 1
        cover[rows, columns] |= inside
        if box.kind == "rbc":
            red[rows, columns] |= inside
    labels, count = ndimage.label(red)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:] * _MARKS_UM**2 / 44.2
    areas = areas[areas >= 0.4]
    return {
        "foreground_fraction": float(cover.mean()),
        "crowding": float(np.median(areas)) if areas.size else np.nan,
        "clustered_fraction": float(areas[areas >= 1.6].sum() / areas.sum()) if areas.size else np.nan,
    }


def against_marks(fields: list[Field], found: pd.DataFrame) -> str:
    """How the measures follow the marked red cells (only sources in which all of them are marked)."""
    boxes = pd.read_csv(IMAGES / "boxes.csv", keep_default_na=False)
    rows = []
    for domain in ("txl_bcd", "txl_pbc", "txl_raabin"):
        here = [field for field in fields if field.domain == domain]
        if len(here) < 3:
            continue
        truth = pd.DataFrame([marked_red_cells(f, boxes[boxes["path"] == f.path]) for f in here])
        measured = found[found["domain"] == domain].reset_index(drop=True)
        row: dict[str, object] = {"source": domain, "fields": len(here)}
        for name in truth:
            both = pd.concat([truth[name], measured[name]], axis=1).dropna().to_numpy()
            row[f"{name}: rank correlation"] = float(spearmanr(both).statistic)
            row[f"{name}: mean, marks"] = float(both[:, 0].mean())
            row[f"{name}: mean, measured"] = float(both[:, 1].mean())
        rows.append(row)
    return markdown(rows) if rows else ""


def by_source(found: pd.DataFrame) -> str:
    """Spread of the measures over the fields of each source."""
    rows = []
    for domain, here in found.groupby("domain", sort=False):
        row: dict[str, object] = {"source": domain, "fields": len(here)}
        for name in MEASURES:
            low, mid, high = here[name].quantile([0.1, 0.5, 0.9])
            row[f"{name}: 10 / 50 / 90 %"] = f"{low:.2f} / {mid:.2f} / {high:.2f}"
        rows.append(row)
    return markdown(rows)


def blurred(fields: list[Field], most: int = 20) -> str:
    """Sharpness of the same fields after a blur."""
    rows = []
    for domain in dict.fromkeys(field.domain for field in fields):
        here = [field for field in fields if field.domain == domain]
        here = [here[i] for i in evenly(len(here), most)]
        row: dict[str, object] = {"source": domain, "fields": len(here)}
        for blur_um in _BLURS_UM:
            values = []
            for field in here:
                sigma = blur_um / field.um_per_px
                pixels = ndimage.gaussian_filter(field.pixels, (sigma, sigma, 0)) if sigma else field.pixels
                values.append(middle(regions_of(open_slide(pixels), field.um_per_px))["sharpness"])
            low, mid, high = np.nanquantile(values, [0.1, 0.5, 0.9])
            row[f"{blur_um:g} µm"] = f"{low:.2f} / {mid:.2f} / {high:.2f}"
        rows.append(row)
    return markdown(rows)


def drawn() -> str:
    """Drawn smears of known density, at two scales."""
    rows = []
    for um_per_px in (0.1, 0.25):
        side = round(260 / um_per_px)
        for density in _DENSITIES:
            parameters = SmearParameters(
                height=side,
                width=side,
                um_per_px=um_per_px,
                seed=3,
                red_cells_per_mm2=density,
                leukocytes_per_mm2=30,
            )
            smear = SyntheticSmear(parameters).draw(0, 0, side, side)
            rows.append(
                {"µm per px": um_per_px, "red cells per mm²": density, "cells cover": density * 44.2e-6}
                | middle(regions_of(open_slide(smear), um_per_px))
            )
    return markdown(rows)


def cost() -> str:
    """Processor time of the first pass and of the measures on one tile, the best of several."""
    rows = []
    for um_per_px in (0.1, 0.25):
        side = 4096
        parameters = SmearParameters(
            height=side, width=side, um_per_px=um_per_px, seed=3, leukocytes_per_mm2=30
        )
        slide = open_slide(SyntheticSmear(parameters).draw(0, 0, side, side))
        model = fit_slide_model(slide, um_per_px)
        grid = Grid.at(slide, um_per_px, COARSE_UM)
        (tile,) = plan_tiles(slide.shape, um_per_px)
        pixels = grid.read(slide, 0, 0, *grid.shape)
        lattice = Lattice(slide.shape, um_per_px)
        nuclei, quality = [], []
        for _ in range(7):
            start = time.process_time()
            find_nuclei(slide, tile, model, grid)
            between = time.process_time()
            measure_regions(
                tile, lattice, model, grid, lambda y0, x0, y1, x1, seen=pixels: seen[y0:y1, x0:x1]
            )
            nuclei.append(between - start)
            quality.append(time.process_time() - between)
        rows.append(
            {
                "µm per px": um_per_px,
                "first pass, ns per px": 1e9 * min(nuclei) / side**2,
                "quality, ns per px": 1e9 * min(quality) / side**2,
                "share": f"{min(quality) / min(nuclei):.0%}",
            }
        )
    return markdown(rows)


def sheet(found: pd.DataFrame, measure: str, folder: Path, each: int = 3, side: int = 260) -> None:
    """Write the fields with the lowest, the middle and the highest values of a measure."""
    rows = []
    for domain in DOMAINS:
        here = found[(found["domain"] == domain) & found[measure].notna()].sort_values(measure)
        if len(here) < 3 * each:
            continue
        start = (len(here) - each) // 2
        picked = pd.concat([here.iloc[:each], here.iloc[start : start + each], here.iloc[-each:]])
        tiles = []
        for row in picked.to_dict("records"):
            picture = Image.open(IMAGES / row["path"]).convert("RGB")
            # The same 35 µm of all of them.
            half = min(17.5 / row["um_per_px"], *(n / 2 for n in picture.size))
            x, y = (n / 2 for n in picture.size)
            picture = picture.resize((side, side), box=(x - half, y - half, x + half, y + half))
            tile = Image.new("RGB", (side, side + 16), "white")
            tile.paste(picture)
            text = f"{domain} {measure} {row[measure]:.2f}"
            ImageDraw.Draw(tile).text((2, side + 2), text, fill="black")
            tiles.append(np.asarray(tile))
        rows.append(np.hstack(tiles))
    if rows:
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.vstack(rows)).save(folder / f"{measure}.png")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    half = parser.add_mutually_exclusive_group(required=True)
    for name in ("even", "odd"):
        half.add_argument(f"--{name}", dest="half", action="store_const", const=name)
    parser.add_argument("--fields", type=int, metavar="N", help="at most N fields per source, evenly spread")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    fields = list(chosen_fields(arguments.half, DOMAINS, arguments.fields))
    found = pd.DataFrame(
        [
            {"domain": f.domain, "path": f.path, "um_per_px": f.um_per_px}
            | middle(regions_of(open_slide(f.pixels), f.um_per_px))
            for f in fields
        ]
    )
    print(f"### Measures of real fields ({arguments.half} groups)\n\n{by_source(found)}\n")
    print(f"### Against marked red cells\n\n{against_marks(fields, found)}\n")
    print(f"### Sharpness (10 / 50 / 90 % of the fields) after a blur of this sigma\n\n{blurred(fields)}\n")
    print(f"### Drawn smears of known density\n\n{drawn()}\n")
    print(f"### Cost\n\n{cost()}")
    if arguments.sheets:
        for measure in MEASURES:
            sheet(found, measure, arguments.sheets)


if __name__ == "__main__":
    main()
