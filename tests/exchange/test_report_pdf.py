"""The PDF of a count says what its report.html says, on the paper that was asked for."""

from __future__ import annotations

from pathlib import Path

import html5lib
import numpy as np
import pypdf
import pytest
from numpy.typing import NDArray

import napari_wbc as wbc
from skips import needs_pango

pytestmark = needs_pango


@pytest.mark.parametrize(("name", "width"), [("pdf", 595.28), ("pdf-letter", 612)])
def test_the_pdf_says_what_the_page_says(
    smear_image: NDArray[np.uint8], tmp_path: Path, name: str, width: float
) -> None:
    field = wbc.open_slide(smear_image[:, :600], name="field 1")
    folder = wbc.count(field, um_per_px=0.1, wbc_per_l=7.2e9).write(tmp_path / "field", exports=[name])
    [path] = folder.glob("*.pdf")
    document = pypdf.PdfReader(path)
    assert float(document.pages[0].mediabox.width) == pytest.approx(width, abs=0.5)
    written = " ".join(" ".join(page.extract_text() for page in document.pages).split())
    page = html5lib.parse((folder / "report.html").read_text("utf-8"), namespaceHTMLElements=False)
    rows = page.findall(".//table[@class='differential']/tbody/tr")
    assert len(rows) >= 5
    for row in rows:
        # The drawing holds no text.
        cells = [" ".join("".join(cell.itertext()).split()) for cell in row]
        assert " ".join(cell for cell in cells[:4] if cell) in written
    shown = page.findall(".//figure/img")
    # The overview and the cells, as often as the page shows them.
    assert sum(len(page.images) for page in document.pages) >= len(shown) > 3
    assert "field 1" in document.metadata.title
