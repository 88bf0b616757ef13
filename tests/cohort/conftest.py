"""Folders of results of a few drawn-up images, as a batch leaves them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from napari_wbc.batch import CountedBefore, ImageFailed
from napari_wbc.cell_table import conform, write_cells_csv
from napari_wbc.cohort import Cohort, CohortImage
from napari_wbc.differential.count import differential
from napari_wbc.differential.exports import write_differential_json
from napari_wbc.domain_shift import DomainShift
from napari_wbc.errors import InputError
from napari_wbc.pipeline import CountOptions


def cells_of(labels: Mapping[str, int]) -> pd.DataFrame:
    names = [name for name, number in labels.items() for _ in range(number)]
    n = len(names)
    numbers = dict.fromkeys(("y_px", "x_px", "nucleus_area_um2", "cell_area_um2"), 1.0)
    box = dict.fromkeys(("bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"), 0)
    table = pd.DataFrame({"cell_id": range(1, n + 1), **numbers, **box, "label": names, "model_label": names})
    return conform(
        table.assign(
            touches_border=False,
            confidence=0.9,
            novelty=0.1,
            status="model",
            flags="",
            slide="s",
            model_sha256="ab",
        )
    )


class Batch:
    """Writes folders of results, and gives the cohort of them."""

    def __init__(self, out: Path) -> None:
        self.out = out
        out.mkdir()
        self.images: list[CohortImage] = []
        self.events: list[object] = []

    def counted(
        self,
        image: str,
        labels: Mapping[str, int],
        slide: str = "",
        wbc_per_l: float | None = None,
        ratio: float | None = None,
    ) -> None:
        folder = self.out / Path(image).stem
        folder.mkdir(parents=True)
        cells = cells_of(labels)
        shift = None if ratio is None else DomainShift(nearest="pbc", ratio=ratio, cells=len(cells))
        count = differential(cells, wbc_per_l=wbc_per_l, domain_shift=shift)
        write_cells_csv(cells, folder / "cells.csv")
        write_differential_json(count, folder / "differential.json")
        run = {"program": "napari-wbc", "version": "1.0", "finished": f"2026-03-0{len(self.images) + 1}"}
        (folder / "run.json").write_text(json.dumps(run))
        self.images.append(CohortImage(image, CountOptions(wbc_per_l=wbc_per_l), slide))
        self.events.append(CountedBefore(image, folder))

    def failed(self, image: str, why: str, slide: str = "") -> None:
        self.images.append(CohortImage(image, CountOptions(), slide))
        self.events.append(ImageFailed(image, self.out / Path(image).stem, InputError(f"{image}: {why}")))

    def cohort(self) -> Cohort:
        cohort = Cohort(self.images, self.out)
        for event in self.events:
            cohort.take(event)
        return cohort


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(tmp_path / "out")


@pytest.fixture
def mixed(batch: Batch) -> Batch:
    """Three slides, one of two images, and an image that could not be read."""
    batch.counted("a.png", {"neutrophil_segmented": 130, "lymphocyte": 70, "unidentified": 2}, ratio=0.4)
    batch.counted("b1.png", {"lymphocyte": 6, "erythroblast": 2}, "B", 8e9, ratio=0.5)
    batch.counted("b2.png", {"lymphocyte": 3, "monocyte": 1}, "B", 8e9, ratio=1.5)
    batch.counted("c.png", {"eosinophil": 30, "neutrophil_segmented": 30})
    batch.failed("gone.svs", "no such file")
    return batch
