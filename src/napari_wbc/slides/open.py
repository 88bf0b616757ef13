"""One door for every kind of slide: what a file is follows from its first bytes, not from its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_wbc.errors import InputError, system_reason
from napari_wbc.slides.array import ArraySlide
from napari_wbc.slides.base import StoredSlide
from napari_wbc.slides.slide import Slide
from napari_wbc.slides.unchanged import file_state

READABLE = "PNG, JPEG, BMP, WebP, TIFF, OME-TIFF, OME-Zarr, SVS, NDPI, MRXS, SCN, BIF or DICOM"

# Openslide reads these. They begin like a TIFF or, with the pixels in other files, like a JPEG or a text, so that
# here the name has a say.
TIFF_SUFFIXES = (".svs", ".ndpi", ".scn", ".bif")
OPENSLIDE_SUFFIXES = (*TIFF_SUFFIXES, ".mrxs", ".vms", ".vmu", ".svslide", ".czi")


def open_slide(source: Any, *, name: str | None = None) -> Slide:
    """Open a smear image of any kind and size.

    Parameters
    ----------
    source : str, pathlib.Path, numpy.ndarray, dask.array.Array, list of arrays or Slide
        A file (PNG, JPEG, BMP, WebP, TIFF, OME-TIFF, SVS, NDPI, MRXS, SCN, BIF, or one of those of a DICOM slide),
        an OME-Zarr folder, an array of shape (height, width, 3 or 4), or a list of such arrays from fine to coarse.
        A slide is returned as it is. Pixels are uint8, uint16 or float in 0..1; 16 bits become 8 by the depth that
        is really used (10, 12, 14 or 16 bits, from the metadata or the brightest pixels); RGBA is laid on white.
    name : str, optional
        What to call the slide; the file's stem (or "image") otherwise.

    Returns
    -------
    Slide
        Large files are read window by window.

    Raises
    ------
    InputError
        When there is no such file, it is broken, or no colour image.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_wbc.slides import open_slide
    >>> slide = open_slide(np.full((480, 640, 3), 230, np.uint8), name="blank")
    >>> slide.shape, slide.read(0, 0, 0, 2, 2).shape
    ((480, 640), (2, 2, 3))
    """
    if isinstance(source, (str, Path)):
        path = Path(source).expanduser()
        before = file_state(path, folders=False)
        slide = _open_path(path, name or stem_of(path))
        slide.as_opened = before
        _refuse_grey(slide)
        return slide
    if isinstance(source, Slide):
        return source
    levels = list(source) if isinstance(source, (list, tuple)) else [source]
    if not levels or not all(hasattr(level, "shape") and hasattr(level, "dtype") for level in levels):
        raise InputError(f"a {type(source).__name__} is no image; give a path or an array (height, width, 3)")
    slide = ArraySlide(levels, name or "image")
    if isinstance(levels[-1], np.ndarray):
        _refuse_grey(slide)
    return slide


def stem_of(path: Path) -> str:
    r"""Name of a slide: the file's name without its ending, also without double ones like ``.ome.tif``.

    Parameters
    ----------
    path : pathlib.Path
        File or folder.

    Returns
    -------
    str
        Never empty. What cannot be printed (a line end, a command to a terminal, half a letter of UTF-8) is ``_``: the
        name becomes that of a folder, and stands in tables and pages.

    Examples
    --------
    >>> stem_of(Path("smear 7.ome.tif")), stem_of(Path("two\tlines.png"))
    ('smear 7', 'two_lines')
    """
    stem = path.stem
    stem = stem[:-4] if stem.lower().endswith(".ome") and len(stem) > 4 else stem or path.resolve().name
    return "".join(c if c.isprintable() else "_" for c in stem)


def _open_path(path: Path, name: str) -> StoredSlide:
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if path.is_dir():
            from napari_wbc.slides.ome_zarr import OmeZarrSlide

            return OmeZarrSlide(path, name)
        with path.open("rb") as file:
            head = file.read(132)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({system_reason(error)})") from None
    if not head:
        raise InputError(f"{path}: the file is empty (0 bytes)")
    kind = kind_of(path, head)
    if kind == "whole slide":
        from napari_wbc.slides.whole_slide import open_whole_slide

        return open_whole_slide(path, name)
    if kind == "tiff":
        from napari_wbc.slides.tiff import TiffSlide

        return TiffSlide(path, name)
    if kind == "raster":
        from napari_wbc.slides.raster import RasterSlide

        return RasterSlide(path, name)
    raise InputError(f"{path}: not an image that can be read; give {READABLE}")


def kind_of(path: Path, head: bytes) -> Literal["whole slide", "tiff", "raster"] | None:
    """Tell who reads a file.

    Parameters
    ----------
    path : pathlib.Path
        The file; only its name is looked at.
    head : bytes
        Its first 132 bytes.

    Returns
    -------
    str or None
        None where nobody does.
    """
    tiff = head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    suffix = path.suffix.lower()
    dicom = head[128:132] == b"DICM"
    if dicom or (suffix in OPENSLIDE_SUFFIXES and (tiff or suffix not in TIFF_SUFFIXES)):
        return "whole slide"
    if tiff:
        return "tiff"
    if (
        head[:8] == b"\x89PNG\r\n\x1a\n"
        or head[:3] == b"\xff\xd8\xff"
        or head[:2] == b"BM"
        or head[8:12] == b"WEBP"
    ):
        return "raster"
    return None


def _refuse_grey(slide: StoredSlide) -> None:
    """Refuse grey images that are stored as RGB; a blank one is fine, it only has no cells."""
    level = len(slide.levels) - 1
    darkest, brightest = 255, 0
    for window in slide.sample_windows(level):
        sample = slide.read(level, *window)
        if np.any(sample[..., 0] != sample[..., 1]) or np.any(sample[..., 1] != sample[..., 2]):
            return
        darkest, brightest = min(darkest, int(sample.min())), max(brightest, int(sample.max()))
    if brightest - darkest > 25:
        raise InputError(
            f"{slide.path or slide.name}: the image is grey (three equal channels); "
            "a stained smear in colour is needed"
        )
