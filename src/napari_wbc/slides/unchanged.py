"""Whether the file of a slide is still the one that was opened: pixels of two images must not end in one result."""

from __future__ import annotations

import hashlib
from pathlib import Path

from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.slides.slide import Slide


class FileChangedError(InputError):
    """The file of a slide was written to while it was read."""


def file_state(path: Path) -> tuple[object, ...]:
    """Give what changes when a file is written to or replaced, without reading it.

    Parameters
    ----------
    path : pathlib.Path
        A file, or a folder with files.

    Returns
    -------
    tuple
        Of a file its number in the file system, its size and when it was written; of a folder a fingerprint of the
        names, sizes and times of its files.
    """
    if not path.is_dir():
        found = path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        found = file.stat()
        digest.update(f"{file.relative_to(path)}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return (digest.hexdigest(),)


class FileWatch:
    """Tells when the file of a slide is another than the one that was opened.

    Parameters
    ----------
    slide : Slide
        A file counts from when it was opened, a folder from now; an array cannot change.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_wbc.slides import open_slide
    >>> FileWatch(open_slide(np.full((2, 2, 3), 255, np.uint8))).check()
    """

    def __init__(self, slide: Slide) -> None:
        self._slide = slide
        self._state = getattr(slide, "as_opened", None)
        if self._state is None and slide.path is not None:
            self._state = self._now(slide.path)
        self._is_folder = slide.path is not None and slide.path.is_dir()

    def check(self, sha256: str = "", *, quick: bool = False, cancel: CancelToken | None = None) -> None:
        """Compare the file with what it was.

        Parameters
        ----------
        sha256 : str, optional
            Of the file when it was opened, as :func:`napari_wbc.slides.image_sha256` gives it. With it, a file that
            was only moved or copied back counts as the same.
        quick : bool, optional
            Leave folders alone, which may hold very many files.
        cancel : CancelToken, optional
            Stops the reading of a file that looks changed.

        Raises
        ------
        FileChangedError
            It is another one.
        """
        from napari_wbc.slides.fingerprint import image_sha256

        path = self._slide.path
        if path is None or (quick and self._is_folder):
            return
        now = self._now(path)
        if now == self._state or (now and sha256 and image_sha256(self._slide, cancel=cancel) == sha256):
            return
        raise FileChangedError(
            f"{path}: the file was changed or replaced while it was read; start again when nothing writes to it"
        )

    @staticmethod
    def _now(path: Path) -> tuple[object, ...]:
        try:
            return file_state(path)
        except OSError:  # gone; whoever reads it says why
            return ()
