"""The files of a comparison: opened by parsers that are not ours, with the figures of the comparison in them."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET

import html5lib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from comparison.conftest import BLOOD
from napari_wbc.comparison import compare
from napari_wbc.comparison.charts import difference_plot, scatter
from napari_wbc.comparison.pictures import changed_pictures, images_by_key
from napari_wbc.comparison.record import class_table, slide_table, to_dict, write_json, write_tables
from napari_wbc.comparison.report import render_report, write_report
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.errors import InputError


@pytest.fixture
def models(tmp_path, write_results):
    """Three slides by two models that differ in a few cells; one slide is left-shifted by the second."""
    random = np.random.default_rng(0)
    for name in ("s1", "s2", "<b>s3"):
        composition = {
            **BLOOD,
            "lymphocyte": int(random.integers(40, 70)),
            "monocyte": int(random.integers(5, 25)),
        }
        write_results(tmp_path / "old" / name, composition)
        changes = {0: "lymphocyte", 1: "lymphocyte", 2: "monocyte"}
        changes |= dict.fromkeys(range(3, 60), "metamyelocyte") if name == "s2" else {}
        write_results(tmp_path / "new" / name, composition, changes=changes, model_sha256="cd" * 32)
    return compare(tmp_path / "old", tmp_path / "new")


def parsed(html: str):
    """Read a page with html5lib, which is strict about what is no HTML."""
    return html5lib.HTMLParser(strict=False, namespaceHTMLElements=False).parse(html)


def texts(page, path: str) -> list[str]:
    return [" ".join("".join(node.itertext()).split()) for node in page.iterfind(path)]


def test_the_page_holds_the_figures_and_loads_nothing(models):
    html = render_report(models, {})
    page = parsed(html)
    everything = " ".join(texts(page, ".//body"))
    neutrophil = next(c for c in models.by_class if c.name == "neutrophil")
    assert f"{neutrophil.mean_first:.1f}" in everything
    assert f"{models.cells.kappa.value:.2f}" in everything
    assert everything.count(RESEARCH_USE) >= 2
    assert "Segmented neutrophil → Metamyelocyte" in everything
    assert "≠" in everything
    assert "<script" not in html
    assert not re.search(r"https?:|url\((?!#)|src=\"(?!data:)", html)
    assert "<b>s3" not in html
    assert "<b>s3.png" in everything


def test_every_picture_is_svg_that_an_xml_parser_reads(models):
    c = models.by_class[0]
    for draw in (scatter, difference_plot):
        root = ET.fromstring(
            str(draw(c, ("A & b", "B < c"), models.slide_name, "#0072b2")).replace(
                "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1
            )
        )
        kinds = [node.tag.rsplit("}", 1)[-1] for node in root.iter()]
        # One mark per slide; those beyond chance are squares, so that they differ without colour.
        squares = sum(node.tag.endswith("rect") and node.get("width") == "9" for node in root.iter())
        assert kinds.count("circle") + squares == 3
        assert squares == len(c.apart)


def test_dots_lie_where_the_numbers_are(write_csv):
    a = write_csv("a.csv", "slide,Segs,Lymph\ns1,100,100\ns2,40,160\ns3,160,40\n")
    found = compare(a, write_csv("b.csv", "slide,Segs,Lymph\ns1,100,100\ns2,40,160\ns3,160,40\n"))
    root = ET.fromstring(str(scatter(found.by_class[0], ("A", "B"), found.slide_name, "#0072b2")))
    dots = np.array([[float(n.get("cx")), float(n.get("cy"))] for n in root.iter("circle")])
    # Equal numbers lie on the diagonal, in the order of the percentages.
    assert np.argsort(dots[:, 0]).tolist() == [1, 0, 2]
    assert np.ptp(np.diff(dots[[1, 0, 2]], axis=0), axis=0) == pytest.approx([0, 0], abs=0.2)


def neutrophils(write_csv, a, b):
    """Compare sides that counted so many neutrophils among 100 cells on each slide."""
    first, second = (
        write_csv(
            f"{name}.csv",
            "slide,Neut,Lymph\n" + "".join(f"s{i},{n},{100 - n}\n" for i, n in enumerate(numbers)),
        )
        for name, numbers in (("a", a), ("b", b))
    )
    found = compare(first, second)
    return found.by_class[0], found.slide_name


def drawn(picture) -> ET.Element:
    return ET.fromstring(str(picture))


def test_the_scatter_is_drawn_to_scale(write_csv):
    """The box is 346 x 250 px from 46, 10 on; 0 to 100 %. 80 and 100 of 100 differ by more than chance."""
    compared, names = neutrophils(write_csv, [20, 50, 80], [10, 50, 100])
    root = drawn(scatter(compared, ("A", "B" * 40), names, "#0072b2"))
    assert [(n.get("cx"), n.get("cy")) for n in root.iter("circle")] == [
        ("115.2", "235.0"),
        ("219.0", "135.0"),
    ]
    (square,) = (n for n in root.iter("rect") if n.get("width") == "9")
    assert (square.get("x"), square.get("y")) == ("318.3", "5.5")
    assert square.find("title").text == "s2: 80.0 and 100.0"
    box = root.find("defs/clipPath/rect")
    assert box.attrib == {"x": "46", "y": "10", "width": "346", "height": "250"}
    texts = [n.text for n in root.iter("text")]
    assert texts == [*("0", "20", "40", "60", "80", "100") * 2, "A, %", f"{'B' * 31}…, %"]
    # The line of identity, from corner to corner; through three points no other one has an interval to fill.
    assert [n.get("d") for n in root.iter("path") if n.get("stroke-dasharray") == "5 4"] == [
        "M46.0 260.0 L392.0 10.0"
    ]
    assert list(root.iter("polygon")) == []


def test_differences_are_drawn_to_scale(write_csv):
    """Means 15, 50 and 90, differences -10, 0 and 20: 3.3 on average, limits -26.6 and 33.3, axis from -40 to 40."""
    compared, names = neutrophils(write_csv, [20, 50, 80], [10, 50, 100])
    root = drawn(difference_plot(compared, ("A", "B"), names, "#0072b2"))
    assert [(n.get("cx"), n.get("cy")) for n in root.iter("circle")] == [
        ("97.9", "166.2"),
        ("219.0", "135.0"),
    ]
    (square,) = (n for n in root.iter("rect") if n.get("width") == "9")
    # 90 of 100 across, 20 of 40 up.
    assert (float(square.get("x")) + 4.5, float(square.get("y")) + 4.5) == pytest.approx(
        (357.4, 72.5), abs=0.06
    )
    levels = [n.get("d") for n in root.iter("path") if n.get("d").count("L") == 1 and n.get("fill") == "none"]
    heights = [float(d.split()[1]) for d in levels]
    assert heights == pytest.approx([135.0, 124.6, 218.1, 31.0], abs=0.15)
    assert len(list(root.iter("polygon"))) == 3
    # By chance alone, for 100 cells each: 1.96 x sqrt(50 x 50 x 2 / 100) = 13.9 % in the middle, on either side.
    dotted = [n.get("d") for n in root.iter("path") if n.get("stroke-dasharray") == "1.5 3"]
    ends = [[float(y) for y in d.replace("M", "L").split("L")[30].split()[1:]] for d in dotted]
    assert [y for (y,) in ends] == pytest.approx([135 + 13.86 / 80 * 250, 135 - 13.86 / 80 * 250], abs=0.3)


def test_a_line_through_many_slides_has_its_interval_in_grey(write_csv):
    percents = [10, 14, 21, 26, 33, 40, 45, 52, 58, 64, 70, 77]
    compared, names = neutrophils(write_csv, percents, [p + 3 * (-1) ** i for i, p in enumerate(percents)])
    root = drawn(scatter(compared, ("A", "B"), names, "#0072b2"))
    (area,) = root.iter("polygon")
    corners = np.array([point.split(",") for point in area.get("points").split()], float)
    assert len(corners) == 60
    # Upper and lower edge go across the box and back, and the line lies between them.
    assert corners[[0, 29, 30, 59], 0].tolist() == [46, 392, 392, 46]
    line = compared.line
    x = (corners[:, 0] - 46) / 346 * 80
    heights = 260 - (line.intercept + line.slope * x) / 80 * 250
    assert (corners[:30, 1] <= heights[:30] + 0.1).all()
    assert (corners[30:, 1] >= heights[30:] - 0.1).all()
    assert np.ptp(corners[[14, 45], 1]) > 1


def test_json_says_everything_and_has_no_nan(models, tmp_path):
    written = json.loads(write_json(models, tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert written["research_use"] == RESEARCH_USE
    assert written["slides"] == ["<b>s3.png", "s1.png", "s2.png"]
    assert written["second"]["model_sha256"] == "cd" * 32
    assert np.array(written["cells"]["counts"]).sum() == models.cells.counts.sum()
    neutrophil = next(c for c in written["classes"] if c["class"] == "neutrophil")
    # A line through three slides has no interval.
    assert neutrophil["line"]["slope_low"] is None
    assert neutrophil["slides"][0]["counts"]["n_first"] > 150
    assert written == json.loads(json.dumps(to_dict(models)))


def test_the_table_by_slide_holds_counts_intervals_and_limits(write_csv):
    """10 of 200 are 2.4 to 9.0 % in the table of Rümke; of none the upper limit is 100 (1 - 0.025 ** (1 / 200))."""
    a = write_csv("a.csv", "slide,Neut,Lymph\ns1,10,190\n")
    table = slide_table(compare(a, write_csv("b.csv", "slide,Neut,Lymph\ns1,0,200\n")))
    assert list(table.columns) == [
        *("slide", "class", "percent_a", "percent_b", "count_a", "n_a", "count_b", "n_b"),
        *("low_a", "high_a", "low_b", "high_b", "limit_low_b", "limit_high_b", "p", "agree"),
    ]
    row = table.set_index("class").loc["neutrophil"]
    assert (row["slide"], row["percent_a"], row["percent_b"]) == ("s1", 5.0, 0.0)
    assert [row[name] for name in ("count_a", "n_a", "count_b", "n_b")] == [10, 200, 0, 200]
    assert (row["low_a"], row["high_a"]) == pytest.approx((2.4, 9.0), abs=0.05)
    assert (row["low_b"], row["high_b"]) == pytest.approx((0.0, 1.8275), abs=1e-3)
    assert row["limit_low_b"] > 0
    assert row["agree"] == 0
    percentages = slide_table(compare(a, write_csv("c.csv", "slide,NEUT%,LYMPH%\ns1,5,95\n")))
    assert percentages[["count_a", "low_a", "high_b", "limit_low_b", "p", "agree"]].isna().all(axis=None)


def test_tables_open_in_other_programs(models, tmp_path):
    by_class, by_slide, by_cell = write_tables(models, tmp_path)
    with by_class.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == [c.name for c in models.by_class]
    assert float(rows[0]["bias"]) == pytest.approx(models.by_class[0].differences.bias, rel=1e-5)
    slides = pd.read_csv(by_slide)
    assert len(slides) == 3 * len(models.by_class)
    counted = slides.dropna(subset="count_a")
    assert (100 * counted["count_a"] / counted["n_a"]).to_numpy() == pytest.approx(
        counted["percent_a"].to_numpy(), rel=1e-4
    )
    cells = pd.read_csv(by_cell, keep_default_na=False)
    assert len(cells) == len(models.cells.cells)
    assert set(class_table(models)["counts_apart"]) >= {0}


def test_names_that_a_spreadsheet_would_run_are_tamed(tmp_path, write_csv):
    table = "slide,Segs,Lymph\n=cmd(),120,80\ns2,100,100\n"
    found = compare(write_csv("a.csv", table), write_csv("b.csv", table))
    text = write_tables(found, tmp_path)[1].read_text()
    assert "\n'=cmd()" in text


def test_one_slide_has_its_own_table(write_csv):
    found = compare(
        write_csv("a.csv", "slide,Segs,Lymph,Mono\ns1,120,60,20\n"),
        write_csv("b.csv", "slide,Segs,Lymph,Mono\ns1,90,90,20\n"),
    )
    page = parsed(render_report(found, {}))
    assert "Percentages" in texts(page, ".//h2")
    assert "Line of Passing and Bablok" not in texts(page, ".//h2")
    rows = texts(page, ".//table[@class='stacked']/tbody/tr")
    assert sum("≠ differs" in row for row in rows) == 2
    assert "120 of 200" in rows[0]
    assert "90 of 200" in rows[0]


def test_two_readers_have_a_section(write_csv):
    found = compare(
        write_csv("one.csv", "slide,Segs,Lymph\ns1,120,80\ns2,150,50\n"),
        write_csv("test.csv", "slide,Segs,Lymph\ns1,240,160\ns2,260,140\n"),
        second_reader=write_csv("two.csv", "slide,Segs,Lymph\ns1,118,82\ns2,110,90\n"),
    )
    everything = " ".join(texts(parsed(render_report(found, {})), ".//body"))
    assert "The two readers: one and two" in everything
    assert "none: the readers agree" in everything
    assert "lymphocyte 50 and 90 (limits" in everything


def test_two_readers_of_the_same_cells(tmp_path, write_results):
    one = write_results(tmp_path / "one" / "s1", {"lymphocyte": 6, "monocyte": 4}).parent
    two = write_results(
        tmp_path / "two" / "s1", {"lymphocyte": 6, "monocyte": 4}, changes={0: "monocyte"}
    ).parent
    found = compare(one, one.parent / "two", second_reader=two)
    everything = " ".join(texts(parsed(render_report(found, {})), ".//body"))
    # Of 10 cells one: kappa 0.8, for 0.5 is expected.
    assert "10 cells found by both, 9 of 10 with a class by both called alike (90.0" in everything
    assert found.readers.cells.kappa.value == pytest.approx(0.8)
    assert found.cells is None


def test_pictures_of_changed_cells(tmp_path, write_results):
    a = write_results(tmp_path / "a" / "s1", {"lymphocyte": 4, "monocyte": 4}).parent
    b = write_results(tmp_path / "b" / "s1", {"lymphocyte": 4, "monocyte": 4}, changes={0: "monocyte"}).parent
    found = compare(a, b)
    images = tmp_path / "images"
    images.mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (400, 800, 3), np.uint8)
    Image.fromarray(picture).save(images / "s1.png")
    pictures = changed_pictures(found, images_by_key(found, [images]))
    assert [p.shape for p in pictures.values()] == [(96, 96, 3)]
    path = write_report(tmp_path / "comparison.html", found, pictures)
    page = parsed(path.read_text(encoding="utf-8"))
    assert len(list(page.iterfind(".//figure/img"))) == 1
    assert changed_pictures(found, {}) == {}


def test_pictures_of_another_image_are_refused(tmp_path, write_results):
    a = write_results(tmp_path / "a" / "s1", {"lymphocyte": 4}, sha256="aa").parent
    b = write_results(tmp_path / "b" / "s1", {"lymphocyte": 4}, changes={0: "monocyte"}, sha256="aa").parent
    found = compare(a, b)
    Image.fromarray(np.zeros((400, 800, 3), np.uint8) + 7).save(tmp_path / "s1.png")
    with pytest.raises(InputError, match="not the image that was counted"):
        changed_pictures(found, images_by_key(found, [tmp_path / "s1.png"]))


def test_a_slide_without_leukocytes_is_left_out_and_said(write_csv):
    table = "slide,Segs,Lymph\ns1,0,0\ns2,120,80\n"
    found = compare(write_csv("a.csv", table), write_csv("b.csv", table))
    assert len(found.by_class[0].slides) == 1
    assert any("without a leukocyte" in note for note in found.notes)
    assert render_report(found, {}).startswith("<!DOCTYPE html>")
