"""The report as other programs read it: an HTML5 parser, and the PDF of WeasyPrint through pypdf."""

from __future__ import annotations

import base64
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


def rows_of(tree, name: str) -> list[list[str]]:
    return [[text_of(cell) for cell in row] for row in tree.findall(f".//table[@class='{name}']//tr")]


def test_the_head_and_the_foot_of_the_page(blood) -> None:
    run = {**RUN, "review": SIGNED, "model": {"name": "robust"}}
    tree = parsed(html_of(blood, run))
    title = "Adult peripheral blood · counted 2026-03-04 · reviewed and signed by A. Example"
    assert text_of(tree.find(".//p[@class='sub']")) == title
    assert text_of(tree.find(".//title")) == "smear 7.svs – leukocyte differential"
    assert text_of(tree.find(".//p[@class='research']")) == RESEARCH_USE
    assert [text_of(part) for part in tree.findall(".//dl/div/dt")] == [
        "Leukocytes",
        "Unidentified",
        "Unlike training cells",
        "Erythroblasts",
        "Reviewed",
    ]
    provenance = {
        text_of(row[0]): text_of(row[1]) for row in tree.findall(".//section[@class='provenance']//tr")
    }
    assert provenance["Model"] == "robust"
    assert provenance["Finished"] == RUN["finished"]
    bare = parsed(html_of(blood, {}))
    assert text_of(bare.find(".//p[@class='sub']")) == (
        "Adult peripheral blood · labels of the model, not reviewed"
    )
    assert text_of(bare.find(".//h1")) == "smear"


def test_the_columns_of_the_table_are_those_that_there_is_something_for(blood, make_cells) -> None:
    full = rows_of(parsed(html_of(blood, wbc_per_l=7.2e9)), "differential")
    ticks = "052050100"
    assert full[0] == [
        "Class",
        "n",
        "%",
        "95 % interval,sampling",
        "with errorsof the model",
        ticks,
        "% incl.unident.",
        "10⁹/L",
        "Refer-ence %",
        "Flag",
    ]
    # 6 of 206.
    assert full[-1] == ["Leukocytes", "200", "100.0", "", "2.9 ?", ""]
    cells, _, image = make_cells({"lymphocyte": 3})
    plain = cells.drop(columns=[name for name in cells.columns if name.startswith("p_")])
    short = rows_of(parsed(html_of((plain, [], image))), "differential")
    assert short[0] == ["Class", "n", "%", "95 % interval,sampling", ticks, "Refer-ence %", "Flag"]
    assert short[-1] == ["Leukocytes", "3", "100.0", "", ""]


def test_what_stands_beside_the_leukocytes(blood) -> None:
    tree = parsed(html_of(blood, wbc_per_l=7.2e9))
    rows = rows_of(tree, "outside")
    assert rows[0] == ["", "n", "per 100leukocytes", "10⁹/L", "Flag"]
    # 4 of 204: Wilson's 0.77 to 4.93 % as odds; 7.2 x 4 / 200.
    assert rows[1] == ["Erythroblast (nucleated red cell)", "4", "2.0 (0.8–5.2)", "0.14", "▲ ≥ 1"]
    assert [row[:2] for row in rows[2:]] == [["Platelet", "5"], ["Artifact", "0"], ["Unidentified", "6"]]
    assert "Worst case. If every unidentified cell were a blast" in text_of(tree)
    assert (
        "Not looked for. The model cannot recognise: variant lymphocyte, blast, plasma cell. Their"
        in text_of(tree)
    )


def test_the_legend_and_what_is_uncertain(blood) -> None:
    tree = parsed(html_of(blood))
    entries = [text_of(part) for part in tree.findall(".//p[@class='legend']/span")]
    assert entries[:3] == ["SEG Segmented neutrophil 116", "BAND Band neutrophil 8", "LYM Lymphocyte 52"]
    assert entries[-1] == "? Unidentified 6"
    text = text_of(tree.find(".//section[@class='overview']"))
    assert (
        "uncertain (6), that is unidentified, unlike the training cells, or below a confidence of 0.6."
        in text
    )
    headings = [text_of(part) for part in tree.findall(".//div[@class='crops']/../h3")]
    assert headings[:2] == ["Segmented neutrophil 24 of 116", "Band neutrophil 8"]


def test_would_more_cells_help(blood, make_cells) -> None:
    """With 200 leukocytes the target is reached; with 20, 180 are missing and no limit has a row of its own."""
    reached = text_of(parsed(html_of(blood)))
    assert "Would more cells help?" in reached
    assert "It says how many further leukocytes would settle them if the share stays." in reached
    assert "to reach the target" not in reached
    few = parsed(html_of(make_cells({"lymphocyte": 20})))
    assert "Count 180 further leukocytes to reach the target of 200" in text_of(few)
    assert "Limit %" not in text_of(few)


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
@pytest.mark.parametrize(("options", "paper"), [((), "A4"), (("Letter",), "Letter")])
def test_a_short_pdf(tmp_path, options, paper) -> None:
    path = write_pdf("<html lang=en><title>A page</title><p>report", tmp_path / "report.pdf", *options)
    assert path == tmp_path / "report.pdf"
    document = pypdf.PdfReader(path)
    (page,) = document.pages
    assert (float(page.mediabox.width), float(page.mediabox.height)) == pytest.approx(PAPERS[paper], abs=0.5)
    assert page.extract_text() == "report"
    assert document.trailer["/Root"]["/MarkInfo"]["/Marked"]


@needs_pango
def test_a_pdf_loads_nothing_from_elsewhere(tmp_path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), "red").save(secret)
    html = (
        f"<link rel=attachment href='{secret.as_uri()}'><h1>report</h1>"
        f"<object data='{secret.as_uri()}'></object><img src='{{}}'>"
    )
    document = pypdf.PdfReader(write_pdf(html.format(secret.as_uri()), tmp_path / "report.pdf"))
    assert list(document.pages[0].images) == []
    assert document.attachments == {}
    # A picture that the page holds is there.
    inside = "data:image/png;base64," + base64.b64encode(secret.read_bytes()).decode()
    document = pypdf.PdfReader(write_pdf(html.format(inside), tmp_path / "report.pdf"))
    assert len(document.pages[0].images) == 1
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
    assert str(caught.value).endswith("; or print report.html from a browser")
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
