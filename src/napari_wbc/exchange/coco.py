"""``cells.coco.json``: the cells as COCO annotations, for the training of detectors and instance segmentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_wbc.cell_table import counted
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.exports import output_file
from napari_wbc.differential.outlines import Ring
from napari_wbc.exchange.classes import numbered_classes
from napari_wbc.exchange.formats import Contents
from napari_wbc.leukocytes import class_of
from napari_wbc.masks import CellMask


def write_coco(path: Path, contents: Contents) -> None:
    """Write one annotation per cell that counts: class, polygons, area and box in level-0 pixels.

    Format: https://cocodataset.org/#format-data, "Object Detection". ``file_name`` is the name of the image alone. The
    number of an annotation is the ``cell_id``; what else is known of a cell stands in ``attributes``.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    run, numbers = contents.run, numbered_classes(contents.cells)
    shown = counted(contents.cells.reset_index(drop=True))
    height, width = contents.slide.shape
    content = {
        "info": {
            "description": f"Leukocytes of {run['image']['name']}. {RESEARCH_USE}",
            "version": run["version"],
            "date_created": run["finished"],
            "contributor": f"napari-wbc {run['version']}, model {run['model']['sha256']}",
        },
        "licenses": [],
        "images": [{"id": 1, "file_name": run["image"]["name"], "height": height, "width": width}],
        # COCO counts categories from 1: some programs keep 0 for the background.
        "categories": [
            {"id": number + 1, "name": name, "supercategory": class_of(name).kind}
            for name, number in numbers.items()
        ],
        "annotations": [
            _annotation(cell, contents.masks[row], contents.outlines[row], numbers[str(cell["label"])] + 1)
            for row, cell in zip(shown.index, shown.to_dict("records"), strict=True)
        ],
    }
    with output_file(path) as temporary:
        temporary.write_text(
            json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )


def _annotation(cell: dict[Any, Any], mask: CellMask, rings: Sequence[Ring], category: int) -> dict[str, Any]:
    points = np.concatenate(rings)
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    confidence = float(cell["confidence"])
    return {
        "id": int(cell["cell_id"]),
        "image_id": 1,
        "category_id": category,
        # A ring of COCO is not closed: its last point is not said twice.
        "segmentation": [np.round(ring[:-1], 2).ravel().tolist() for ring in rings],
        "area": float(mask.cell.sum() or (x1 - x0) * (y1 - y0)),
        "bbox": [round(float(v), 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "iscrowd": 0,
        "attributes": {
            "status": str(cell["status"]),
            "model_label": str(cell["model_label"]),
            "confidence": None if np.isnan(confidence) else round(confidence, 4),
            "flags": str(cell["flags"]),
        },
    }
