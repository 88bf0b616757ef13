"""The formats that a count can be written in for other programs, each with its file and its writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_wbc.differential.outlines import Ring, box_ring, outlines
from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken, cancelled_by
from napari_wbc.masks import CellMask
from napari_wbc.slides import Slide

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential


@dataclass(frozen=True, eq=False)
class Contents:
    """What the writers write: the count of one slide.

    Attributes
    ----------
    slide : Slide
        The image; no description of it is written anywhere, and of its pixels what ``report.html`` shows.
    um_per_px : float
        Of level 0.
    cells : pandas.DataFrame
        The cell table.
    masks : sequence of CellMask
        One per row.
    differential : Differential
        Of the table.
    run : mapping
        As in ``run.json``.
    cancel : CancelToken
        Looked at while a large file is written.
    """

    slide: Slide
    um_per_px: float
    cells: pd.DataFrame
    masks: Sequence[CellMask]
    differential: Differential
    run: Mapping[str, Any]
    cancel: CancelToken

    @cached_property
    def outlines(self) -> list[list[Ring]]:
        """What :func:`cell_rings` gives of every cell; traced once for the formats that need all of them."""
        traced = []
        for mask in self.masks:
            self.cancel.check()
            traced.append(cell_rings(mask))
        return traced


def cell_rings(mask: CellMask) -> list[Ring]:
    """Give the rings of ``x, y`` around a cell, the largest first.

    A mask without pixels cannot be traced, but the cell is there: its box stands for it.
    """
    return outlines(mask.cell, y0=mask.y0, x0=mask.x0) or [box_ring(*mask.bbox)]


@dataclass(frozen=True)
class Format:
    """A format and its file.

    Attributes
    ----------
    name : str
        On the command line and in Python.
    file : str
        Name of the file, or of the folder, in a folder of results.
    title : str
        Shown to people.
    writer : str
        Module and function of this package; it takes a path and the :class:`Contents`.
    library : str
        What must be installed besides, as it is imported; empty for none.
    extra : str
        The optional dependency of this package that brings the library.
    folder : bool
        ``file`` is a folder.
    dicom_only : bool
        Only for slides in DICOM.
    """

    name: str
    file: str
    title: str
    writer: str
    library: str = ""
    extra: str = "exchange"
    folder: bool = False
    dicom_only: bool = False

    def check(self) -> None:
        """Make sure that the library is there.

        Raises
        ------
        InputError
            It is not installed, or what it is built on is not.
        """
        if self.library and find_spec(self.library) is None:
            raise InputError(
                f"the format {self.name} needs {self.library}; install it with: pip install 'napari-wbc[{self.extra}]'"
            )
        if self.library == "weasyprint":
            from napari_wbc.differential.pdf import weasyprint

            weasyprint()

    def check_slide(self, slide: Slide) -> None:
        """Make sure that the format can be about a slide.

        Raises
        ------
        InputError
            It cannot.
        """
        if self.dicom_only:
            from napari_wbc.exchange.dicom import check_slide

            check_slide(slide)

    def write(self, path: str | Path, contents: Contents) -> Path:
        """Write the file; it appears whole or not at all.

        Raises
        ------
        InputError
            A library is missing, or the slide is none that the format can be about.
        OutputError
            The place cannot be written to.
        """
        self.check()
        contents.cancel.check()
        module, function = self.writer.split(":")
        write: Callable[[Path, Contents], None] = getattr(
            import_module(f"napari_wbc.exchange.{module}"), function
        )
        with cancelled_by(contents.cancel):
            write(Path(path), contents)
        return Path(path)


_ALL = (
    Format("geojson", "cells.geojson", "QuPath (GeoJSON)", "qupath:write"),
    Format("pdf", "report.pdf", "Report (PDF, A4)", "report_pdf:write_a4", "weasyprint", "pdf"),
    Format(
        "pdf-letter",
        "report-letter.pdf",
        "Report (PDF, Letter)",
        "report_pdf:write_letter",
        "weasyprint",
        "pdf",
    ),
    Format("parquet", "cells.parquet", "Cell table (Parquet)", "parquet:write_parquet", "pyarrow"),
    Format("fhir", "differential.fhir.json", "Laboratory system (FHIR R4)", "fhir:write_fhir"),
    Format("ome-zarr", "labels.ome.zarr", "Label images (OME-Zarr)", "labels:write", folder=True),
    Format("coco", "cells.coco.json", "Training data (COCO)", "coco:write_coco"),
    Format("yolo", "yolo", "Training data (YOLO)", "yolo:write_yolo", folder=True),
    Format(
        "dicom",
        "cells.dcm",
        "Annotations of a DICOM slide",
        "dicom:write_dicom",
        "highdicom",
        dicom_only=True,
    ),
)
#: The formats by name, in the order of the documentation.
FORMATS: dict[str, Format] = {fmt.name: fmt for fmt in _ALL}


def formats_named(names: str | Iterable[str]) -> tuple[Format, ...]:
    """Give the formats of a list of names, each once, and make sure that they can be written.

    Parameters
    ----------
    names : str or iterable of str
        ``"fhir,coco"``, or the names one by one.

    Returns
    -------
    tuple of Format
        In the order of the documentation.

    Raises
    ------
    InputError
        A name is unknown, or a library is missing.

    Examples
    --------
    >>> [fmt.file for fmt in formats_named("coco, fhir")]
    ['differential.fhir.json', 'cells.coco.json']
    """
    listed = names.split(",") if isinstance(names, str) else list(names)
    wanted = {name.strip().lower() for name in listed} - {""}
    unknown = sorted(wanted - FORMATS.keys())
    if unknown:
        raise InputError(f"{unknown[0]!r} is no format for an export; give some of: {', '.join(FORMATS)}")
    formats = tuple(fmt for name, fmt in FORMATS.items() if name in wanted)
    for fmt in formats:
        fmt.check()
    return formats
