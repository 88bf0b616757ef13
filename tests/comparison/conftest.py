"""Folders of results, reviews and tables that the tests of the comparison share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from differential.conftest import build
from napari_wbc.cell_table import conform, write_cells_csv

WriteResults = Callable[..., Path]

#: An ordinary blood of 200 leukocytes.
BLOOD = {
    "neutrophil_segmented": 110,
    "neutrophil_band": 10,
    "lymphocyte": 54,
    "monocyte": 16,
    "eosinophil": 8,
    "basophil": 2,
    "erythroblast": 4,
}


def write_folder(
    folder: Path,
    composition: Mapping[str, int],
    *,
    changes: Mapping[int, str] | None = None,
    moved_px: float = 0.0,
    without: tuple[int, ...] = (),
    sha256: str = "",
    model_sha256: str = "ab" * 32,
) -> Path:
    """Write cells.csv and run.json as a count does: some cells called otherwise, moved, or not found."""
    cells, _, _ = build(composition, columns=20, slide=folder.name)
    labels = cells["label"].copy()
    for row, label in (changes or {}).items():
        labels[row] = label
    cells = cells.assign(
        label=labels, model_label=labels, y_px=cells["y_px"] + moved_px, model_sha256=model_sha256
    ).drop(index=list(without))
    cells = conform(cells.assign(cell_id=range(1, len(cells) + 1)))
    folder.mkdir(parents=True)
    write_cells_csv(cells, folder / "cells.csv")
    run = {
        "program": "napari-wbc",
        "image": {"name": f"{folder.name}.png", "sha256": sha256},
        "scale": {"um_per_px": 0.1},
        "model": {"sha256": model_sha256},
    }
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


@pytest.fixture
def write_results() -> WriteResults:
    return write_folder


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[str, str], Path]:
    """Give a function that writes a text as a file."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
