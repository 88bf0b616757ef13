"""The SHA-256 that ties results to the image they came from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from napari_wbc.errors import InputError, system_reason
from napari_wbc.execution.progress import CancelToken
from napari_wbc.slides.array import ArraySlide
from napari_wbc.slides.slide import Slide

_BLOCK = 1 << 20


def image_sha256(slide: Slide, *, cancel: CancelToken | None = None) -> str:
    """SHA-256 of a slide's file or array.

    Parameters
    ----------
    slide : Slide
        An open slide.
    cancel : CancelToken, optional
        Looked at after every block.

    Returns
    -------
    str
        64 hexadecimal digits. A file: of its bytes, as ``sha256sum`` prints it. A folder (OME-Zarr): of its
        files in the order of their relative paths, each path before its bytes; likewise an MRXS file and the
        folder beside it. Of a DICOM, VMS or VMU slide only the file that is named counts. An array: of its type and
        shape, then its pixels row by row.

    Raises
    ------
    InputError
        When the file is gone or cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_wbc.slides import image_sha256, open_slide
    >>> image_sha256(open_slide(np.full((2, 2, 3), 255, np.uint8)))[:8]
    '02454e52'
    """
    digest = _Digest(cancel or CancelToken())
    if isinstance(slide, ArraySlide):
        _add_array(digest, slide.arrays[0])
        return digest.hexdigest()
    path = slide.path
    if path is None:
        _add_slide(digest, slide)
        return digest.hexdigest()
    try:
        if path.is_file() and path.suffix.lower() != ".mrxs":
            _add_file(digest, path)
        else:
            folder = path if path.is_dir() else path.with_suffix("")
            files = sorted(
                (f for f in folder.rglob("*") if f.is_file()), key=lambda f: f.relative_to(folder).as_posix()
            )
            for file in files if path.is_dir() else [path, *files]:
                digest.update(file.relative_to(path.parent).as_posix().encode() + b"\0")
                _add_file(digest, file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({system_reason(error)})") from None
    return digest.hexdigest()


class _Digest:
    """A SHA-256 that can be cancelled."""

    def __init__(self, cancel: CancelToken) -> None:
        self._sha256 = hashlib.sha256()
        self._cancel = cancel

    def update(self, block: bytes) -> None:
        self._cancel.check()
        self._sha256.update(block)

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


def _add_file(digest: _Digest, path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)


def _add_array(digest: _Digest, array: Any) -> None:
    digest.update(f"{np.dtype(array.dtype).str} {tuple(array.shape)}".encode())
    rows = max(1, _BLOCK * 16 // max(1, int(np.prod(array.shape[1:])) * np.dtype(array.dtype).itemsize))
    for y in range(0, array.shape[0], rows):
        digest.update(np.ascontiguousarray(array[y : y + rows]).tobytes())


def _add_slide(digest: _Digest, slide: Slide) -> None:
    """For slides of other makers that have neither a path nor an array: their 8-bit pixels."""
    height, width = slide.shape
    digest.update(f"|u1 {(height, width, 3)}".encode())
    for y in range(0, height, 256):
        digest.update(slide.read(0, y, 0, min(256, height - y), width).tobytes())
