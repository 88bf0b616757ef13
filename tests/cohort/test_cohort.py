"""The tables and the page of a batch say what the folders of results say."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import html5lib
import pandas as pd
import pypdf
import pytest

from napari_wbc.cohort import FILES, PAGE_FILE
from napari_wbc.cohort.charts import class_strip, dot_strip, slide_bar, target_bar
from napari_wbc.differential.pdf import write_pdf
from napari_wbc.errors import OutputError
from napari_wbc.sample_sheet import COLUMNS
from skips import needs_pango


def parsed(path: Path):
    text = path.read_text(encoding="utf-8")
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def text_of(element) -> str:
    return " ".join("".join(element.itertext()).split())


def rows_of(tree, name: str) -> list[list[str]]:
    return [[text_of(cell) for cell in row] for row in tree.findall(f".//table[@class='{name}']/tbody/tr")]


def test_a_slide_of_two_images_is_one_table_of_cells(mixed) -> None:
    mixed.cohort().write()
    table = pd.read_csv(mixed.out / "slides.csv")
    # 9 lymphocytes and 1 monocyte of 10 leukocytes; 2 erythroblasts for these 10 are 20 per 100, and take a WBC count
    # of 8 to 8 * 100 / 120 = 6.67.
    slide = table[table["slide"] == "B"].set_index("class")
    assert set(slide["images"]) == {2}
    assert slide.loc["lymphocyte", ["count", "percent"]].tolist() == [9, 90.0]
    assert slide.loc["monocyte", ["count", "percent"]].tolist() == [1, 10.0]
    assert slide.loc["erythroblast", "per_100_wbc"] == 20.0
    assert slide.loc["lymphocyte", "absolute_per_l"] == 6.0e9
    # Wilson, 9 of 10, by hand: centre (9 + 1.92) / (10 + 3.84) = 0.789, half width 0.194.
    assert slide.loc["lymphocyte", ["ci_low", "ci_high"]].tolist() == [59.6, 98.2]


def test_a_slide_is_as_unlike_the_training_as_the_median_of_its_images(batch) -> None:
    for slide, ratios in {"near": (0.5, 1.9, 0.8), "far": (1.2, 0.5, 1.4), "none": (None, None)}.items():
        for i, ratio in enumerate(ratios):
            batch.counted(f"{slide}{i}.png", {"lymphocyte": 50}, slide=slide, ratio=ratio)
    batch.cohort().write()
    tree = parsed(batch.out / PAGE_FILE)
    shifts = {
        name: row[-2] for row in rows_of(tree, "slides") for name in ("near", "far", "none") if name in row[0]
    }
    assert shifts == {"near": "0.80", "far": "1.20", "none": "–"}
    alarms = {row[0]: row[1] for row in rows_of(tree, "failed")}
    assert set(alarms) == {"far"}
    assert alarms["far"].count("Taken together") == 1
    assert "1.20 times the limit" in alarms["far"]


def test_a_slide_of_one_image_is_its_differential(mixed) -> None:
    mixed.cohort().write()
    table = pd.read_csv(mixed.out / "slides.csv")
    one = table[table["slide"] == "a"].set_index("class")
    assert one.loc["neutrophil", ["count", "percent", "images"]].tolist() == [130, 65.0, 1]
    assert one.loc["neutrophil", ["reference_low", "reference_high"]].tolist() == [45, 79]
    assert one["absolute_per_l"].isna().all()
    for _, of_slide in table[table["in_denominator"] == 1].groupby("slide"):
        assert of_slide["percent"].sum() == pytest.approx(100)


def test_each_slide_counts_once_in_the_spread_of_a_class(mixed) -> None:
    mixed.cohort().write()
    table = pd.read_csv(mixed.out / "classes.csv").set_index("class")
    # Lymphocytes: 35 %, 90 % and 0 % of 200, 10 and 60 leukocytes; 79 of 270 cells are 29.26 %. Of what rounding down
    # leaves over, one tenth goes to the monocytes (0.37) and one to the neutrophils (59.26), who come first.
    row = table.loc["lymphocyte"]
    assert row[["slides", "cells", "percent"]].tolist() == [3, 79, 29.2]
    assert row[["median", "q1", "q3", "lowest", "highest"]].tolist() == [35.0, 17.5, 62.5, 0.0, 90.0]
    assert table["percent"].sum() == pytest.approx(100)


def test_images_have_a_row_each_with_their_slide_and_quality(mixed) -> None:
    mixed.cohort().write()
    table = pd.read_csv(mixed.out / "counts.csv").set_index("image")
    assert table["slide"].fillna("").tolist() == ["", "B", "B", "", ""]
    assert table.loc["b2.png", ["leukocytes", "target", "domain_shift"]].tolist() == [4, 200, 1.5]
    assert table.loc["a.png", "unidentified_percent"] == 1.0
    assert table.loc["gone.svs", "problem"] == "no such file"


def test_the_page_is_without_fault_and_shows_every_slide(mixed) -> None:
    page = mixed.cohort().write()
    assert page.name == PAGE_FILE
    assert sorted(path.name for path in mixed.out.iterdir() if path.is_file()) == sorted(FILES)
    tree = parsed(page)
    # Sorted by the class with the most cells, neutrophils: 65, 50 and 0 %.
    slides = rows_of(tree, "slides")
    assert [row[0] for row in slides] == ["a.png", "c.png", "⚠ Bb1.png b2.png"]
    assert [row[1] for row in slides] == ["200", "60", "10"]
    assert slides[2][6] == "1.50"
    bars = [bar.get("aria-label") for bar in tree.iter() if bar.get("class") == "slide"]
    assert bars[2] == "Lymphocyte 90.0 %; Monocyte 10.0 %"
    assert rows_of(tree, "failed")[0] == ["gone.svs", "", "no such file"]
    assert "1.50 times the limit" in rows_of(tree, "failed")[1][1]
    classes = {row[0]: row[1:] for row in rows_of(tree, "classes")}
    assert classes["Lymphocyte"][:6] == ["3", "79", "29.2", "35.0", "17.5–62.5", "0.0–90.0"]
    assert "2026-03-01 to 2026-03-04" in text_of(tree.find(".//section[@class='provenance']"))
    assert text_of(tree.find(".//body")).count("For research use only") == 2


def test_its_links_lead_to_the_reports_from_where_it_lies(batch) -> None:
    names = ["plain.png", "50 % & more #1?.png"]
    for name in names:
        batch.counted(name, {"lymphocyte": 3})
    tree = parsed(batch.cohort().write())
    targets = [link.get("href") for link in tree.iter("a")]
    assert len(targets) == 2
    for target in targets:
        assert not target.startswith(("/", "file:", "http"))
        assert (batch.out / unquote(target)).parent.is_dir()
        assert unquote(target).endswith("/report.html")


def test_what_users_wrote_is_escaped(batch) -> None:
    evil = "<script>alert(1)</script>'\"}.png"
    batch.counted("a.png", {"lymphocyte": 3, "<b>own</b>": 1}, slide=evil)
    batch.counted("b.png", {"lymphocyte": 3}, slide=evil)
    batch.failed("c.png", f"{evil} cannot be read", slide="=cmd()")
    page = batch.cohort().write()
    tree = parsed(page)
    assert tree.findall(".//script") == []
    assert [b for b in tree.iter("b") if text_of(b) == "own"] == []
    assert evil in text_of(tree.find(".//body"))
    assert "'=cmd()" in (batch.out / "counts.csv").read_text()


def test_the_page_loads_nothing_and_names_no_diagnosis(mixed) -> None:
    html = mixed.cohort().write().read_text(encoding="utf-8")
    for word in (
        "src=",
        "http:",
        "https:",
        "@import",
        "<link",
        "leukaemia",
        "leukemia",
        "infection",
        "diagnosis",
    ):
        assert word not in html, word
    assert "default-src 'none'" in html


def test_one_slide_without_any_leukocyte(batch) -> None:
    batch.counted("empty.png", {})
    batch.counted("full.png", {"lymphocyte": 3})
    tree = parsed(batch.cohort().write())
    assert [row[0] for row in rows_of(tree, "slides")] == ["full.png", "⚠ empty.png"]
    assert "no leukocyte" in rows_of(tree, "slides")[1][3]
    assert pd.read_csv(batch.out / "classes.csv").set_index("class").loc["lymphocyte", "slides"] == 1


def test_nothing_could_be_counted(batch) -> None:
    batch.failed("a.png", "broken")
    batch.failed("b.png", "broken")
    tree = parsed(batch.cohort().write())
    assert len(rows_of(tree, "failed")) == 2
    assert pd.read_csv(batch.out / "slides.csv").empty
    assert pd.read_csv(batch.out / "classes.csv").empty


def test_a_batch_that_was_stopped_says_so(mixed) -> None:
    cohort = mixed.cohort()
    cohort.rows.pop()
    assert "4 of 5 images had their turn" in text_of(parsed(cohort.write()).find(".//body"))


@needs_pango
def test_many_slides_print_with_the_heading_on_every_page(batch, tmp_path) -> None:
    for i in range(45):
        batch.counted(f"slide_{i:02d}.png", {"lymphocyte": 100 + i, "monocyte": 20})
    html = batch.cohort().write().read_text(encoding="utf-8")
    document = pypdf.PdfReader(write_pdf(html, tmp_path / "cohort.pdf"))
    pages = [" ".join(page.extract_text().split()) for page in document.pages]
    with_rows = [text for text in pages if "slide_" in text]
    assert len(with_rows) >= 2
    assert all("Share of the classes" in text for text in with_rows)
    for i in range(45):
        assert sum(f"slide_{i:02d}.png {120 + i} " in text for text in pages) == 1


def test_an_unwritable_place_is_one_plain_line(mixed, tmp_path) -> None:
    cohort = mixed.cohort()
    (mixed.out / "slides.csv").mkdir()
    with pytest.raises(OutputError, match=r"slides\.csv"):
        cohort.write()


def test_the_documentation_names_every_file_and_column() -> None:
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in row.split("`")[1::2]}
    assert named == {*FILES, *COLUMNS, "sample"}


def test_the_drawings_hold_their_numbers() -> None:
    bar = str(
        slide_bar(
            [("lymphocyte", "Lymphocyte", 75.0), ("monocyte", "Monocyte", 25.0)], ["lymphocyte", "monocyte"]
        )
    )
    assert 'width="315.00"' in bar
    assert "LYM 75" in bar
    thin = str(slide_bar([("lymphocyte", "Lymphocyte", 100.0)], ["lymphocyte"], thin=True))
    assert "LYM" not in thin
    # The target is the middle of the box; twice as many cells fill it.
    assert 'width="30.00"' in target_bar(200, 200)
    assert 'width="60.00"' in target_bar(900, 200)
    strip = str(dot_strip([("a", 1.0), ("b", 1.0), ("c", 9.0)], 5.0, title="Figure"))
    assert "Figure: 3 slides, 1 above 5" in strip
    assert strip.count("<circle") == 2
    assert strip.count('fill="#fff" stroke="#a3201d"') == 1
    # The square root of 25 % is half of the axis of 120.
    assert 'cx="60.00"' in class_strip([25.0], (16, 47), 25.0, "#009e73")
