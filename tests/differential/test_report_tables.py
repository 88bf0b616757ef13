"""The tables of a report about 100 cells, row by row; intervals are Wilson's."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_wbc.differential.charts import interval_plot
from napari_wbc.differential.count import Differential, differential
from napari_wbc.differential.pages import jpeg
from napari_wbc.differential.profile import load_profile
from napari_wbc.differential.profile_file import parse_profile
from napari_wbc.differential.report_pictures import overview_address
from napari_wbc.differential.report_review import review_line, review_rows, review_state, signature_of
from napari_wbc.differential.report_rows import (
    class_bar,
    errors_of,
    ink,
    inside_rows,
    outside_rows,
    ratio_rows,
    settle_rows,
)
from napari_wbc.leukocytes import class_of

LAB = """
schema_version: 1
name: lab
classes:
  - {name: neutrophil, reference: [45, 79]}
  - {name: lymphocyte, reference: [16, 47]}
  - {name: monocyte, reference: [0, 9], flag: {at_least: 10}}
  - {name: basophil, reference: [0, 2]}
  - {name: erythroblast, flag: {above: 3}}
merges: {neutrophil: [neutrophil_segmented, neutrophil_band]}
ratios:
  - {name: nlr, title: Neutrophils to lymphocytes, above: [neutrophil], below: [lymphocyte]}
  - {name: lm, title: Lymphocytes to basophils, above: [lymphocyte], below: [basophil]}
"""
LABELS = (
    ["neutrophil_segmented"] * 25
    + ["neutrophil_band"] * 5
    + ["lymphocyte"] * 60
    + ["monocyte"] * 10
    + ["erythroblast"] * 4
    + ["unidentified"] * 25
)


def counted(labels=LABELS, **options) -> Differential:
    return differential(pd.DataFrame({"label": labels}), parse_profile(LAB), **options)


@pytest.fixture(scope="module")
def hundred() -> Differential:
    return counted(wbc_per_l=5e9)


def test_a_row_of_the_denominator(hundred):
    """30 of 100: 21.9 to 39.6 %; of 125 with the unidentified cells 24 %; of 5 x 10⁹/L 1.5."""
    row = inside_rows(hundred)[0]
    blue = class_of("neutrophil").colour
    assert row.pop("plot") == interval_plot(30.0, 21.9, 39.6, (45.0, 79.0), blue)
    assert row == {
        "title": "Neutrophil",
        "colour": blue,
        "count": "30",
        "percent": "30.0",
        "interval": "21.9–39.6",
        "with_errors": "–",
        "with_unidentified": "24.0",
        "absolute": "1.50",
        "reference": "45–79",
        "flag": "low",
        "arrow": "▼",
        "settled": True,
        "before": "30",
        "percent_before": "30.0",
        "changed": False,
        "parts": "of which 25 segmented neutrophil, 5 band neutrophil",
    }


def test_the_other_rows_of_the_denominator(hundred):
    """60 of 100: 50.2 to 69.1 %, above 47; 10 of 100: 5.5 to 17.4 %, which holds the limit of 9; 0 of 100: 3.7."""
    kept = ("title", "percent", "interval", "absolute", "reference", "flag", "arrow", "settled", "parts")
    assert [tuple(row[name] for name in kept) for row in inside_rows(hundred)[1:]] == [
        ("Lymphocyte", "60.0", "50.2–69.1", "3.00", "16–47", "high", "▲", True, ""),
        ("Monocyte", "10.0", "5.5–17.4", "0.50", "0–9", "high, ≥ 10", "▲", False, ""),
        ("Basophil", "0.0", "≤ 3.7", "0.00", "0–2", "", "", True, ""),
    ]


def test_a_flag_is_settled_only_where_all_its_limits_are():
    """20 of 100 are 13.3 to 28.9 %: above 9 and 10; 14 of 100 are 8.5 to 22.1 %, which holds both."""
    rows = {n: inside_rows(counted(["monocyte"] * n + ["lymphocyte"] * (100 - n)))[2] for n in (14, 17, 20)}
    assert {n: row["flag"] for n, row in rows.items()} == dict.fromkeys((14, 17, 20), "high, ≥ 10")
    # 17 of 100 are 10.9 to 25.5 %.
    assert {n: row["settled"] for n, row in rows.items()} == {14: False, 17: True, 20: True}


def test_a_class_without_a_reference_interval():
    row = inside_rows(counted(["plasma_cell"] * 4))[-1]
    assert (row["title"], row["reference"], row["flag"], row["settled"]) == ("Plasma cell", "", "", True)
    assert row["plot"] == interval_plot(100.0, 51.0, 100.0, None, class_of("plasma_cell").colour)
    assert (row["interval"], row["absolute"]) == ("≥ 51.0", "")


def test_both_counts_of_a_review():
    cells = pd.DataFrame({"label": ["monocyte", "monocyte", "lymphocyte", "lymphocyte"]})
    cells["model_label"] = ["lymphocyte", "monocyte", "lymphocyte", "lymphocyte"]
    cells["status"] = ["reviewed", "model", "model", "model"]
    rows = {row["title"]: row for row in inside_rows(differential(cells, parse_profile(LAB)))}
    kept = ("count", "before", "percent_before", "changed")
    assert tuple(rows["Monocyte"][name] for name in kept) == ("2", "1", "25.0", True)
    assert tuple(rows["Lymphocyte"][name] for name in kept) == ("2", "3", "75.0", True)
    assert tuple(rows["Neutrophil"][name] for name in kept) == ("0", "0", "0.0", False)


def test_intervals_with_the_errors_of_the_model():
    chances = {"p_lymphocyte": [0.9] * 60 + [0.2] * 40, "p_monocyte": [0.1] * 60 + [0.8] * 40}
    cells = pd.DataFrame({"label": ["lymphocyte"] * 60 + ["monocyte"] * 40, **chances})
    found = differential(cells, parse_profile(LAB))
    low, high = errors_of(found)["lymphocyte"]
    row = next(row for row in inside_rows(found) if row["title"] == "Lymphocyte")
    assert row["with_errors"] == f"{low:.1f}–{high:.1f}"
    colour = class_of("lymphocyte").colour
    assert row["plot"] == interval_plot(60.0, 50.2, 69.1, (16.0, 47.0), colour, (low, high))


def test_rows_beside_the_denominator(hundred):
    """4 of 104 are 1.51 to 9.47 %: as odds, 1.5 to 10.5 per 100."""
    red_cell, unknown = (class_of(name).colour for name in ("erythroblast", "unidentified"))
    assert outside_rows(hundred) == [
        {
            "title": "Erythroblast (nucleated red cell)",
            "colour": red_cell,
            "count": "4",
            "per_100": "4.0",
            "interval": "1.5–10.5",
            "absolute": "0.20",
            "flag": "> 3",
            "before": "4",
        },
        {
            "title": "Unidentified",
            "colour": unknown,
            "count": "25",
            "per_100": "",
            "interval": "",
            "absolute": "",
            "flag": "",
            "before": "25",
        },
    ]


def test_as_many_erythroblasts_as_leukocytes_are_no_bound():
    (row, _) = outside_rows(counted(["lymphocyte"] * 4 + ["erythroblast"] * 4))
    # 4 of 8 are 21.52 to 78.48 %: odds of 0.274 and 3.646.
    assert (row["per_100"], row["interval"]) == ("100.0", "27.4–364.6")


def test_ratios(hundred):
    first, second = hundred.ratios
    rows = ratio_rows(hundred)
    assert rows[0] == {
        "title": "Neutrophils to lymphocytes",
        "cells": "30:60",
        "value": "0.50",
        "interval": f"{first.ci_low:.2f}–{first.ci_high:.2f}",
        "with_errors": f"{first.propagated_low:.2f}–{first.propagated_high:.2f}",
    }
    # 0.5 times or over exp(1.96 * sqrt(1/30 + 1/60)), which is 1.55.
    assert (first.ci_low, first.ci_high) == pytest.approx((0.32, 0.78), abs=0.04)
    assert rows[1] == {
        "title": "Lymphocytes to basophils",
        "cells": "60:0",
        "value": "–",
        "interval": "–",
        "with_errors": "–",
    }
    assert second.below == 0


def test_the_bar_has_every_class_of_the_denominator(hundred):
    bar = ET.fromstring(str(class_bar(hundred)))
    assert bar.get("aria-label") == "Neutrophil 30.0 %; Lymphocyte 60.0 %; Monocyte 10.0 %"
    assert [part.text for part in bar.iter("text")] == ["NEU 30.0", "LYM 60.0", "MON 10.0"]
    fills = [group[1].get("fill") for group in bar if group.tag == "g"]
    assert fills == [class_of(name).colour for name in ("neutrophil", "lymphocyte", "monocyte")]
    # Dark letters on yellow, light ones on blue and green.
    letters = [part.get("fill") for part in bar.iter("text")]
    assert letters == [ink("#2b93cf"), "#ffffff", "#14161a"]
    assert class_bar(counted(["platelet"])) is None


def test_ink():
    assert (ink("#ffff00"), ink("#000080")) == ("#14161a", "#ffffff")


def test_limits_that_more_cells_would_settle(hundred):
    """1.96² x 0.09 x 0.91 / 0.01² = 3146 cells set 10 % apart from 9 %; none do so from 10 %; 189 for 0 % and 2 %."""
    assert settle_rows(hundred) == [
        {"title": "Monocyte", "limit": "9", "interval": "5.5–17.4", "more": "≈ 3100"},
        {"title": "Monocyte", "limit": "10", "interval": "5.5–17.4", "more": "> 10\u202f000"},
        {"title": "Basophil", "limit": "2", "interval": "0.0–3.7", "more": "≈ 89"},
    ]
    # Below a routine count, no class has a sentence of its own.
    assert settle_rows(counted(["monocyte"] * 5 + ["lymphocyte"] * 45)) == []


# ---- review --------------------------------------------------------------------------------------------------


def test_what_a_person_changed():
    cells = pd.DataFrame(
        {
            "status": ["reviewed", "reviewed", "reviewed", "excluded", "model"],
            "label": ["monocyte", "monocyte", "lymphocyte", "lymphocyte", "basophil"],
            "model_label": ["lymphocyte", "lymphocyte", "lymphocyte", "neutrophil_band", "lymphocyte"],
        }
    )
    assert review_rows(cells, load_profile(None)) == [
        {"model": "Lymphocyte", "person": "Monocyte", "count": "2"},
        {"model": "Band neutrophil", "person": "excluded", "count": "1"},
    ]
    assert review_line(cells) == (
        "A person looked at 4 of 5 cells: 1 kept the label of the model, 2 got another one, 1 was excluded."
    )
    assert review_line(cells.iloc[:2]) == (
        "A person looked at 2 of 2 cells: 0 kept the label of the model, 2 got another one, 0 were excluded."
    )
    assert review_rows(cells.iloc[[2, 4]], load_profile(None)) == []


@pytest.mark.parametrize(
    ("kinds", "shown", "last"), [(12, 12, ("Lymphocyte", "1")), (13, 12, ("other changes", "3"))]
)
def test_twelve_kinds_of_change_have_a_row(kinds, shown, last):
    to = [f"own_{i:02d}" for i in range(kinds) for _ in range(kinds - i)]
    cells = pd.DataFrame({"status": "reviewed", "label": to, "model_label": "lymphocyte"})
    rows = review_rows(cells, load_profile(None))
    assert len(rows) == shown
    assert (rows[-1]["model"], rows[-1]["count"]) == last
    assert rows[-1]["person"] == ("Own 11" if kinds == 12 else "")


def test_signature():
    signed = {"by": "A. Example", "at": "2026-03-05T08:00:00+00:00", "note": "twice", "cells_sha256": "ef"}
    found = signature_of({"review": {"signed": signed}})
    assert found == {**signed, "on": "2026-03-05"}
    assert signature_of({"review": {"signed": {"by": "B"}}}) == {
        "by": "B",
        "at": "",
        "note": "",
        "cells_sha256": "",
        "on": "",
    }
    assert signature_of({}) is signature_of({"review": {"signed": None}}) is None
    cells = pd.DataFrame({"status": ["model", "reviewed"]})
    assert review_state({"review": {"signed": signed}}, cells) == "reviewed and signed by A. Example"
    assert review_state({}, cells) == "reviewed, not signed"
    assert review_state({}, cells.iloc[:1]) == "labels of the model, not reviewed"


# ---- pictures ------------------------------------------------------------------------------------------------


def opened(address: str) -> Image.Image:
    import base64

    head, content = address.split(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_picture_within_the_page_is_the_picture():
    ramp = np.broadcast_to(np.arange(0, 240, 5, dtype=np.uint8)[:, None, None], (48, 64, 3)).copy()
    written = opened(jpeg(ramp, 90))
    assert (written.format, written.size) == ("JPEG", (64, 48))
    assert np.abs(np.asarray(written).astype(int) - ramp).mean() < 2
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    assert len(jpeg(noise, 40)) < len(jpeg(noise, 85)) / 1.5


def test_the_overview_is_small_and_its_marks_lie_on_the_cells(make_cells):
    """3300 px become 1100: a third each way. A cell at 6000, 3000 on a slide of 10 px per px lies at 200, 100."""
    cells, _, _ = make_cells({"lymphocyte": 1})
    cells = cells.assign(bbox_y0=2700, bbox_x0=5700, bbox_y1=3300, bbox_x1=6300)
    overview = np.full((600, 3300, 3), 235, np.uint8)
    picture = opened(overview_address(overview, cells, 10.0))
    assert picture.size == (1100, 200)
    near = np.abs(np.asarray(picture).astype(int) - (0, 158, 115)).max(axis=-1) < 60
    y, x = np.nonzero(near)
    # A ring of a radius of 10 with a line of 1.6.
    assert (np.median(x), np.median(y)) == pytest.approx((200, 100), abs=3)
    assert (np.abs(np.hypot(x - 199.5, y - 99.5) - 10) < 3.5).mean() > 0.9
    assert opened(overview_address(overview[:, :1600], cells, 10.0)).size == (1600, 600)
