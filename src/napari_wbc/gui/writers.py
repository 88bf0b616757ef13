"""Writer: the cell table behind a points layer as ``cells.csv``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from napari_wbc.cell_table import write_cells_csv
from napari_wbc.errors import OutputError
from napari_wbc.gui.image_layers import METADATA_KEY


def write_cells(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write the cell table of a points layer.

    Parameters
    ----------
    path : str
        Where to.
    data : array of shape (n, 2)
        Positions; only their number is looked at, the table is the truth.
    meta : dict
        Of the layer.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    OutputError
        The layer was not made by a count, or its points are no longer those of its table.
    """
    cells = meta.get("metadata", {}).get(METADATA_KEY, {}).get("cells")
    if not isinstance(cells, pd.DataFrame):
        raise OutputError(
            f"{path}: the layer {meta.get('name', 'points')!r} has no cell table; use napari's own CSV writer for it"
        )
    if len(cells) != len(data):
        raise OutputError(
            f"{path}: the layer has {len(data)} points and its cell table {len(cells)} rows; count again before saving"
        )
    return [str(write_cells_csv(cells, Path(path)))]
