"""The charts of a report, shape by shape, with places that were worked by hand."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from napari_wbc.differential.charts import (
    FONT,
    INK,
    LINE,
    QUIET,
    SOFT,
    Segment,
    axis_ticks,
    hatched,
    hatches,
    interval_plot,
    stacked_bar,
)

BLUE, WHITE = "#0072b2", "#ffffff"
#: What a box of the interval plots is: -5 to 125 wide, so that a dot at either end of the axis is whole.
PLOT = {"class": "plot", "viewBox": "-5 0 130 18", "aria-hidden": "true"}
LETTERS = {"font-family": re.search('"(.*)"', FONT)[1]}


def parsed(svg) -> ET.Element:
    """Parse a drawing; nothing is written between its shapes."""
    root = ET.fromstring(str(svg))
    assert not [part.tail for part in root.iter() if part.tail]
    return root


def shapes(element) -> list[tuple]:
    return [(part.tag, part.attrib, part.text) for part in element]


def bar(*percents: float) -> ET.Element:
    names = [f"Class {i}" for i in range(len(percents))]
    return parsed(
        stacked_bar([Segment(n, f"C{n[-1]}", BLUE, WHITE, p) for n, p in zip(names, percents, strict=True)])
    )


def test_interval_over_its_reference():
    """The axis is 12 times the root: 4, 16, 25, 36 and 64 % lie at 24, 48, 60, 72 and 96."""
    root = parsed(interval_plot(25, 16, 36, (4, 64), BLUE))
    assert (root.tag, root.attrib) == ("svg", PLOT)
    assert shapes(root) == [
        ("line", {"stroke": LINE, "x1": "0", "x2": "120", "y1": "9", "y2": "9"}, None),
        ("rect", {"fill": SOFT, "x": "24.00", "y": "1.5", "width": "72.00", "height": "15", "rx": "2"}, None),
        (
            "path",
            {
                "fill": "none",
                "stroke": INK,
                "stroke-width": "1.2",
                "d": "M48.00 9 H72.00 M48.00 5.5 V12.5 M72.00 5.5 V12.5",
            },
            None,
        ),
        ("circle", {"cx": "60.00", "cy": "9", "r": "4", "fill": BLUE, "stroke": "#fff"}, None),
    ]


def test_whisker_of_the_wider_interval_and_bar_of_the_other():
    """9 and 49 % lie at 36 and 84."""
    _, whisker, box, dot = parsed(interval_plot(25, 16, 36, None, BLUE, (9, 49)))
    assert whisker.get("d") == "M36.00 9 H84.00 M36.00 5.5 V12.5 M84.00 5.5 V12.5"
    assert (box.tag, box.attrib) == (
        "rect",
        {"fill": INK, "x": "48.00", "y": "7", "width": "24.00", "height": "4"},
    )
    assert dot.get("cx") == "60.00"


def test_no_percentage_leaves_axis_and_reference():
    shown = parsed(interval_plot(math.nan, math.nan, math.nan, (1, 4), BLUE))
    assert [part.tag for part in shown] == ["line", "rect"]
    assert [part.tag for part in parsed(interval_plot(math.nan, math.nan, math.nan, None, BLUE))] == ["line"]


def test_ticks():
    """The roots of 5, 20 and 50 are 2.236, 4.472 and 7.071."""
    root = parsed(axis_ticks())
    assert root.attrib == PLOT | LETTERS
    looks = {"y": "12", "text-anchor": "middle", "font-size": "9", "fill": QUIET}
    places = {"0": "0.00", "5": "26.83", "20": "53.67", "50": "84.85", "100": "120.00"}
    assert shapes(root) == [("text", looks | {"x": x}, value) for value, x in places.items()]


def test_a_wide_part_of_the_bar_is_labelled_inside():
    """A label of 7 letters has 7 x 9.5 + 8 = 74.5 of room, in the middle of its part."""
    root = bar(50.0, 50.0)
    assert root.attrib == {
        "class": "bar",
        "viewBox": "-1 -1 1002 48",
        "role": "img",
        "aria-label": "Class 0 50.0 %; Class 1 50.0 %",
        **LETTERS,
    }
    definitions, first, second = root
    assert [part.get("id") for part in definitions] == ["hatch-1-ffffff"]
    assert shapes(first) == [
        ("title", {}, "Class 0: 50.0 %"),
        ("rect", {"x": "0.00", "y": "0", "width": "500.00", "height": "46", "fill": BLUE}, None),
        (
            "rect",
            {"x": "212.75", "y": "11", "width": "74.50", "height": "24", "rx": "3", "fill": BLUE},
            None,
        ),
        (
            "text",
            {
                "x": "250.00",
                "y": "28.5",
                "fill": WHITE,
                "text-anchor": "middle",
                "font-size": "16",
                "font-weight": "600",
            },
            "C0 50.0",
        ),
        (
            "line",
            {"x1": "500.00", "x2": "500.00", "y1": "0", "y2": "46", "stroke": "#fff", "stroke-width": "1.5"},
            None,
        ),
    ]
    assert [part.tag for part in second] == ["title", "rect", "rect", "rect", "text", "line"]
    assert second[1].attrib == first[1].attrib | {"x": "500.00"}
    assert second[2].attrib == {
        "x": "500.00",
        "y": "0",
        "width": "500.00",
        "height": "46",
        "fill": "url(#hatch-1-ffffff)",
    }
    assert (second[3].get("x"), second[4].get("x")) == ("712.75", "750.00")


def test_a_narrow_part_is_labelled_below():
    """4.5 % are 45 wide, from 955 on: its middle is 977.5, and a label keeps 37 from the edge."""
    root = bar(95.5, 4.5)
    assert root.get("viewBox") == "-1 -1 1002 86"
    assert shapes(root)[-2:] == [
        ("path", {"fill": "none", "stroke": "#9aa3ad", "d": "M977.50 46 V51 L963.00 62"}, None),
        (
            "text",
            {"x": "963.00", "y": "77", "fill": INK, "text-anchor": "middle", "font-size": "14"},
            "C1 4.5",
        ),
    ]
    assert [part.tag for part in root[2]] == ["title", "rect", "rect", "line"]


def test_where_a_label_fits():
    """A label of 6 letters and two more need 76 of 1000."""
    assert [part.text for part in bar(7.6, 92.4).iter("text")] == ["C0 7.6", "C1 92.4"]
    below = bar(7.5, 92.5)
    assert [(part.text, part.get("y")) for part in below.iter("text")] == [
        ("C1 92.5", "28.5"),
        ("C0 7.5", "77"),
    ]


@pytest.mark.parametrize(
    ("percents", "places"),
    [
        # Pushed to the right from the left edge, 74 apart.
        ((1.0, 1.0, 98.0), ["37.00", "111.00"]),
        # And back to the left from the right edge.
        ((98.0, 1.0, 1.0), ["889.00", "963.00"]),
        # Far enough apart, each under its middle.
        ((45.0, 5.0, 45.0, 5.0), ["475.00", "963.00"]),
    ],
)
def test_labels_below_move_apart(percents, places):
    root = bar(*percents)
    assert [part.get("x") for part in root.iter("text") if part.get("y") == "77"] == places


def test_a_class_without_cells_is_not_in_the_bar():
    root = bar(60.0, 0.0, 40.0)
    assert root.get("aria-label") == "Class 0 60.0 %; Class 2 40.0 %"
    assert [part.text for part in root.iter("title")] == ["Class 0: 60.0 %", "Class 2: 40.0 %"]


def test_text_in_the_bar_is_escaped():
    root = parsed(stacked_bar([Segment('<b>&"', "<i>", BLUE, WHITE, 100.0)]))
    assert root.get("aria-label") == '<b>&" 100.0 %'
    assert [part.text for part in root.iter("text")] == ["<i> 100.0"]


def test_neighbours_have_different_hatching_and_each_is_defined_once():
    """There are 6 hatchings beside the plain colour: the eighth part is plain again."""
    root = bar(*[10.0] * 10)
    used = [part.get("fill") for group in root[1:11] for part in group if "url" in part.get("fill", "")]
    assert used == [f"url(#hatch-{i}-ffffff)" for i in (1, 2, 3, 4, 5, 6, 1, 2)]
    patterns = root[0]
    assert [part.get("id") for part in patterns] == [f"hatch-{i}-ffffff" for i in range(1, 7)]
    drawings = [ET.tostring(part[0]) for part in patterns]
    assert len(set(drawings)) == 6
    assert hatched("", 0, WHITE) == hatched("", 7, WHITE) == ""


def test_hatching_has_the_ink_of_its_class():
    root = parsed(hatches([(9, "#14161a"), (2, "#14161a"), (1, WHITE), (0, WHITE), (7, WHITE)]))
    assert root.tag == "defs"
    looks = {"width": "10", "height": "10", "patternUnits": "userSpaceOnUse"}
    assert shapes(root) == [
        ("pattern", {"id": "hatch-1-ffffff", **looks}, None),
        ("pattern", {"id": "hatch-2-14161a", **looks}, None),
    ]
    assert shapes(root[1]) == [
        ("g", {"stroke": "#14161a", "fill": "#14161a", "stroke-width": "1", "opacity": "0.42"}, None)
    ]
    assert [part.tag for part in root[1][0]] == ["circle", "circle"]
    assert [part.tag for part in root[0][0]] == ["path"]
