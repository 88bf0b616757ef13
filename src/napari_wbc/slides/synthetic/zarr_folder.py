"""OME-Zarr 0.4 with multiscales, written one row of chunks at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from napari_wbc.slides.synthetic.parameters import SmearParameters
from napari_wbc.slides.synthetic.reduction import Reduction, Strip, level_shapes

_CHUNK_PX = 512


def write_ome_zarr(path: Path, parameters: SmearParameters, strips: Callable[[int], Iterator[Strip]]) -> None:
    """Write a folder with one array ``(c, y, x)`` per level and the scale in its metadata."""
    import zarr

    p = parameters
    shapes = level_shapes((p.height, p.width))
    group = zarr.open_group(path, mode="w", zarr_format=2)
    arrays = [
        group.create_array(
            str(level),
            shape=(3, *shape),
            chunks=(3, min(_CHUNK_PX, shape[0]), min(_CHUNK_PX, shape[1])),
            dtype=np.uint8,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        for level, shape in enumerate(shapes)
    ]
    group.attrs.update(_metadata(p, shapes))

    def put(level: int, y: int, strip: Strip) -> None:
        arrays[level][:, y : y + len(strip)] = np.moveaxis(strip, 2, 0)

    reduction = Reduction(shapes, _CHUNK_PX, put)
    y = 0
    for strip in strips(_CHUNK_PX):
        put(0, y, strip)
        reduction.add(strip)
        y += len(strip)
    reduction.finish()


def _metadata(p: SmearParameters, shapes: list[tuple[int, int]]) -> dict[str, object]:
    axes: list[dict[str, str]] = [{"name": "c", "type": "channel"}]
    axes += [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
    datasets = []
    for level, (height, width) in enumerate(shapes):
        scale = [1.0, p.um_per_px * p.height / height, p.um_per_px * p.width / width]
        datasets.append(
            {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        )
    channels = [
        {
            "label": name,
            "color": colour,
            "active": True,
            "window": {"min": 0, "max": 255, "start": 0, "end": 255},
        }
        for name, colour in (("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF"))
    ]
    return {
        "multiscales": [{"version": "0.4", "name": "synthetic smear", "axes": axes, "datasets": datasets}],
        "omero": {"version": "0.4", "channels": channels, "rdefs": {"model": "color"}},
    }
