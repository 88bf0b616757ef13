"""The folder of results of one slide: complete or not there."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_wbc.cell_table import write_cells_csv
from napari_wbc.errors import OutputError, printable, system_reason
from napari_wbc.exchange.formats import FORMATS, Contents, Format
from napari_wbc.execution.atomic import atomic_folder
from napari_wbc.execution.progress import CancelToken, cancelled_by
from napari_wbc.masks import CellMask
from napari_wbc.slides.unchanged import FileWatch

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential
    from napari_wbc.slides import Slide

#: What a folder of results holds.
FILES = (
    "cells.csv",
    "differential.csv",
    "differential.json",
    "report.html",
    "overlay.png",
    "cells.geojson",
    "run.json",
)
#: What systems leave in a folder that somebody looked at.
_LEFT_BY_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")
#: The longer side of overlay.png and of the report's overview, px.
OVERVIEW_PX = 4000


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
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a file is in the way" if in_the_way else system_reason(error)
        raise OutputError(
            f"{folder}: results cannot be written there ({reason}); give another folder"
        ) from None


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
        # The method of Path raises an error about the name ~smear.png.
        path = Path(os.path.expanduser(image)).absolute()  # noqa: PTH111
        if path not in paths.values():
            paths[image] = path
    stems = [stem_of(path).lower() for path in paths.values()]
    folders: dict[str, Path] = {}
    taken: set[str] = set()
    for (image, path), stem in zip(paths.items(), stems, strict=True):
        base = stem_of(path) if stems.count(stem) == 1 else printable(path.name).replace("\\", "_")
        name, number = base, 1
        # Lower case: some file systems take "A" and "a" for the same folder.
        while name.lower() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.lower())
        folders[image] = out / name
    return folders


def journal_of(folder: Path) -> Path:
    """Give the file beside a folder of results in which finished tiles are noted until the folder is there."""
    return folder.with_name(f"{folder.name}.journal")


def check_folder(folder: str | Path) -> Path:
    """Make sure that results can be written to a folder, before the work starts.

    Parameters
    ----------
    folder : str or Path
        Where the results shall go; it need not exist yet.

    Returns
    -------
    pathlib.Path
        The folder. Its parent exists now.

    Raises
    ------
    OutputError
        The place cannot be written to, or it holds files that are not results.
    """
    folder = Path(folder)
    parent = folder.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=parent):
            pass
        if not folder.exists():
            return folder
        if not folder.is_dir():
            raise OutputError(f"{folder}: this is a file; give a folder for the results")
        foreign = sorted(item.name for item in folder.iterdir() if not _is_result(item))
    except OSError as error:
        raise OutputError(
            f"{folder}: results cannot be written there ({system_reason(error)}); give another folder"
        ) from None
    if foreign:
        raise OutputError(
            f"{folder}: left alone, for it holds {foreign[0]!r}, which is no result of napari-wbc; "
            "give another folder"
        )
    return folder


def _is_result(item: Path) -> bool:
    further = next((fmt for fmt in FORMATS.values() if fmt.file == item.name), None)
    if further is not None:
        return item.is_dir() if further.folder else item.is_file()
    return item.name in (*FILES, *_LEFT_BY_SYSTEMS) and item.is_file()


def is_complete(folder: str | Path, exports: Sequence[Format] = ()) -> bool:
    """Tell whether a folder holds every file of a result, and the further ones that are named."""
    names = (*FILES, *(fmt.file for fmt in exports))
    return all((Path(folder) / name).exists() for name in names)


def write_results(
    folder: str | Path,
    *,
    slide: Slide,
    um_per_px: float,
    cells: pd.DataFrame,
    masks: Sequence[CellMask],
    differential: Differential,
    run: Mapping[str, Any],
    exports: Sequence[Format] = (),
    cancel: CancelToken | None = None,
) -> Path:
    """Write every file of a result; the folder appears when all of them are there.

    Parameters
    ----------
    folder : str or Path
        Where to; an earlier result is replaced, a folder with anything else in it is left alone.
    slide : Slide
        The image; crops and overview are read from it.
    um_per_px : float
        Of level 0.
    cells : pandas.DataFrame
        The cell table.
    masks : sequence of CellMask
        One per row.
    differential : Differential
        Of the table.
    run : mapping
        For ``run.json``.
    exports : sequence of Format, optional
        Further files.
    cancel : CancelToken, optional
        Looked at between the files.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    from napari_wbc.differential.exports import write_differential_csv, write_differential_json
    from napari_wbc.differential.overlay import draw_overlay, write_overlay_png
    from napari_wbc.differential.report import write_report
    from napari_wbc.differential.report_pictures import read_gallery
    from napari_wbc.exchange.qupath import write_geojson
    from napari_wbc.slides.overview import read_overview

    cancel = cancel or CancelToken()
    folder, watch = check_folder(folder), FileWatch(slide)
    try:
        with atomic_folder(folder) as temporary:
            write_cells_csv(cells, temporary / "cells.csv")
            write_differential_csv(differential, temporary / "differential.csv")
            write_differential_json(differential, temporary / "differential.json")
            with cancelled_by(cancel):
                write_geojson(temporary / "cells.geojson", cells, masks)
            contents = Contents(slide, um_per_px, cells, masks, differential, run, cancel)
            for fmt in exports:
                fmt.write(temporary / fmt.file, contents)
            cancel.check()
            overview, scale = read_overview(slide, OVERVIEW_PX, cancel=cancel)
            write_overlay_png(temporary / "overlay.png", draw_overlay(overview, cells, masks, scale=scale))
            cancel.check()
            write_report(
                temporary / "report.html",
                cells=cells,
                differential=differential,
                run=dict(run),
                overview=overview,
                overview_scale=scale,
                crops=read_gallery(slide, cells, um_per_px),
            )
            cancel.check()
            (temporary / "run.json").write_text(
                json.dumps(run, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            # The pictures must be of the image that was counted.
            watch.check(str(run.get("image", {}).get("sha256", "")), cancel=cancel)
            # Somebody may have put a file there in the meantime.
            check_folder(folder)
    except OSError as error:
        raise OutputError(f"{folder}: the results could not be written ({system_reason(error)})") from None
    except OutputError as error:
        # A writer of one file names the hidden place that the folder is made in.
        raise OutputError(str(error).replace(str(temporary), str(folder))) from None
    return folder
