"""Where the time of the segmentation goes, and the floor under it: decoding alone, reducing pixels alone.

    python benchmarks/profile_segmentation.py
    python benchmarks/profile_segmentation.py --um 0.25 --side 8192 --json profile.json
    python benchmarks/profile_segmentation.py --slide slide.svs

Synthetic smears, written as an Aperio-style SVS with JPEG, one with JPEG 2000, an OME-Zarr, and held in memory. All
figures are CPU seconds of one process on one thread, so that other work on the machine matters little; the best of
three. Where numba is installed, the first pass is also timed with the inner loops in NumPy.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_wbc.segmentation import fit_slide_model, kernels, plan_tiles, segment_tile
from napari_wbc.segmentation.cells import FINE_UM, outline_cell
from napari_wbc.segmentation.grid import Grid, RememberingGrid
from napari_wbc.segmentation.nuclei import NucleusMap, find_nuclei
from napari_wbc.segmentation.quality import Lattice
from napari_wbc.segmentation.region_measures import measure_regions
from napari_wbc.segmentation.slide_model import COARSE_UM, SlideModel
from napari_wbc.segmentation.tiles import Tile
from napari_wbc.slides import Slide, open_slide, resolve_scale
from napari_wbc.slides.synthetic import SmearParameters, write_sample

#: Functions whose time, callees included, makes a stage; each lies in no other one of its list.
FIRST_PASS = {
    "read and decode": "slides/base.py:read",
    "box reduction": "kernels/__init__.py:box_reduce",
    "density and projection": "kernels/__init__.py:project",
    "smoothing": "kernels/__init__.py:smooth",
    "opening": "nuclei.py:_opened_by_cross",
    "connected parts": "parts.py:connected_parts",
    "grouping of lobes": "nuclei.py:_nuclei",
}
SECOND_PASS = {
    "read and decode": "slides/base.py:read",
    "density": "kernels/__init__.py:project",
    "smoothing": "kernels/__init__.py:smooth",
    "what belongs to the cell": "territory.py:divide",
    "outline of the cell": "outline.py:trace_outline",
    "outline of the nucleus": "nucleus_outline.py:trace_nucleus",
    "flags": "flags.py:cell_flags",
    "masks in native px": "cells.py:_measure",
}


def seconds(work: Callable[[], Any], repeats: int = 3) -> float:
    """CPU seconds of the best of some runs."""
    return seconds_on(lambda: None, lambda _: work(), repeats)


def seconds_on(prepare: Callable[[], Any], work: Callable[[Any], Any], repeats: int = 3) -> float:
    """CPU seconds of the best of some runs, each on something prepared anew: a slide without decoded tiles."""
    best = float("inf")
    for _ in range(repeats):
        prepared = prepare()
        start = time.process_time()
        work(prepared)
        best = min(best, time.process_time() - start)
    return best


def files(folder: Path, side: int, um: float) -> dict[str, Any]:
    """Draw a smear and give it in every form."""
    svs, zarr = folder / "smear.svs", folder / "smear.ome.zarr"
    parameters = SmearParameters(height=side, width=side, um_per_px=um, seed=5, leukocytes_per_mm2=35.0)
    write_sample(svs, parameters)
    write_sample(zarr, parameters)
    pixels = open_slide(svs).read(0, 0, 0, side, side)
    jpeg2000 = folder / "smear.jp2.svs"
    description = f"Aperio Image Library v12.0.0\n{side}x{side} J2K/YUV16|MPP = {um}"
    with tifffile.TiffWriter(jpeg2000) as tif:
        options: dict[str, Any] = {
            "tile": (256, 256),
            "compression": "jpeg2000",
            "compressionargs": {"level": 40, "reversible": False},
            "description": description,
            "metadata": None,
        }
        tif.write(pixels, photometric="rgb", **options)
    return {"SVS, JPEG": svs, "SVS, JPEG 2000": jpeg2000, "OME-Zarr": zarr, "array": pixels}


def read_core(slide: Slide, tile: Tile) -> None:
    """Read the pixels that a tile looks at, as the first pass does."""
    top, left = max(0, tile.y - tile.halo), max(0, tile.x - tile.halo)
    bottom = min(slide.shape[0], tile.y + tile.height + tile.halo)
    right = min(slide.shape[1], tile.x + tile.width + tile.halo)
    slide.read(0, top, left, bottom - top, right - left)


def over(tiles: Iterable[Tile], work: Callable[[Tile], Any]) -> None:
    for tile in tiles:
        work(tile)


def measure(source: Any, tiles: list[Tile], model: SlideModel, um: float) -> dict[str, float]:
    """Megapixels per CPU second of each part, cells per CPU second of the second pass."""
    opened = partial(open_slide, source)
    slide = opened()
    coarse, fine = Grid.at(slide, um, COARSE_UM), Grid.at(slide, um, FINE_UM, not_coarser=True)
    megapixels = sum(tile.height * tile.width for tile in tiles) / 1e6
    segment_tile(slide, tiles[0], model, um)  # compiled, and whatever is set up once

    def first_pass(slide: Slide) -> None:
        over(tiles, lambda tile: find_nuclei(slide, tile, model, coarse))

    read = seconds_on(opened, lambda slide: over(tiles, partial(read_core, slide)))
    first = seconds_on(opened, first_pass)
    row = {"reading alone, Mpx/s": megapixels / read, "first pass, Mpx/s": megapixels / first}
    row["first pass / reading, time"] = first / read
    whole = seconds_on(
        opened, lambda slide: over(tiles, lambda tile: segment_tile(slide, tile, model, um)), 2
    )
    row["both passes and regions, Mpx/s"] = megapixels / whole
    if not isinstance(source, np.ndarray):
        return row
    remembering = [RememberingGrid.at(slide, um, COARSE_UM) for _ in tiles]
    for tile, grid in zip(tiles, remembering, strict=True):
        find_nuclei(slide, tile, model, grid)
    lattice = Lattice(slide.shape, um)

    def regions() -> None:
        for tile, grid in zip(tiles, remembering, strict=True):
            measure_regions(tile, lattice, model, grid, partial(grid.read, slide))

    row["regions / first pass, time"] = seconds(regions) / first
    found = [find_nuclei(slide, tile, model, coarse) for tile in tiles]
    cells = sum(len(around.nuclei) for around in found)
    row["second pass, cells/s"] = cells / seconds(lambda: outlines(slide, found, model, coarse, fine), 2)
    blank = np.zeros((4096 // coarse.factor * coarse.factor,) * 2 + (3,), np.uint8)
    reduction = seconds(lambda: kernels.box_reduce(blank, coarse.factor))
    row["box reduction alone, Mpx/s"] = blank.size / 3e6 / reduction
    with in_numpy():
        row["first pass in NumPy, Mpx/s"] = megapixels / seconds_on(opened, first_pass, 2)
    return row


def outlines(slide: Slide, found: list[NucleusMap], model: SlideModel, coarse: Grid, fine: Grid) -> None:
    """Do the second pass on what the first one found."""
    for around in found:
        for nucleus in around.nuclei:
            outline_cell(slide, nucleus, around, model, coarse, fine)


@contextmanager
def in_numpy() -> Iterator[None]:
    """Use the inner loops in NumPy meanwhile."""
    kernels.implementation.cache_clear()
    os.environ["NAPARI_WBC_KERNELS"] = "numpy"
    try:
        yield
    finally:
        del os.environ["NAPARI_WBC_KERNELS"]
        kernels.implementation.cache_clear()


def shares(work: Callable[[], Any], stages: dict[str, str]) -> dict[str, float]:
    """Share of the CPU time per stage (calls of Python functions cost more than without the profiler)."""
    profile = cProfile.Profile(time.process_time)
    profile.runcall(work)
    # The stub types lack what pstats has had since Python 2.
    rows: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in rows.values())
    found = dict.fromkeys(stages, 0.0)
    for (file, _, function), (_, _, _, cumulative, _) in rows.items():
        for stage, place in stages.items():
            if f"{Path(file).as_posix()}:{function}".endswith("/" + place):
                found[stage] += cumulative / total
    return {**found, "the rest": 1 - sum(found.values())}


def table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_text(row.get(name, "-")) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if value < 10 else f"{value:.0f}"
    return str(value)


def profile(
    name: str, source: Any, um: float | None, most: int | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One row of figures, and the shares of the stages."""
    slide = open_slide(source)
    um = um or resolve_scale(slide).um_per_px
    model = fit_slide_model(slide, um)
    tiles = plan_tiles(slide.shape, um)
    if most is not None:
        middle = max(0, (len(tiles) - most) // 2)
        tiles = tiles[middle : middle + most]
    row = {"slide": name, "µm/px": um, **measure(source, tiles, model, um)}
    coarse, fine = Grid.at(slide, um, COARSE_UM), Grid.at(slide, um, FINE_UM, not_coarser=True)
    found: list[NucleusMap] = []
    fresh = open_slide(source)
    first = shares(
        lambda: over(tiles, lambda tile: found.append(find_nuclei(fresh, tile, model, coarse))), FIRST_PASS
    )
    second = shares(lambda: outlines(slide, found, model, coarse, fine), SECOND_PASS)
    return row, {"slide": name, "µm/px": um, "first pass": first, "second pass": second}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--um", default="0.0728,0.1,0.25", help="scales of the drawn smears, separated by commas"
    )
    parser.add_argument("--side", type=int, default=6000, help="of the drawn smears, px")
    parser.add_argument("--slide", type=Path, help="a file to look at instead")
    parser.add_argument(
        "--tiles", type=int, default=16, help="at most so many tiles of --slide, from its middle"
    )
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args()
    rows, stages = [], []
    if options.slide is not None:
        row, share = profile(options.slide.name, options.slide, None, options.tiles)
        rows.append(row)
        stages.append(share)
    else:
        for um in (float(text) for text in options.um.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                for name, source in files(Path(folder), options.side, um).items():
                    row, share = profile(name, source, um, None)
                    rows.append(row)
                    stages.append(share)
    print(table(rows))
    for part in ("first pass", "second pass"):
        print(f"\nShares of the {part}:\n")
        print(table([{"slide": s["slide"], "µm/px": s["µm/px"], **s[part]} for s in stages]))
    if options.json is not None:
        options.json.write_text(
            json.dumps({"rows": rows, "stages": stages}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
