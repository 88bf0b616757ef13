"""The report as other programs read it: an HTML5 parser, and the PDF of WeasyPrint through pypdf."""

from __future__ import annotations

import re

import html5lib
import numpy as np
import pandas as pd
import pypdf
import pytest
from PIL import Image

from napari_wbc.differential.count import differential
from napari_wbc.differential.pages import css_string
from napari_wbc.differential.pdf import write_pdf
from napari_wbc.differential.profile import load_profile
from napari_wbc.differential.report import render_report
from napari_wbc.differential.report_review import review_line, review_rows, review_state, signature_of
from napari_wbc.errors import InputError, OutputError
from skips import needs_pango

RUN = {"program": "napari-wbc", "finished": "2026-03-04T10:12:44+00:00", "image": {"name": "smear 7.svs"}}
SIGNED = {
    "changes": 3,
    "cells_reviewed": 3,
    "cells_excluded": 1,
    "by": ["ann"],
    "signed": {"by": "A. Example", "at": "2026-03-05T08:00:00+00:00", "note": "", "cells_sha256": "ef" * 32},
}
#: Points: 1/72 inch.
PAPERS = {"A4": (595.28, 841.89), "Letter": (612, 792)}
RESEARCH_USE = "For research use only. Not for use in diagnostic procedures."


def html_of(blood, run=RUN, **options) -> str:
    cells, _, image = blood
    crops = {int(i): np.full((96, 96, 3), 150, np.uint8) for i in cells["cell_id"]}
    counted = differential(cells, **options)
    return render_report(
        cells=cells, differential=counted, run=run, overview=image, overview_scale=1.0, crops=crops
    )


def parsed(html: str):
    """Parse as a browser does; an error of syntax is an error here."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)


def text_of(element) -> str:
    return " ".join("".join(element.itertext()).split())


@pytest.fixture
def reviewed(blood):
    """Two lymphocytes became monocytes, one cell kept its label, one was taken out."""
    cells = blood[0]
    rows = cells.index[cells["label"] == "lymphocyte"]
    cells.loc[rows[:2], ["label", "status"]] = ["monocyte", "reviewed"]
    cells.loc[rows[2], "status"] = "reviewed"
    cells.loc[rows[3], "status"] = "excluded"
    return blood


@pytest.mark.parametrize("name", ["smear.png", '</style><script>x</script>\\"}', "Ünsicher 血.svs", ""])
def test_the_html_is_without_fault_whatever_the_slide_is_called(blood, name) -> None:
    run = {**RUN, "image": {"name": name}, "review": {**SIGNED, "by": [name], "signed": None}}
    tree = parsed(html_of(blood, run))
    assert text_of(tree.find(".//h1")) == (" ".join(name.split()) or "smear")
    assert tree.findall(".//script") == []
    assert len(tree.findall(".//style")) == 1
    assert len(tree.findall(".//section[@class='overview']")) == 1


def test_every_picture_has_words(blood) -> None:
    tree = parsed(html_of(blood))
    pictures = tree.findall(".//img")
    assert len(pictures) > 20
    assert all(len(picture.get("alt", "")) > 10 for picture in pictures)
    drawings = tree.findall(".//{http://www.w3.org/2000/svg}svg") or tree.findall(".//svg")
    assert drawings
    for drawing in drawings:
        assert drawing.get("aria-hidden") == "true" or len(drawing.get("aria-label")) > 10


def test_tables_have_headings_that_every_page_repeats(blood) -> None:
    tree = parsed(html_of(blood, wbc_per_l=7.2e9))
    table = tree.find(".//table[@class='differential']")
    columns = len(table.findall("./thead/tr/th"))
    for row in table.findall("./tbody/tr") + table.findall("./tfoot/tr"):
        assert sum(int(cell.get("colspan", 1)) for cell in row) == columns


def test_a_style_sheet_string_cannot_be_left() -> None:
    text = 'a"\\}\n</style>é'
    written = css_string(text)
    assert re.fullmatch(r'"[A-Za-z0-9\\]*"', written)
    assert re.sub(r"\\(\w{6})", lambda m: chr(int(m[1], 16)), written[1:-1]) == text


@needs_pango
@pytest.mark.parametrize("paper", list(PAPERS))
def test_the_pdf_has_the_paper_and_names_the_slide_on_every_page(blood, tmp_path, paper) -> None:
    path = write_pdf(html_of(blood, wbc_per_l=7.2e9), tmp_path / "report.pdf", paper)
    document = pypdf.PdfReader(path)
    assert 2 <= len(document.pages) <= 6
    for number, page in enumerate(document.pages, 1):
        size = float(page.mediabox.width), float(page.mediabox.height)
        assert size == pytest.approx(PAPERS[paper], abs=0.5)
        text = " ".join(page.extract_text().split())
        assert "smear 7.svs" in text
        assert RESEARCH_USE in text
        assert f"{number} / {len(document.pages)}" in text
    first = " ".join(document.pages[0].extract_text().split())
    assert "Lymphocyte 52 26.0" in first
    assert document.metadata.title == "smear 7.svs – leukocyte differential"
    assert document.trailer["/Root"]["/MarkInfo"]["/Marked"]


@needs_pango
def test_a_long_table_repeats_its_heading_and_cuts_no_row(make_cells, tmp_path) -> None:
    names = [f"own_class_number_{i:02d}" for i in range(70)]
    html = html_of(make_cells(dict.fromkeys(names, 2)))
    document = pypdf.PdfReader(write_pdf(html, tmp_path / "long.pdf", "Letter"))
    pages = [" ".join(page.extract_text().split()) for page in document.pages]
    with_rows = [text for text in pages if re.search(r"Own class number \d\d 2 1\.", text)]
    assert len(with_rows) >= 2
    assert all("95 % interval" in text for text in with_rows)
    for i in range(70):
        # Name, number and percentage of a class stand on one and the same page.
        assert sum(f"Own class number {i:02d} 2 1." in text for text in pages) == 1


@needs_pango
def test_a_pdf_loads_nothing_from_elsewhere(tmp_path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    html = f"<h1>report</h1><object data='{secret.as_uri()}'></object><img src='{secret.as_uri()}'>"
    document = pypdf.PdfReader(write_pdf(html, tmp_path / "report.pdf"))
    assert "secret" not in document.pages[0].extract_text()
    assert document.attachments == {}


@needs_pango
def test_an_image_that_is_cut_off_is_refused_as_before(tmp_path) -> None:
    # WeasyPrint switches Pillow over to read what there is of it; a slide would lose cells in silence.
    write_pdf("<p>report", tmp_path / "report.pdf")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)).save(
        tmp_path / "a.png"
    )
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:5000])
    with Image.open(tmp_path / "a.png") as cut_off, pytest.raises(OSError, match="truncated"):
        cut_off.load()


@needs_pango
def test_an_unwritable_pdf_is_one_plain_line(tmp_path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        write_pdf("<p>report", tmp_path / "nowhere" / "report.pdf")


def test_without_weasyprint_the_line_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    with pytest.raises(InputError, match=r"napari-wbc\[pdf\]") as caught:
        write_pdf("<p>report", tmp_path / "report.pdf")
    assert "\n" not in str(caught.value)


@needs_pango
def test_a_signed_review_is_told_with_its_changes(reviewed, tmp_path) -> None:
    html = html_of(reviewed, {**RUN, "review": SIGNED})
    tree = parsed(html)
    changes = [[text_of(c) for c in row] for row in tree.findall(".//table[@class='changes']/tbody/tr")]
    assert changes[0] == ["Lymphocyte", "Monocyte", "2"]
    assert ["Lymphocyte", "excluded", "1"] in changes
    text = text_of(tree.find(".//body"))
    assert "reviewed and signed by A. Example" in text
    assert "Signed by A. Example on 2026-03-05" in text
    assert "ef" * 32 in text
    rows = {
        text_of(r[0]): [text_of(c) for c in r] for r in tree.findall(".//table[@class='differential']//tr")
    }
    assert (rows["Monocyte"][1], rows["Monocyte"][-2:]) == ("16", ["14", "7.0"])
    pdf = pypdf.PdfReader(write_pdf(html, tmp_path / "signed.pdf"))
    assert "SHA-256 of the signed labels" in "".join(page.extract_text() for page in pdf.pages)


def test_an_unsigned_and_an_untouched_count_say_so(reviewed, make_cells) -> None:
    assert "The review is not signed." in text_of(parsed(html_of(reviewed)))
    calm = text_of(parsed(html_of(make_cells({"lymphocyte": 3}))))
    assert "labels of the model, not reviewed" in calm
    assert "A person looked at" not in calm


def test_the_commonest_changes_come_first_and_the_rare_ones_in_one_row() -> None:
    to = [f"own_{i:02d}" for i in range(20) for _ in range(20 - i)]
    cells = pd.DataFrame({"status": "reviewed", "label": to, "model_label": "lymphocyte"})
    rows = review_rows(cells, load_profile(None))
    assert len(rows) == 12
    assert [row["count"] for row in rows[:3]] == ["20", "19", "18"]
    assert sum(int(row["count"]) for row in rows) == len(cells) == 210
    assert rows[-1]["model"] == "other changes"
    assert review_line(cells.assign(status="model")) == ""
    assert review_state({"review": {"signed": None}}, cells) == "reviewed, not signed"
    assert signature_of({"review": "nonsense"}) is None
