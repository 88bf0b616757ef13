"""NDPI, MRXS, SCN, BIF, DICOM and uncommon SVS through openslide (extra ``wsi``)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError, system_reason
from napari_wbc.slides.base import StoredSlide
from napari_wbc.slides.broken import reason
from napari_wbc.slides.metadata import um_from_axes, um_from_unit
from napari_wbc.slides.tiff import TiffSlide
from napari_wbc.slides.tiff_claims import tags_fit, tiles_fit

_BLOCK = 1024
_CACHED_BLOCKS = 16


class WholeSlide(StoredSlide):
    """A slide of a whole-slide scanner. Its label and macro images and its descriptions are never read.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str
        What to call the slide.

    Raises
    ------
    InputError
        When openslide cannot read it.
    """

    def __init__(self, path: Path, name: str) -> None:
        import openslide

        if not _asked(tiles_fit, path):
            raise InputError(
                f"{path}: the file is truncated or broken (a tile is too large, or lies beyond the end of the file)"
            )
        self._broken = openslide.OpenSlideError
        try:
            self._slide = openslide.OpenSlide(path)
        except (openslide.OpenSlideError, OSError) as error:
            raise InputError(
                f"{path}: not a slide that openslide can read, or broken ({reason(error)})"
            ) from None
        self._downsamples = self._slide.level_downsamples
        self._blocks: OrderedDict[tuple[int, int, int], NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()
        scale = [
            um_from_unit(float(self._slide.properties.get(key, "nan")), "µm")
            for key in (openslide.PROPERTY_NAME_MPP_Y, openslide.PROPERTY_NAME_MPP_X)
        ]
        super().__init__(
            name=name,
            path=path,
            shapes=[(height, width) for width, height in self._slide.level_dimensions],
            channels=4,
            dtype=np.dtype(np.uint8),
            um_per_px=um_from_axes(scale[0], scale[1]),
        )

    def _cut(self, level: int, y: int, x: int, height: int, width: int) -> NDArray[np.generic]:
        if float(self._downsamples[level]).is_integer():
            return self._region(level, y, x, height, width)
        # Openslide takes whole level-0 px as the corner and interpolates the rest, so that a px would depend on
        # the window that it is read in. Windows are put together from fixed blocks instead.
        out = np.empty((height, width, 4), np.uint8)
        for row in range(y // _BLOCK, (y + height - 1) // _BLOCK + 1):
            for column in range(x // _BLOCK, (x + width - 1) // _BLOCK + 1):
                block = self._block(level, row, column)
                top, left = row * _BLOCK, column * _BLOCK
                y0, x0 = max(y, top), max(x, left)
                y1, x1 = min(y + height, top + _BLOCK), min(x + width, left + _BLOCK)
                out[y0 - y : y1 - y, x0 - x : x1 - x] = block[y0 - top : y1 - top, x0 - left : x1 - left]
        return out

    def _block(self, level: int, row: int, column: int) -> NDArray[np.uint8]:
        key = (level, row, column)
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return self._blocks[key]
        rows, columns = self.levels[level].shape
        top, left = row * _BLOCK, column * _BLOCK
        block = self._region(level, top, left, min(_BLOCK, rows - top), min(_BLOCK, columns - left))
        with self._lock:
            self._blocks[key] = block
            if len(self._blocks) > _CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        return block

    def _region(self, level: int, y: int, x: int, height: int, width: int) -> NDArray[np.uint8]:
        downsample = self._downsamples[level]
        corner = round(x * downsample), round(y * downsample)
        try:
            return np.asarray(self._slide.read_region(corner, level, (width, height)))
        except (self._broken, OSError) as error:
            raise InputError(
                f"{self.path}: the slide is broken at y={y}, x={x} of level {level} ({reason(error)})"
            ) from None

    def close(self) -> None:
        """Let go of the file."""
        self._slide.close()


def open_whole_slide(path: Path, name: str) -> StoredSlide:
    """Open a scanner's slide.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str
        What to call the slide.

    Returns
    -------
    WholeSlide or TiffSlide
        An SVS is read as the TIFF that it is: in a quarter of openslide's time, and without interpolation
        where the sides of the levels are no whole parts of the slide's. Openslide gets what is left.

    Raises
    ------
    InputError
        When it cannot be read, or needs openslide and that is not installed.
    """
    if not _asked(tags_fit, path):
        raise InputError(f"{path}: the file is broken (a tag claims more than the file holds)")
    refused = None
    if path.suffix.lower() == ".svs":
        try:
            tiff = TiffSlide(path, name)
            tiff.read(0, 0, 0, 1, 1)
        except InputError as error:
            refused = error
        else:
            return tiff
    try:
        import openslide
    except ImportError:
        raise refused or InputError(
            f"{path}: this kind of slide needs openslide; install it with: pip install 'napari-wbc[wsi]'"
        ) from None
    if refused is None:
        return WholeSlide(path, name)
    if openslide.OpenSlide.detect_format(path) is None:
        raise refused
    slide = None
    try:
        slide = WholeSlide(path, name)
        # Openslide opens truncated files too; they end before their last px.
        slide.read(0, slide.shape[0] - 1, slide.shape[1] - 1, 1, 1)
    except InputError:
        if slide is not None:
            slide.close()
        raise refused from None
    return slide


def _asked(fit: Callable[[Path], bool], path: Path) -> bool:
    try:
        return fit(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({system_reason(error)})") from None
