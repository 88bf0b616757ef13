"""Which images a folder holds."""

from __future__ import annotations

import re
from pathlib import Path

from napari_wbc.errors import InputError, system_reason
from napari_wbc.slides.ome_zarr import is_zarr
from napari_wbc.slides.open import OPENSLIDE_SUFFIXES, kind_of

#: Files of these names are images, or ought to be: what is wrong with one of them has to be said.
IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".dcm"),
    *OPENSLIDE_SUFFIXES,
)
_HEAD_BYTES = 132
# Hamamatsu's text files, which name the images of a slide line by line.
_NAMING_SUFFIXES, _NAMING_BYTES = (".vms", ".vmu"), 1 << 20
# Series Instance UID with its type, as it stands in the first part of a DICOM file.
_DICOM_SERIES = re.compile(rb"\x20\x00\x0e\x00UI(..)", re.DOTALL)
_DICOM_HEAD_BYTES = 65_536


def images_in(folder: str | Path) -> list[Path]:
    """List the images of a folder: the files that can be read, and the OME-Zarr folders.

    Parameters
    ----------
    folder : str or Path
        Where to look; other folders in it are not looked into.

    Returns
    -------
    list of pathlib.Path
        In the order of their names, ``field2`` before ``field10``. Files that are named like an image but are none
        are among them. A DICOM slide of several files is there once, and the JPEG files that a VMS or VMU slide
        consists of are not there on their own.

    Raises
    ------
    InputError
        The folder cannot be read.
    """
    folder = Path(folder)
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith(".") and _is_image(path)]
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read ({system_reason(error)})") from None
    parts = {name for path in found for name in _parts(path)}
    images, series_there = [], set()
    for path in sorted(found, key=_by_name):
        if path.name.lower() in parts:
            continue
        series = _dicom_series(path)
        if series is None or series not in series_there:
            images.append(path)
        series_there.add(series)
    return images


def _is_image(path: Path) -> bool:
    if path.is_dir():
        return is_zarr(path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return True
    head = _head(path, _HEAD_BYTES)
    # Two letters are no sign of a BMP in a file of another name: a text may begin with them.
    return kind_of(path, head) is not None and not head.startswith(b"BM")


def _by_name(path: Path) -> list[tuple[int, str]]:
    """Give a key that sorts numbers within names by their value."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _dicom_series(path: Path) -> bytes | None:
    """Give the series that a DICOM file belongs to; its files are the levels of one slide."""
    suffix = path.suffix.lower()
    if path.is_dir() or (suffix in IMAGE_SUFFIXES and suffix != ".dcm"):
        return None
    head = _head(path, _DICOM_HEAD_BYTES)
    if head[128:132] != b"DICM":
        return None
    tag = _DICOM_SERIES.search(head)
    return None if tag is None else head[tag.end() : tag.end() + int.from_bytes(tag[1], "little")]


def _parts(path: Path) -> set[str]:
    """Give the names, in lower case, of the files that a slide names as its parts."""
    if path.suffix.lower() not in _NAMING_SUFFIXES or not path.is_file():
        return set()
    text = _head(path, _NAMING_BYTES).decode("latin-1")
    values = (line.partition("=")[2].strip() for line in text.splitlines())
    return {value.lower() for value in values if Path(value).suffix} - {path.name.lower()}


def _head(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""
