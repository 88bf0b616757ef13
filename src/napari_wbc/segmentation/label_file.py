"""Cells and nuclei as label images in a file, painted piece by piece: a whole slide never lies in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import OutputError
from napari_wbc.execution.atomic import atomic_folder, atomic_path
from napari_wbc.execution.progress import CancelToken
from napari_wbc.masks import CellMask, paint_labels

#: The label images, in this order.
PARTS = {"cells": "cell", "nuclei": "nucleus"}
_TILE_PX = 1024


def check_label_path(path: str | Path) -> Path:
    """Check that label images can be written under a name.

    Raises
    ------
    OutputError
        The ending is unknown, or a folder that is no OME-Zarr of labels is in the way.
    """
    path = Path(path)
    if not path.name.lower().endswith((".tif", ".tiff", ".ome.zarr")):
        raise OutputError(f"{path}: label images are written as .tif or .ome.zarr; give a name that ends so")
    if path.is_dir() and not (_is_zarr(path) and (path / "labels" / "zarr.json").is_file()):
        raise OutputError(f"{path}: a folder that holds no label images is in the way; give another name")
    return path


def write_labels(
    path: str | Path,
    masks: Sequence[CellMask],
    shape: tuple[int, int],
    *,
    um_per_px: float,
    cancel: CancelToken | None = None,
) -> Path:
    """Write cells and nuclei as int32 label images with shared ids.

    Parameters
    ----------
    path : str or Path
        ``.tif`` or ``.tiff``: an OME-TIFF with the channels "cells" and "nuclei". ``.ome.zarr``: OME-Zarr 0.5 with
        ``labels/cells`` and ``labels/nuclei``.
    masks : sequence of CellMask
        The first one gets the label 1; 0 is background.
    shape : tuple of int
        Height and width of the slide, px.
    um_per_px : float
        µm per px.
    cancel : CancelToken, optional
        Looked at before every piece.

    Returns
    -------
    pathlib.Path
        The file or folder; it appears whole or not at all.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    path = check_label_path(path)
    cancel = cancel or CancelToken()
    try:
        if _is_zarr(path):
            _write_zarr(path, masks, shape, um_per_px, cancel)
        else:
            _write_tiff(path, masks, shape, um_per_px, cancel)
    except OSError as error:
        raise OutputError(f"{path}: the labels cannot be written ({error.strerror or error})") from None
    return path


def _is_zarr(path: Path) -> bool:
    return path.name.lower().endswith(".zarr")


def _pieces(
    masks: Sequence[CellMask], shape: tuple[int, int], part: str, cancel: CancelToken
) -> Iterator[tuple[int, int, NDArray[np.int32]]]:
    """Paint one square after the other, row by row; those at the right and lower border may be smaller."""
    height, width = shape
    boxes = np.array([mask.bbox for mask in masks], np.int64).reshape(-1, 4)
    for y in range(0, height, _TILE_PX):
        in_row = np.flatnonzero((boxes[:, 0] < y + _TILE_PX) & (boxes[:, 2] > y))
        for x in range(0, width, _TILE_PX):
            cancel.check()
            here = in_row[(boxes[in_row, 1] < x + _TILE_PX) & (boxes[in_row, 3] > x)]
            size = min(_TILE_PX, height - y), min(_TILE_PX, width - x)
            labels = paint_labels([masks[i] for i in here], here + 1, size, origin=(y, x), part=part)
            yield y, x, labels.astype(np.int32, copy=False)


def _write_tiff(
    path: Path, masks: Sequence[CellMask], shape: tuple[int, int], um_per_px: float, cancel: CancelToken
) -> None:
    import tifffile

    def tiles() -> Iterator[NDArray[np.int32]]:
        for part in PARTS.values():
            for _, _, labels in _pieces(masks, shape, part, cancel):
                missing = _TILE_PX - labels.shape[0], _TILE_PX - labels.shape[1]
                yield np.pad(labels, ((0, missing[0]), (0, missing[1])))

    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            tiles(),
            shape=(len(PARTS), *shape),
            dtype=np.int32,
            tile=(_TILE_PX, _TILE_PX),
            compression="zlib",
            photometric="minisblack",
            # Compressed labels are small, but the offsets of a file must be able to reach its end in any case.
            bigtiff=len(PARTS) * shape[0] * shape[1] * 4 > 1 << 31,
            ome=True,
            metadata={
                "axes": "CYX",
                "Channel": {"Name": list(PARTS)},
                "PhysicalSizeX": um_per_px,
                "PhysicalSizeY": um_per_px,
                "PhysicalSizeXUnit": "µm",
                "PhysicalSizeYUnit": "µm",
            },
        )


def _write_zarr(
    path: Path, masks: Sequence[CellMask], shape: tuple[int, int], um_per_px: float, cancel: CancelToken
) -> None:
    import zarr

    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    with atomic_folder(path) as temporary:
        root = zarr.open_group(temporary, mode="w", zarr_format=3)
        group = root.create_group("labels", attributes={"ome": {"version": "0.5", "labels": list(PARTS)}})
        for name, part in PARTS.items():
            dataset = {
                "path": "0",
                "coordinateTransformations": [{"type": "scale", "scale": [um_per_px] * 2}],
            }
            ome = {
                "version": "0.5",
                "multiscales": [{"name": name, "axes": axes, "datasets": [dataset]}],
                "image-label": {},
            }
            labels = group.create_group(name, attributes={"ome": ome})
            array = labels.create_array(
                "0", shape=shape, dtype="int32", chunks=(_TILE_PX, _TILE_PX), fill_value=0
            )
            for y, x, piece in _pieces(masks, shape, part, cancel):
                if piece.any():
                    array[y : y + piece.shape[0], x : x + piece.shape[1]] = piece
