"""``labels.ome.zarr``: cells and nuclei as label images, numbered as in the cell table."""

from __future__ import annotations

from pathlib import Path

from napari_wbc.exchange.formats import Contents
from napari_wbc.segmentation.label_file import write_labels


def write(path: Path, contents: Contents) -> None:
    """Write ``labels.ome.zarr``."""
    write_labels(
        path,
        contents.masks,
        contents.slide.shape,
        um_per_px=contents.um_per_px,
        cancel=contents.cancel,
    )
