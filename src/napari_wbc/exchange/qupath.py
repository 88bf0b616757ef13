"""``cells.geojson``: one cell object per cell, as QuPath imports and exports it.

The format is that of QuPath's own GeoJSON since version 0.4 (https://qupath.readthedocs.io, "Exporting annotations";
the fields are those of its ``QuPathTypeAdapters``): features with ``objectType``, ``classification`` (name, colour),
``measurements`` as a map, and the nucleus of a cell as ``nucleusGeometry`` beside ``geometry``.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_wbc.cell_table import counted, probability_columns
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.exports import output_file
from napari_wbc.differential.marks import rgb
from napari_wbc.differential.outlines import geojson_geometry, outlines
from napari_wbc.exchange.formats import Contents, cell_rings
from napari_wbc.execution.progress import check_cancelled
from napari_wbc.leukocytes import class_of
from napari_wbc.masks import CellMask

# Ids of objects are the same for the same cell of the same slide, so that a second import replaces the first.
_NAMESPACE = uuid.UUID("5d0c5f0e-3a55-5f0b-9a1e-6f3a6f1c2b7d")


def write_geojson(path: str | Path, cells: pd.DataFrame, masks: Sequence[CellMask]) -> Path:
    """Write ``cells.geojson`` as QuPath imports it: one cell object with its nucleus for every cell that counts.

    Coordinates are level-0 pixels. Cells that a person excluded are left out.

    Parameters
    ----------
    path : str or Path
        Where to.
    cells : pandas.DataFrame
        The cell table.
    masks : sequence of CellMask
        One per row of the table.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    OutputError
        The place cannot be written to.
    ValueError
        There are more or fewer masks than rows.
    """
    if len(masks) != len(cells):
        raise ValueError(f"{len(masks)} masks for {len(cells)} cells")
    probabilities = probability_columns(cells)
    shown = counted(cells.reset_index(drop=True))
    with output_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(
            '{"type": "FeatureCollection", "research_use": ' + json.dumps(RESEARCH_USE) + ', "features": ['
        )
        # One feature at a time: a slide has many thousand cells.
        for i, (row, cell) in enumerate(zip(shown.index, shown.to_dict("records"), strict=True)):
            check_cancelled()
            feature = _feature(cell, masks[int(row)], probabilities)
            file.write((",\n" if i else "\n") + json.dumps(feature, ensure_ascii=False, allow_nan=False))
        file.write("\n]}\n")
    return Path(path)


def _feature(cell: dict[Any, Any], mask: CellMask, probabilities: Sequence[str]) -> dict[str, Any]:
    shape = class_of(str(cell["label"]))
    feature: dict[str, Any] = {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, f"{cell['slide']}/{cell['cell_id']}")),
        "geometry": geojson_geometry(cell_rings(mask)),
    }
    nucleus = geojson_geometry(outlines(mask.nucleus, y0=mask.y0, x0=mask.x0))
    if nucleus is not None:
        feature["nucleusGeometry"] = nucleus
    measurements = {
        "Cell: Area µm^2": cell["cell_area_um2"],
        "Nucleus: Area µm^2": cell["nucleus_area_um2"],
        "Confidence": cell["confidence"],
        "Novelty": cell["novelty"],
        **{f"Probability: {name[2:]}": cell[name] for name in probabilities},
    }
    feature["properties"] = {
        "objectType": "cell",
        "name": f"cell {cell['cell_id']}",
        "classification": {"name": shape.name, "color": list(rgb(shape.colour))},
        # JSON has no NaN; QuPath leaves a measurement that is not there empty.
        "measurements": {name: round(float(v), 5) for name, v in measurements.items() if math.isfinite(v)},
        "metadata": {name: str(cell[name]) for name in ("cell_id", "model_label", "status", "flags")},
    }
    return feature


def write(path: Path, contents: Contents) -> None:
    """Write ``cells.geojson``."""
    write_geojson(path, contents.cells, contents.masks)
