"""Writing a synthetic smear of any size: PNG, OME-TIFF, OME-Zarr or SVS, with its truth beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from napari_wbc.errors import InputError, OutputError, system_reason
from napari_wbc.execution.atomic import atomic_folder, atomic_path
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.slides.raster import LARGEST_PX
from napari_wbc.slides.synthetic.parameters import SmearParameters
from napari_wbc.slides.synthetic.png_file import write_png
from napari_wbc.slides.synthetic.reduction import Strip
from napari_wbc.slides.synthetic.smear import SyntheticSmear, TruthRow, truth_table
from napari_wbc.slides.synthetic.tiff_file import write_ome_tiff, write_svs
from napari_wbc.slides.synthetic.zarr_folder import write_ome_zarr

#: The endings that tell a format. The longer ones come first.
FORMATS: dict[str, str] = {
    ".ome.tiff": "ome.tiff",
    ".ome.tif": "ome.tiff",
    ".ome.zarr": "ome.zarr",
    ".svs": "svs",
    ".png": "png",
}
# One piece is drawn in well under a second: cancelling waits for no more.
_PIECE_PX = 1024

_Writer = Callable[[Path, SmearParameters, Callable[[int], Iterator[Strip]]], None]
_WRITERS: dict[str, _Writer] = {
    "png": write_png,
    "ome.tiff": write_ome_tiff,
    "ome.zarr": write_ome_zarr,
    "svs": write_svs,
}


def write_sample(
    path: str | Path,
    parameters: SmearParameters,
    *,
    format: str | None = None,  # noqa: A002 - the word of the command line's option
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Path:
    """Write a synthetic smear, strip by strip, and its truth as ``<stem>.truth.csv`` beside it.

    Both appear whole or not at all. The picture serves the demo, tests and benchmarks of scale; it is not evidence
    of accuracy.

    Parameters
    ----------
    path : str or Path
        The file to write (``.ome.zarr``: the folder); what is there is replaced.
    parameters : SmearParameters
        What to draw.
    format : {"png", "ome.tiff", "ome.zarr", "svs"}, optional
        By default told by the ending of ``path``.
    progress : callable, optional
        Called with a :class:`~napari_wbc.execution.progress.Progress` after every piece.
    cancel : CancelToken, optional
        Checked before every piece.

    Returns
    -------
    pathlib.Path
        ``path``.

    Raises
    ------
    InputError
        The format is unknown, or too small for the image.
    OutputError
        The place cannot be written to.
    Cancelled
        The user cancelled; nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> sample = write_sample(folder / "smear.png", SmearParameters(height=200, width=300))
    >>> sorted(f.name for f in folder.iterdir())
    ['smear.png', 'smear.truth.csv']
    """
    path = Path(path)
    kind = _format_of(path, format)
    if kind == "png" and parameters.height * parameters.width > LARGEST_PX:
        raise InputError(
            f"{path}: a PNG of {parameters.width} x {parameters.height} px cannot be read in parts; "
            "write .ome.tiff, .ome.zarr or .svs"
        )
    if not path.absolute().parent.is_dir():
        raise OutputError(f"cannot write {path}: the folder {path.absolute().parent} is not there")
    smear = SyntheticSmear(parameters)
    cancel = cancel or CancelToken()

    def strips(height: int) -> Iterator[Strip]:
        return _strips(smear, height, progress, cancel)

    place = atomic_folder if kind == "ome.zarr" else atomic_path
    try:
        with atomic_path(truth_path(path)) as truth_file, place(path) as temporary:
            _write_truth(truth_file, smear, progress, cancel)
            _WRITERS[kind](temporary, parameters, strips)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {system_reason(error)}") from None
    return path


def truth_path(path: str | Path) -> Path:
    """Give the place of the truth that belongs to a sample.

    Examples
    --------
    >>> truth_path("a/slide.ome.tiff").name
    'slide.truth.csv'
    """
    path = Path(path)
    ending = next((e for e in FORMATS if path.name.lower().endswith(e)), path.suffix)
    return path.with_name(path.name[: len(path.name) - len(ending)] + ".truth.csv")


def _format_of(path: Path, asked: str | None) -> str:
    kinds = tuple(_WRITERS)
    if asked is not None:
        if asked not in kinds:
            raise InputError(f"unknown format {asked!r}; choose one of {', '.join(kinds)}")
        return asked
    for ending, kind in FORMATS.items():
        if path.name.lower().endswith(ending):
            return kind
    raise InputError(f"{path}: the ending tells no format; use one of {', '.join(FORMATS)}")


def _strips(
    smear: SyntheticSmear, strip_px: int, progress: ProgressCallback | None, cancel: CancelToken
) -> Iterator[Strip]:
    """Draw the smear from top to bottom in strips over its whole width."""
    height, width = smear.shape
    across = -(-width // _PIECE_PX)
    total = across * -(-height // strip_px)
    done = 0
    for y in range(0, height, strip_px):
        rows = min(strip_px, height - y)
        strip = np.empty((rows, width, 3), np.uint8)
        for x in range(0, width, _PIECE_PX):
            cancel.check()
            columns = min(_PIECE_PX, width - x)
            strip[:, x : x + columns] = smear.draw(y, x, rows, columns)
            done += 1
            if progress is not None:
                progress(Progress("Drawing the smear", done, total, "piece"))
        yield strip


def _write_truth(
    path: Path, smear: SyntheticSmear, progress: ProgressCallback | None, cancel: CancelToken
) -> None:
    rows: list[TruthRow] = []
    for strip in smear.truth_rows(cancel):
        rows += strip
        if progress is not None:
            progress(Progress("Placing the cells", len(rows), 0, "cell"))
    rounded = {"y_px": 2, "x_px": 2, "nucleus_area_um2": 2, "cell_area_um2": 2}
    truth_table(rows).round(rounded).to_csv(path, index=False, lineterminator="\n")
