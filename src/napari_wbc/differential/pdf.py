"""A report as PDF: the same page, set on A4 or Letter."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from PIL import ImageFile

from napari_wbc.differential.exports import output_file
from napari_wbc.errors import InputError

Paper = Literal["A4", "Letter"]


def write_pdf(html: str, path: str | Path, paper: Paper = "A4") -> Path:
    """Write a page as PDF, with tags for screen readers.

    Parameters
    ----------
    html : str
        What :func:`~napari_wbc.differential.report.render_report` gives, or the text of a ``report.html``.
    path : str or Path
        Where to.
    paper : {"A4", "Letter"}, optional
        Upright.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    InputError
        WeasyPrint or what it is built on is not installed.
    OutputError
        The place cannot be written to.

    Examples
    --------
    >>> from pathlib import Path
    >>> page = Path("results/smear/report.html").read_text(encoding="utf-8")  # doctest: +SKIP
    >>> write_pdf(page, "smear.pdf", "Letter")  # doctest: +SKIP
    """
    HTML, CSS, URLFetcher = weasyprint()
    # A report loads nothing from elsewhere, whatever its text says.
    document = HTML(string=html, url_fetcher=URLFetcher(allowed_protocols=("data",)))
    with output_file(path) as temporary:
        document.write_pdf(temporary, stylesheets=[CSS(string=f"@page {{ size: {paper} }}")], pdf_tags=True)
    return Path(path)


def weasyprint() -> tuple[Any, Any, Any]:
    """Import ``HTML``, ``CSS`` and ``URLFetcher``, and undo what the import does to the reading of images.

    Raises
    ------
    InputError
        WeasyPrint or what it is built on is not installed.
    """
    truncated = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        from weasyprint import CSS, HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:
        # OSError: the package is there, but not the library Pango, which sets its text.
        raise InputError(
            f"a PDF needs WeasyPrint: pip install 'napari-wbc[pdf]' ({str(error).splitlines()[0]}); "
            "or print report.html from a browser"
        ) from None
    finally:
        # WeasyPrint lets Pillow read files that are cut off, in the whole program: slides would lose cells in silence.
        ImageFile.LOAD_TRUNCATED_IMAGES = truncated
    return HTML, CSS, URLFetcher
