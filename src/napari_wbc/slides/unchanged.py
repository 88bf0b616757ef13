"""Whether the file of a slide is still the one that was opened: pixels of two images must not end in one result."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.slides.slide import Slide


class FileChangedError(InputError):
    """The file of a slide was written to while it was read."""


def file_state(path: Path, *, folders: bool = True) -> tuple[object, ...]:
    """Give what changes when a file is written to or replaced, without reading it.

    Parameters
    ----------
    path : pathlib.Path
        A file, or a folder with files.
    folders : bool, optional
        Whether to look into a folder, which may hold very many files.

    Returns
    -------
    tuple
        Of a file its number in the file system, its size and when it was written; of a folder a fingerprint of the
        names, sizes and times of its files. Empty where it cannot be looked at.
    """
    try:
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode):
            return found.st_ino, found.st_size, found.st_mtime_ns
        digest = hashlib.sha256()
        for file in sorted(path.rglob("*")) if folders else ():
            found = file.stat()
            digest.update(f"{file.relative_to(path)}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
        return (digest.hexdigest(),) if folders else ()
    except (OSError, ValueError):
        return ()


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
        self._state: tuple[object, ...] = getattr(slide, "as_opened", ())
        if not self._state and slide.path is not None:
            self._state = file_state(slide.path)

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
        if path is None:
            return
        now = file_state(path, folders=not quick)
        # One that is gone is still read where it was opened; whoever needs to open it again says so.
        if now in ((), self._state):
            return
        if sha256 and image_sha256(self._slide, cancel=cancel) == sha256:
            self._state = now
            return
        raise FileChangedError(
            f"{path}: the file was changed or replaced while it was read; start again when nothing writes to it"
        )
