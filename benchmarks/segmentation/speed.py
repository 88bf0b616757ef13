"""Megapixels and cells per second of one core, decoding apart, on a mosaic of real fields."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.segmentation import SlideModel, fit_slide_model, plan_tiles
from napari_wbc.segmentation.cells import FINE_UM, outline_cell
from napari_wbc.segmentation.grid import Grid
from napari_wbc.segmentation.nuclei import NucleusMap, find_nuclei
from napari_wbc.segmentation.slide_model import COARSE_UM
from napari_wbc.slides import Slide, open_slide

from .fields import Field, chosen_fields
from .peer_methods import CYTOPLASM_UM, METHODS, finds_from
from .tables import markdown

_ACROSS, _DOWN, _COPIES = 8, 5, 3


def mosaic_fields() -> list[Field]:
    """Even fields of bccd for the mosaic: one size, one scale."""
    return list(chosen_fields("even", ("bccd",), _ACROSS * _DOWN))


def mosaic(fields: list[Field]) -> NDArray[np.uint8]:
    """Lay fields side by side, three times below each other: 37 megapixels, one leukocyte per field."""
    pictures = [field.pixels for field in fields]
    rows = [np.hstack(pictures[k : k + _ACROSS]) for k in range(0, len(pictures), _ACROSS)]
    return np.tile(np.vstack(rows), (_COPIES, 1, 1))


def first_pass(slide: Slide, model: SlideModel, um: float) -> list[NucleusMap]:
    """Find the nuclei of all tiles."""
    coarse = Grid.at(slide, um, COARSE_UM)
    return [find_nuclei(slide, tile, model, coarse) for tile in plan_tiles(slide.shape, um)]


def second_pass(slide: Slide, model: SlideModel, um: float, maps: list[NucleusMap]) -> int:
    """Outline the cells; gives how many candidates were looked at."""
    coarse, fine = Grid.at(slide, um, COARSE_UM), Grid.at(slide, um, FINE_UM, not_coarser=True)
    looked_at = 0
    for around in maps:
        for nucleus in around.nuclei:
            outline_cell(slide, nucleus, around, model, coarse, fine)
            looked_at += 1
    return looked_at


def measure(repeats: int = 3) -> dict[str, Any]:
    """CPU seconds, the best of some runs; the peers on the same pixels, field by field."""
    fields = mosaic_fields()
    um = fields[0].um_per_px
    slide = open_slide(mosaic(fields))
    runs = []
    model = fit_slide_model(slide, um)
    second_pass(slide, model, um, first_pass(slide, model, um)[:1])  # compiles what is compiled
    for _ in range(repeats):
        clock = [time.process_time()]
        model = fit_slide_model(slide, um)
        clock.append(time.process_time())
        maps = first_pass(slide, model, um)
        clock.append(time.process_time())
        cells = second_pass(slide, model, um, maps)
        clock.append(time.process_time())
        runs.append(np.diff(clock))
    fit, first, second = (float(v) for v in np.min(runs, axis=0))
    megapixels = slide.shape[0] * slide.shape[1] / 1e6
    peers = {}
    for name, nuclei_of in METHODS.items():
        start = time.process_time()
        for field in fields:
            finds_from(nuclei_of(field.pixels, um), CYTOPLASM_UM[name], um)
        peers[name] = megapixels / _COPIES / (time.process_time() - start)
    return {
        "megapixels": megapixels,
        "candidates": cells,
        "slide_model_s": fit,
        "first_pass_megapixels_per_s": megapixels / first,
        "second_pass_cells_per_s": cells / second,
        "all_megapixels_per_s": megapixels / (fit + first + second),
        "peers_megapixels_per_s": peers,
    }


def table(figures: dict[str, Any]) -> str:
    """Markdown: a row per method."""
    ours = figures["all_megapixels_per_s"]
    rows = [
        {
            "method": "napari-wbc",
            "Mpx/s, all included": f"{ours:.1f}",
            "CPU time over ours": "1.0",
            "slide model, s": f"{figures['slide_model_s']:.2f}",
            "first pass, Mpx/s": f"{figures['first_pass_megapixels_per_s']:.0f}",
            "second pass, cells/s": f"{figures['second_pass_cells_per_s']:.0f}",
        }
    ]
    for name, speed in figures["peers_megapixels_per_s"].items():
        rows.append(
            {
                "method": name,
                "Mpx/s, all included": f"{speed:.1f}",
                "CPU time over ours": f"{ours / speed:.1f}",
                "slide model, s": "-",
                "first pass, Mpx/s": "-",
                "second pass, cells/s": "-",
            }
        )
    about = (
        f"Mosaic of {figures['megapixels']:.0f} megapixels with {figures['candidates']} candidates; one core."
    )
    return markdown(rows) + "\n\n" + about
