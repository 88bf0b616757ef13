"""The report holds the numbers of the CSV, everything it shows, and nothing that runs."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from napari_wbc.differential import profile as profile_module
from napari_wbc.differential.charts import Segment, axis_position, stacked_bar
from napari_wbc.differential.count import differential
from napari_wbc.differential.exports import write_differential_csv
from napari_wbc.differential.profile_file import parse_profile
from napari_wbc.differential.report import write_report
from napari_wbc.differential.report_pictures import GALLERY_PER_CLASS
from napari_wbc.errors import OutputError

RUN = {
    "program": "napari-wbc",
    "version": "0.1.0",
    "finished": "2026-03-04T10:12:44+00:00",
    "image": {"name": "smear 7.svs", "sha256": "4b" * 32, "height_px": 12000, "width_px": 20000},
    "scale": {"um_per_px": 0.1302, "origin": "red_cells", "confidence": 0.87, "n_red_cells": 412},
    "slide_model": {"confidence": 0.93, "red_cell_fraction": 0.31, "threshold_nucleus": 0.184},
    "model": {"name": "robust", "sha256": "9f" * 32},
    "parameters": {"um_per_px": None, "regions": [[0, 0, 5, 5]], "profile": "x", "profile_sha256": "cd" * 32},
    "packages": {"numpy": "2.0.0"},
}


class Tables(HTMLParser):
    """Collects tables as rows of texts, and every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self._rows: list[list[str]] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "table":
            self._rows = self.tables.setdefault(dict(attributes).get("class", "provenance"), [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, text):
        self.text.append(text)
        if self._in_cell:
            self._rows[-1][-1] += text.strip()


def report(tmp_path, blood, run=RUN, **options):
    cells, _, image = blood
    result = differential(cells, **options)
    crops = {int(i): np.full((96, 96, 3), 150, np.uint8) for i in cells["cell_id"]}
    path = tmp_path / "report.html"
    write_report(
        path, cells=cells, differential=result, run=run, overview=image, overview_scale=1.0, crops=crops
    )
    return result, path.read_text(encoding="utf-8")


def test_numbers_are_those_of_the_csv(tmp_path, blood):
    result, html = report(tmp_path, blood, wbc_per_l=7.2e9)
    with write_differential_csv(result, tmp_path / "d.csv").open(newline="", encoding="utf-8") as file:
        written = [row for row in csv.DictReader(file) if row["in_denominator"] == "1"]
    shown = [r for r in Tables(html).tables["differential"][1:-1] if len(r) > 1]
    assert len(shown) == len(written)
    for row, cells in zip(written, shown, strict=True):
        title, count, percent, interval, both, _, _, absolute, reference, flag = cells
        assert title == result.titles[row["class"]]
        assert (count, percent) == (row["count"], row["percent"])
        expected = f"≤ {row['ci_high']}" if count == "0" else f"{row['ci_low']}–{row['ci_high']}"
        assert interval == expected
        low, high = result.propagated.intervals[row["class"]]
        assert both == (f"≤ {high:.1f}" if low == 0 else f"{low:.1f}–{high:.1f}")
        assert low <= float(row["ci_low"]) <= float(row["ci_high"]) <= high
        assert absolute == f"{float(row['absolute_per_l']) / 1e9:.2f}"
        assert reference == (
            f"{row['reference_low']}–{row['reference_high']}" if row["reference_low"] else ""
        )
        assert bool(flag) == bool(row["flag"])


def test_ratios_stand_with_both_intervals(tmp_path, blood):
    _, html = report(tmp_path, blood)
    rows = {r[0]: r[1:] for r in Tables(html).tables["settle"] if len(r) > 1}
    # 116 segmented and 8 band neutrophils, 52 lymphocytes: 124 / 52 = 2.38.
    value, interval, both = rows["Neutrophils to lymphocytes124:52"]
    assert value == "2.38"
    assert "–" in interval
    assert "–" in both


def test_titles_are_in_the_language_of_the_profile(tmp_path, blood):
    given = profile_module.__file__.replace("profile.py", "profiles/adult_peripheral_blood.yaml")
    text = Path(given).read_text(encoding="utf-8").replace("language: en", "language: de")
    _, html = report(tmp_path, blood, profile=parse_profile(text, "a profile"))
    page = Tables(html)
    assert "Lymphozyt" in [row[0] for row in page.tables["differential"]]
    assert "Lymphozyt 52" in "".join(page.text)
    assert [a["alt"] for tag, a in page.tags if tag == "img" and a["alt"].startswith("Lymphozyt, cell")]
    assert "Lymphocyte" not in "".join(page.text)


def test_review_shows_both_counts(tmp_path, blood):
    cells = blood[0]
    cells.loc[cells["label"] == "lymphocyte", ["label", "status"]] = ["monocyte", "reviewed"]
    _, html = report(tmp_path, blood)
    rows = {r[0]: r for r in Tables(html).tables["differential"]}
    assert (rows["Lymphocyte"][1], rows["Lymphocyte"][-2:]) == ("0", ["52", "26.0"])
    assert (rows["Monocyte"][1], rows["Monocyte"][-2:]) == ("66", ["14", "7.0"])
    assert "✓" in html


def test_everything_is_inside_the_file(tmp_path, blood):
    _, html = report(tmp_path, blood)
    page = Tables(html)
    sources = [a["src"] for tag, a in page.tags if "src" in a]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not [a for _, a in page.tags if "href" in a]
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "form", "base"}
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


def test_provenance_and_lines(tmp_path, blood):
    _, html = report(tmp_path, blood)
    provenance = dict(r for r in Tables(html).tables["provenance"])
    assert provenance["Image SHA-256"] == "4b" * 32
    assert provenance["Model SHA-256"] == "9f" * 32
    assert provenance["Profile SHA-256"] == "cd" * 32
    assert (
        provenance["Scale"] == "0.1302 µm per px, estimated from the size of 412 red cells (confidence 0.87)"
    )
    assert provenance["Stain"].startswith("confidence 0.93; red cells on 31 %")
    assert provenance["Image size"] == "20 000 × 12 000 px".replace(" 0", "\u202f0")
    assert provenance["Program"] == "napari-wbc 0.1.0"
    assert html.count("For research use only. Not for use in diagnostic procedures.") >= 2
    text = " ".join("".join(Tables(html).text).split())
    assert "If every unidentified cell were a blast" in text
    assert "95 % intervals of sampling (Wilson score)" in text.replace("\xa0", " ")
    assert "The model cannot recognise: variant lymphocyte, blast, plasma cell" in text


def test_text_of_users_is_escaped(tmp_path, make_cells):
    name = "=cmd()<script>alert(1)</script>\" onload='x'.png"
    blood = make_cells({"lymphocyte": 3, "<b>own</b>": 2, "unidentified": 1}, slide=name)
    run = {**RUN, "image": {**RUN["image"], "name": name}, "model": {"name": "<i>m</i>", "sha256": ""}}
    _, html = report(tmp_path, blood, run=run)
    page = Tables(html)
    assert "<script" not in html
    assert not [tag for tag, _ in page.tags if tag in ("b", "i") and tag == "script"]
    assert "&lt;b&gt;own" in html
    assert "&lt;i&gt;m&lt;/i&gt;" in html
    assert not [a for _, a in page.tags if "onload" in a]
    assert name in "".join(page.text)


def test_no_diagnosis_is_named(tmp_path, blood):
    _, html = report(tmp_path, blood)
    words = (
        "leuka?emi|ana?emi|sepsis|infection|malignan|disease|patient|diagnos(?!tic procedures)|left shift|cytosis|penia"
        "|lymphoma"
    )
    assert re.findall(words, re.sub(r"base64,[^\"]+", "", html), re.IGNORECASE) == []


def test_alarm_stands_at_the_top(tmp_path, make_cells):
    _, html = report(tmp_path, make_cells({"lymphocyte": 20, "unidentified": 10}))
    assert html.index('class="alarm"') < html.index('class="differential"')
    assert "This count is not reliable" in html
    _, calm = report(tmp_path, make_cells({"lymphocyte": 20}))
    assert 'class="alarm"' not in calm


def test_no_cells(tmp_path, make_cells):
    _, html = report(tmp_path, make_cells({}))
    assert "No leukocyte was found" in html
    assert 'class="differential"' not in html
    assert "nan" not in re.sub(r"base64,[^\"]+", "", html).lower().replace("napari", "").split()


def test_report_without_pictures_and_with_a_bare_run(tmp_path, blood):
    cells, _, _ = blood
    path = tmp_path / "report.html"
    write_report(path, cells=cells, differential=differential(cells), run={}, overview=None)
    html = path.read_text(encoding="utf-8")
    assert "<h1>smear</h1>" in html
    assert "<img" not in html


def test_gallery_goes_from_sure_to_unsure_and_is_limited(tmp_path, make_cells):
    cells, _, _ = make_cells({"lymphocyte": 90, "monocyte": 3})
    rng = np.random.default_rng(0)
    crops = {i: rng.integers(0, 255, (96, 96, 3), dtype=np.uint8) for i in cells["cell_id"]}
    path = tmp_path / "report.html"
    overview = rng.integers(0, 255, (3000, 4000, 3), dtype=np.uint8)
    write_report(
        path,
        cells=cells,
        differential=differential(cells),
        run=RUN,
        overview=overview,
        overview_scale=0.1,
        crops=crops,
    )
    html = path.read_text(encoding="utf-8")
    lymphocytes = [
        float(v)
        for v in re.findall(r'alt="Lymphocyte, cell \d+[^"]*" title="[^"]*confidence ([\d.]+)"', html)
    ]
    assert len(lymphocytes) == GALLERY_PER_CLASS
    assert lymphocytes == sorted(lymphocytes, reverse=True)
    assert (lymphocytes[0], lymphocytes[-1]) == (0.95, 0.86)
    assert "66 more" in html
    assert "24 of 90" in html
    # Noise is the worst that a picture can hold.
    assert path.stat().st_size < 5e6


def test_an_unwritable_place_is_one_plain_line(tmp_path, blood):
    with pytest.raises(OutputError, match="nowhere"):
        report(tmp_path / "nowhere", blood)


def test_bar_parts_are_as_wide_as_their_percentages_and_labels_stay_apart():
    percents = [90.0, 5.0, 2.0, 1.5, 1.0, 0.5, 0.0]
    bar = str(
        stacked_bar([Segment(f"Class {i}", f"C{i}", "#0072b2", "#ffffff", p) for i, p in enumerate(percents)])
    )
    widths = re.findall(r'<rect x="([\d.]+)" y="0" width="([\d.]+)" height="46" fill="#0072b2"/>', bar)
    assert [float(w) for _, w in widths] == [900, 50, 20, 15, 10, 5]
    places = [float(x) for x in re.findall(r'<text x="([\d.]+)" y="77" fill="#1c222b"', bar)]
    assert len(places) == 5
    assert np.diff(places).min() >= 73.9
    assert places[-1] <= 1000
    assert "C6" not in bar


def test_axis_runs_from_0_to_100():
    assert [axis_position(p) for p in (0, 25, 100)] == [0, 60, 120]
