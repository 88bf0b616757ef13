"""The report of a count as PDF, on A4 or Letter."""

from __future__ import annotations

from pathlib import Path

from napari_wbc.differential.pdf import Paper, write_pdf
from napari_wbc.differential.report import render_report
from napari_wbc.differential.report_pictures import OVERVIEW_PX, read_gallery
from napari_wbc.exchange.formats import Contents
from napari_wbc.slides.overview import read_overview


def write_a4(path: Path, contents: Contents) -> None:
    """Write ``report.pdf``."""
    _write(path, contents, "A4")


def write_letter(path: Path, contents: Contents) -> None:
    """Write ``report-letter.pdf``."""
    _write(path, contents, "Letter")


def _write(path: Path, contents: Contents, paper: Paper) -> None:
    overview, scale = read_overview(contents.slide, OVERVIEW_PX, cancel=contents.cancel)
    contents.cancel.check()
    html = render_report(
        cells=contents.cells,
        differential=contents.differential,
        run=contents.run,
        overview=overview,
        overview_scale=scale,
        crops=read_gallery(contents.slide, contents.cells, contents.um_per_px),
    )
    contents.cancel.check()
    write_pdf(html, path, paper)
