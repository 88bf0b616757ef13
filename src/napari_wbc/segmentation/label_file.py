"""Cells and nuclei as label images in a file, painted piece by piece: a whole slide never lies in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import OutputError, system_reason
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
        the pyramids ``labels/cells`` and ``labels/nuclei``.
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
        raise OutputError(f"{path}: the labels cannot be written ({system_reason(error)})") from None
    return path


def _is_zarr(path: Path) -> bool:
    return path.name.lower().endswith(".zarr")


def _pieces(
    masks: Sequence[CellMask], shape: tuple[int, int], part: str, cancel: CancelToken
) -> Iterator[tuple[int, int, NDArray[np.int32] | None]]:
    """Paint one square after the other, row by row; None for those without a cell.

    Those at the right and lower border may be smaller.
    """
    height, width = shape
    boxes = np.array([mask.bbox for mask in masks], np.int64).reshape(-1, 4)
    for y in range(0, height, _TILE_PX):
        in_row = np.flatnonzero((boxes[:, 0] < y + _TILE_PX) & (boxes[:, 2] > y))
        for x in range(0, width, _TILE_PX):
            cancel.check()
            here = in_row[(boxes[in_row, 1] < x + _TILE_PX) & (boxes[in_row, 3] > x)]
            if not len(here):
                yield y, x, None
                continue
            size = min(_TILE_PX, height - y), min(_TILE_PX, width - x)
            yield y, x, paint_labels([masks[i] for i in here], here + 1, size, origin=(y, x), part=part)


def _write_tiff(
    path: Path, masks: Sequence[CellMask], shape: tuple[int, int], um_per_px: float, cancel: CancelToken
) -> None:
    import tifffile

    def tiles() -> Iterator[NDArray[np.int32]]:
        for part in PARTS.values():
            for _, _, labels in _pieces(masks, shape, part, cancel):
                whole = np.zeros((_TILE_PX, _TILE_PX), np.int32)
                if labels is not None:
                    whole[: labels.shape[0], : labels.shape[1]] = labels
                yield whole

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

    with atomic_folder(path) as temporary:
        root = zarr.open_group(temporary, mode="w", zarr_format=3)
        group = root.create_group("labels", attributes={"ome": {"version": "0.5", "labels": list(PARTS)}})
        shapes = _pyramid(shape)
        for name, part in PARTS.items():
            labels = group.create_group(name, attributes={"ome": _ome(name, len(shapes), um_per_px)})
            levels = [
                labels.create_array(
                    str(level),
                    shape=size,
                    dtype="int32",
                    chunks=(_TILE_PX, _TILE_PX),
                    fill_value=0,
                    dimension_names=("y", "x"),
                )
                for level, size in enumerate(shapes)
            ]
            filled = set()
            for y, x, piece in _pieces(masks, shape, part, cancel):
                if piece is not None:
                    levels[0][y : y + piece.shape[0], x : x + piece.shape[1]] = piece
                    filled.add((y // _TILE_PX, x // _TILE_PX))
            for finer, coarser in pairwise(levels):
                filled = _write_coarser(finer, coarser, filled, cancel)


def _pyramid(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes of the levels, each half of the one before, until one fits into a piece."""
    shapes = [shape]
    while max(shapes[-1]) > _TILE_PX:
        height, width = shapes[-1]
        shapes.append((-(-height // 2), -(-width // 2)))
    return shapes


def _ome(name: str, levels: int, um_per_px: float) -> dict[str, Any]:
    """Metadata of a label image after OME-NGFF 0.5; positions are those of the centres of pixels."""
    datasets = []
    for level in range(levels):
        transformations: list[dict[str, Any]] = [{"type": "scale", "scale": [um_per_px * 2**level] * 2}]
        if level:
            offset = um_per_px * (2**level - 1) / 2
            transformations.append({"type": "translation", "translation": [offset] * 2})
        datasets.append({"path": str(level), "coordinateTransformations": transformations})
    return {
        "version": "0.5",
        "multiscales": [
            {
                "name": name,
                "axes": [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"],
                "datasets": datasets,
                "type": "most frequent of four",
            }
        ],
        "image-label": {},
    }


def _write_coarser(
    finer: Any, coarser: Any, filled: set[tuple[int, int]], cancel: CancelToken
) -> set[tuple[int, int]]:
    """Fill a level from the one before, piece by piece, and give the places of the pieces that hold labels."""
    places = {(row // 2, column // 2) for row, column in filled}
    for row, column in sorted(places):
        cancel.check()
        y, x = row * _TILE_PX, column * _TILE_PX
        piece = halve_labels(finer[2 * y : 2 * (y + _TILE_PX), 2 * x : 2 * (x + _TILE_PX)])
        coarser[y : y + piece.shape[0], x : x + piece.shape[1]] = piece
    return places


def halve_labels(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Reduce a label image by two: of four pixels the most frequent label, in a tie the one further up or left.

    Parameters
    ----------
    labels : numpy.ndarray of int32, shape (height, width)
        Of an odd side, the last pixels count twice.

    Returns
    -------
    numpy.ndarray of int32, shape (ceil(height / 2), ceil(width / 2))
        No label that was not there before, as averages would give.

    Examples
    --------
    >>> import numpy as np
    >>> halve_labels(np.array([[1, 1, 0, 2], [0, 1, 3, 0]], np.int32))
    array([[1, 0]], dtype=int32)
    """
    height, width = labels.shape
    even = np.pad(labels, ((0, height % 2), (0, width % 2)), mode="edge")
    four = [even[dy::2, dx::2] for dy in (0, 1) for dx in (0, 1)]
    result = four[0].copy()
    most = _alike(four, 0)
    for k in (1, 2):
        # The last of the four has no pair that an earlier one does not have.
        alike = _alike(four, k)
        better = alike > most
        result[better] = four[k][better]
        most[better] = alike[better]
    return result


def _alike(four: list[NDArray[np.int32]], k: int) -> NDArray[np.int8]:
    alike = np.zeros(four[k].shape, np.int8)
    for other in range(4):
        if other != k:
            alike += four[other] == four[k]
    return alike
