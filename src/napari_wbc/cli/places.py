"""Where results go: checked before the work starts."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_wbc.errors import OutputError

if TYPE_CHECKING:
    import pandas as pd


def writable_folder(folder: Path) -> None:
    """Make a folder and try to write to it.

    Raises
    ------
    OutputError
        It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = (
            "a file is in the way"
            if isinstance(error, FileExistsError | NotADirectoryError)
            else error.strerror
        )
        raise OutputError(
            f"{folder}: results cannot be written there ({reason or error}); give another folder"
        ) from None


def writable_file(path: Path) -> None:
    """Make a file's folder and try to write to it.

    Raises
    ------
    OutputError
        It cannot be written to, or the file's name is that of a folder.
    """
    if path.is_dir():
        raise OutputError(f"{path}: this is a folder; give the name of a file")
    writable_folder(path.parent)


def result_folders(images: Sequence[str], out: Path) -> dict[str, Path]:
    """Give every image a folder of its own.

    Parameters
    ----------
    images : sequence of str
        As given by the user; an image that is named twice counts once.
    out : pathlib.Path
        The folder for all of them.

    Returns
    -------
    dict of str to pathlib.Path
        ``out/<stem>``. Images with the same stem get the whole file name, then a number: none overwrites another.
    """
    from napari_wbc.slides.open import stem_of

    paths: dict[str, Path] = {}
    for image in images:
        path = Path(image).expanduser().absolute()
        if path not in paths.values():
            paths[image] = path
    stems = [stem_of(path).lower() for path in paths.values()]
    folders: dict[str, Path] = {}
    taken: set[str] = set()
    for (image, path), stem in zip(paths.items(), stems, strict=True):
        base = stem_of(path) if stems.count(stem) == 1 else path.name
        name, number = base, 1
        # Lower case: some file systems take "A" and "a" for the same folder.
        while name.lower() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.lower())
        folders[image] = out / name
    return folders


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    from napari_wbc.execution.atomic import atomic_path

    try:
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.9g")
    except OSError as error:
        raise OutputError(f"{path}: the table cannot be written ({error.strerror or error})") from None
