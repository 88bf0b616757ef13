"""Pyramids as scanners and converters write them: Aperio SVS, OME-TIFF with SubIFDs, OME-Zarr 0.4 and 0.5."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
import zarr

JPEG2000_YCC, JPEG2000_RGB = 33003, 33005


def reduced(image: np.ndarray, factor: int) -> np.ndarray:
    """Means of whole blocks; the px that fill none are left out, as Aperio's scanners do."""
    height, width = image.shape[0] // factor, image.shape[1] // factor
    blocks = image[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
    return blocks.mean(axis=(1, 3), dtype=np.float32).round().astype(np.uint8)


def ycc(image: np.ndarray) -> np.ndarray:
    """YCbCr of JPEG."""
    r, g, b = (image[..., k].astype(np.float32) for k in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    planes = y, 128 - 0.168736 * r - 0.331264 * g + 0.5 * b, 128 + 0.5 * r - 0.418688 * g - 0.081312 * b
    return np.rint(np.clip(np.stack(planes, axis=2), 0, 255)).astype(np.uint8)


def write_svs(
    path: Path,
    image: np.ndarray,
    *,
    compression: str | int = "jpeg",
    factors: tuple[int, ...] = (4, 16),
    tile: int = 240,
    mpp: str = "0.25",
    bigtiff: bool = False,
) -> Path:
    """An Aperio slide: tiled levels, the thumbnail after the first, label and macro at the end."""
    height, width = image.shape[:2]
    about = f"Aperio Image Library v12.0.15\r\n{width}x{height} [0,0 {width}x{height}] ({tile}x{tile}) Q=95"
    about += f"|AppMag = 40|MPP = {mpp}"
    plain = {"metadata": None, "software": False, "photometric": "rgb", "compression": "jpeg"}
    label = np.full((200, 300, 3), (7, 7, 200), np.uint8)
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as tif:
        write_level(tif, image, compression, tile, description=about)
        tif.write(reduced(image, max(factors)), description=f"{about}\r\nthumbnail", **plain)
        for factor in factors:
            write_level(tif, reduced(image, factor), compression, tile, description=about)
        tif.write(label, description="Aperio Image Library v12\r\nlabel 300x200", subfiletype=1, **plain)
        tif.write(label, description="Aperio Image Library v12\r\nmacro 300x200", subfiletype=9, **plain)
    return path


def write_ome_tiff(
    path: Path,
    image: np.ndarray,
    *,
    compression: str | int = "jpeg",
    factors: tuple[int, ...] = (2, 4, 8),
    tile: int = 256,
    um_per_px: float = 0.25,
    bigtiff: bool = True,
) -> Path:
    """An OME-TIFF with its coarser levels in SubIFDs."""
    sizes = {f"PhysicalSize{axis}": um_per_px for axis in "XY"}
    with tifffile.TiffWriter(path, ome=True, bigtiff=bigtiff) as tif:
        metadata = {"axes": "YXS", **sizes}
        write_level(tif, image, compression, tile, subifds=len(factors), metadata=metadata)
        for factor in factors:
            write_level(tif, reduced(image, factor), compression, tile, subfiletype=1)
    return path


def write_level(
    tif: tifffile.TiffWriter, image: np.ndarray, compression: str | int, tile: int, **options: Any
) -> None:
    """One tiled page; JPEG 2000 tiles are packed here, in the colours that their number stands for."""
    options = {"metadata": None, "software": False, **options}
    if isinstance(compression, str):
        arguments = {"compressionargs": {"level": 95}} if compression == "jpeg" else {}
        tif.write(
            image, tile=(tile, tile), compression=compression, photometric="rgb", **arguments, **options
        )
        return
    colours = {JPEG2000_YCC: "ycbcr"}.get(compression, "rgb")
    tif.write(
        _jpeg2000_tiles(ycc(image) if colours == "ycbcr" else image, tile),
        shape=image.shape,
        dtype=np.uint8,
        tile=(tile, tile),
        compression=compression,
        photometric=colours,
        **options,
    )


def _jpeg2000_tiles(image: np.ndarray, tile: int) -> Iterator[bytes]:
    for y in range(0, image.shape[0], tile):
        for x in range(0, image.shape[1], tile):
            part = image[y : y + tile, x : x + tile]
            missing = (0, tile - part.shape[0]), (0, tile - part.shape[1]), (0, 0)
            full = np.ascontiguousarray(np.pad(part, missing, mode="edge"))
            yield imagecodecs.jpeg2k_encode(full, codecformat="j2k", reversible=True, mct=False)


def write_ome_zarr(
    path: Path,
    image: np.ndarray,
    *,
    version: str = "0.5",
    factors: tuple[int, ...] = (2, 4, 8),
    um_per_px: float = 0.25,
) -> Path:
    """An OME-Zarr with axes c, y, x; 0.4 lies in Zarr 2, 0.5 in Zarr 3."""
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    datasets = []
    for index, factor in enumerate((1, *factors)):
        level = np.moveaxis(reduced(image, factor), 2, 0)
        chunks = (1, min(256, level.shape[1]), min(256, level.shape[2]))
        array = group.create_array(str(index), shape=level.shape, chunks=chunks, dtype=level.dtype)
        array[:] = level
        scale = {"type": "scale", "scale": [1.0, um_per_px * factor, um_per_px * factor]}
        datasets.append({"path": str(index), "coordinateTransformations": [scale]})
    space = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
    multiscale = {"axes": [{"name": "c", "type": "channel"}, *space], "datasets": datasets, "name": "smear"}
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    else:
        group.attrs["multiscales"] = [{**multiscale, "version": "0.4"}]
    return path
