"""TIFF, OME-TIFF and SVS through tifffile, read window by window."""

from __future__ import annotations

import logging
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.slides.base import StoredSlide
from napari_wbc.slides.broken import DECODING_ERRORS, reason
from napari_wbc.slides.metadata import (
    OmePixels,
    check_channel_names,
    um_from_aperio,
    um_from_axes,
    um_from_resolution,
    um_from_unit,
)
from napari_wbc.slides.tiff_frames import check_frames
from napari_wbc.slides.tiff_segments import APERIO_YCC, JPEG, PageWindows, SegmentFile

# What tifffile logs about broken files would reach the terminal beside our one plain line.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_RESOLUTION_UNIT_UM = {2: 25400.0, 3: 10000.0}


class TiffSlide(StoredSlide):
    """The first image of a TIFF, with its pyramid; labels, macros and thumbnails are left alone.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str
        What to call the slide.

    Raises
    ------
    InputError
        When it is broken, truncated, no single colour image, or in colours other than RGB.
    """

    _cuts_copies = True

    def __init__(self, path: Path, name: str) -> None:
        import tifffile

        self._file = SegmentFile(path)
        try:
            with tifffile.TiffFile(path) as tif:
                _check_pages(tif, path)
                check_frames(tif, path)
                series = tif.series[0]
                _check_series(series, path)
                levels = _levels(tif, series, path)
                self._levels = [
                    [PageWindows(self._file, page, level) for page in pages]
                    for level, pages in enumerate(levels)
                ]
                first = levels[0][0].keyframe
                self._associated = tuple(first.extrasamples) == (1,)
                um_per_px, bits = _facts(tif, first, path)
        except DECODING_ERRORS as error:
            self._file.close()
            raise InputError(f"{path}: the TIFF is truncated or broken ({reason(error)})") from None
        except InputError:
            self._file.close()
            raise
        windows = self._levels[0]
        channels = sum(w.planes * w.samples for w in windows)
        if len(windows) > 3:
            raise InputError(f"{path}: the image has {len(windows)} channels; RGB or RGBA is needed")
        # A fourth sample that is not said to be alpha is no part of the image.
        alpha = tuple(first.extrasamples) in ((1,), (2,))
        self._channels = 3 if channels == 4 and not alpha else channels
        super().__init__(
            name=name,
            path=path,
            shapes=[(pages[0].rows, pages[0].columns) for pages in self._levels],
            channels=self._channels,
            dtype=windows[0].dtype,
            um_per_px=um_per_px,
            bits=bits,
        )

    def _cut(self, level: int, y: int, x: int, height: int, width: int) -> NDArray[np.generic]:
        planes = [page.cut(y, x, height, width) for page in self._levels[level]]
        pixels = planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)
        pixels = pixels[..., : self._channels]
        if self._associated and np.issubdtype(pixels.dtype, np.integer) and pixels.shape[2] == 4:
            # Colours were multiplied by alpha already: only the white behind them is missing.
            behind = np.invert(pixels[..., 3:])
            return np.add(pixels[..., :3], behind, dtype=pixels.dtype)
        return pixels

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _check_pages(tif: Any, path: Path) -> None:
    """Refuse a file that ends before its last page: tifffile goes on without the levels that are lost."""
    handle, layout, seen = tif.filehandle, tif.tiff, set()
    handle.seek(8 if layout.is_bigtiff else 4)
    while not layout.is_ndpi:
        (offset,) = struct.unpack(layout.offsetformat, handle.read(layout.offsetsize))
        if offset == 0 or offset in seen:
            break
        if offset >= handle.size:
            raise InputError(f"{path}: the file is truncated (its pages go on beyond its end)")
        seen.add(offset)
        handle.seek(offset)
        (tags,) = struct.unpack(layout.tagnoformat, handle.read(layout.tagnosize))
        handle.seek(offset + layout.tagnosize + tags * layout.tagsize)


def _check_series(series: Any, path: Path) -> None:
    """Refuse stacks, and colours that are stored in another way than RGB."""
    for axis, size in zip(series.axes, series.shape, strict=True):
        if axis not in "YXSC" and size > 1:
            raise InputError(f"{path}: the file holds {size} images or focal planes; save the one to look at")
    page = series.pages[0]
    if page is None or any(p is None for p in series.pages):
        raise InputError(f"{path}: the file is truncated or broken (a page is missing)")
    photometric, compression = int(page.keyframe.photometric), int(page.keyframe.compression)
    if photometric == 3:
        raise InputError(f"{path}: the colours come from a palette; save the image as RGB")
    # Aperio's 33003 holds YCbCr whatever it says, and is turned into RGB as it is decoded.
    if photometric in (5, 8, 9, 10) or (photometric == 6 and compression not in (*JPEG, APERIO_YCC)):
        raise InputError(f"{path}: the colours are not stored as RGB; save the image as RGB")


def _levels(tif: Any, series: Any, path: Path) -> list[list[Any]]:
    """Pages of each level, from the finest to the coarsest."""
    if any(page.parent.filehandle.path != tif.filehandle.path for page in series.pages):
        raise InputError(f"{path}: the OME-TIFF is spread over several files; save it as one")
    finest = series.keyframe
    levels = [list(series.pages)]
    for level in series.levels[1:]:
        page = level.keyframe
        # Tifffile goes by the proportions alone, which a label or a thumbnail may share.
        if page.is_reduced or page.is_subifd or (page.is_tiled and finest.is_tiled):
            levels.append(list(level.pages))
    expected = int(
        np.prod([n for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "YXS"])
    )
    if any(len(pages) != expected for pages in levels):
        raise InputError(f"{path}: the file is truncated or broken (it lacks pages)")
    return levels


def _facts(tif: Any, page: Any, path: Path) -> tuple[float | None, int | None]:
    """µm per px and bit depth, as far as the file states them."""
    bits = int(page.bitspersample) if 8 < int(page.bitspersample) < 16 else None
    um_per_px = None
    if tif.is_ome:
        ome = OmePixels(tif.ome_metadata or "")
        check_channel_names(ome.channel_names, str(path))
        um_per_px = ome.um_per_px
        bits = bits or ome.significant_bits
    elif tif.is_svs:
        um_per_px = um_from_aperio(page.description)
    x_per_unit, y_per_unit = (float(n) for n in page.resolution)
    if um_per_px is None and x_per_unit > 0 and y_per_unit > 0:
        if tif.is_imagej:
            unit = (tif.imagej_metadata or {}).get("unit")
            um_per_px = um_from_axes(um_from_unit(1 / y_per_unit, unit), um_from_unit(1 / x_per_unit, unit))
        if um_per_px is None and int(page.resolutionunit) in _RESOLUTION_UNIT_UM:
            unit_um = _RESOLUTION_UNIT_UM[int(page.resolutionunit)]
            um_per_px = um_from_resolution(y_per_unit, x_per_unit, unit_um)
    return um_per_px, bits
