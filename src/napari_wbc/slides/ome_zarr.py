"""OME-Zarr 0.4 and 0.5: the first image of a folder, read chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.slides.base import StoredSlide
from napari_wbc.slides.broken import DECODING_ERRORS, reason
from napari_wbc.slides.metadata import check_channel_names, um_from_axes, um_from_unit

# Bytes, and numbers in a chunk.
_LARGEST_CHUNK, _SMALLEST_CHUNK = 1 << 30, 256


class OmeZarrSlide(StoredSlide):
    """A multiscale image of an OME-Zarr folder; axes beside y, x and c have to be of length 1.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    name : str
        What to call the slide.

    Raises
    ------
    InputError
        When it is no OME-Zarr, broken, or no colour image.
    """

    _cuts_copies = True

    def __init__(self, path: Path, name: str) -> None:
        import zarr
        from zarr.errors import ContainsArrayError, GroupNotFoundError

        no_image = InputError(f"{path}: a folder, but no OME-Zarr image")
        if not is_zarr(path):
            raise no_image
        try:
            from napari_wbc.slides.zarr_store import BoundedStore

            store = BoundedStore(path)
            multiscale, omero, group = _multiscale(zarr.open_group(store, mode="r"))
            if multiscale is None:
                raise no_image
            self._arrays = [group[entry["path"]] for entry in multiscale["datasets"]]
            for array in self._arrays:
                _check_chunks(array, path)
                store.bound(array)
            axes = [axis["name"].lower() for axis in multiscale["axes"]]
            self._axes = axes
            shape = dict(zip(axes, self._arrays[0].shape, strict=True))
            um_per_px = _um_per_px(multiscale, axes)
            names = [str(channel.get("label", "")) for channel in omero.get("channels", [])]
            shapes = [(a.shape[axes.index("y")], a.shape[axes.index("x")]) for a in self._arrays]
        except (GroupNotFoundError, ContainsArrayError, FileNotFoundError):
            raise no_image from None
        except DECODING_ERRORS as error:
            raise InputError(f"{path}: the OME-Zarr is incomplete or broken ({reason(error)})") from None
        for axis, size in shape.items():
            if axis not in "cyx" and size > 1:
                raise InputError(f"{path}: the image has {size} planes along {axis}; save the one to look at")
        check_channel_names(names, str(path))
        super().__init__(
            name=name,
            path=path,
            shapes=shapes,
            channels=shape.get("c", 1),
            dtype=np.dtype(self._arrays[0].dtype),
            um_per_px=um_per_px,
        )

    def _cut(self, level: int, y: int, x: int, height: int, width: int) -> NDArray[np.generic]:
        window = {"y": slice(y, y + height), "x": slice(x, x + width), "c": slice(None)}
        key = tuple(window.get(axis, 0) for axis in self._axes)
        try:
            pixels = np.asarray(self._arrays[level][key])
        except DECODING_ERRORS as error:
            raise InputError(
                f"{self.path}: the OME-Zarr is broken at y={y}, x={x} ({reason(error)})"
            ) from None
        kept = [axis for axis in self._axes if axis in window]
        return pixels.transpose([kept.index(axis) for axis in "yxc"])


def _check_chunks(array: Any, path: Path) -> None:
    """Refuse chunks that are decoded as a whole and fill the memory, and those that are so small that nothing ends."""
    largest, smallest = tuple(array.shards or array.chunks), tuple(array.chunks)
    if math.prod(largest) * array.dtype.itemsize > _LARGEST_CHUNK:
        raise InputError(
            f"{path}: its chunks of {largest} are too large to be read in parts; rewrite it in smaller ones"
        )
    if math.prod(smallest) < min(_SMALLEST_CHUNK, math.prod(array.shape)):
        raise InputError(
            f"{path}: its chunks of {smallest} are too small to be read; rewrite it in larger ones"
        )


def is_zarr(folder: Path) -> bool:
    """Tell whether a folder is one of Zarr, whatever is in it."""
    return any((folder / marker).is_file() for marker in ("zarr.json", ".zgroup", ".zattrs"))


def _multiscale(group: Any) -> tuple[Mapping[str, Any] | None, Mapping[str, Any], Any]:
    """Multiscale image, its omero block and its group; of the folder or of its image 0 (bioformats2raw)."""
    for candidate in (group, group.get("0")):
        if candidate is None or not hasattr(candidate, "members"):
            continue
        attributes = candidate.attrs.get("ome", candidate.attrs)
        multiscales = attributes.get("multiscales")
        if multiscales:
            return multiscales[0], attributes.get("omero") or {}, candidate
    return None, {}, group


def _um_per_px(multiscale: Mapping[str, Any], axes: list[str]) -> float | None:
    """µm per px of level 0; None without units, where a scale of 1 or a zoom factor is what is meant."""
    factors = np.ones(len(axes))
    for owner in (multiscale["datasets"][0], multiscale):
        for transformation in owner.get("coordinateTransformations") or []:
            if transformation.get("type") == "scale" and len(transformation.get("scale", ())) == len(axes):
                factors *= np.asarray(transformation["scale"], float)
    y, x = axes.index("y"), axes.index("x")
    units = [axis.get("unit") for axis in multiscale["axes"]]
    return um_from_axes(um_from_unit(float(factors[y]), units[y]), um_from_unit(float(factors[x]), units[x]))
