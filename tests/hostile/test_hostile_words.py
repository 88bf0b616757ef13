"""Names that somebody gave: never a formula in a table, never markup on a page, never a command to a terminal."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import html5lib
import pandas as pd
import pytest

from napari_wbc.cli import main
from napari_wbc.cli.places import write_table
from napari_wbc.errors import InputError
from napari_wbc.slides import open_slide

#: What spreadsheets run, and what starts it.
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "'=1+1")
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
NAMES = [
    "=cmd|' calc'!A0.png",
    "<img src=x onerror=alert(1)>.png",
    "a b  c.png",
    "größe 血.png",
    "-rf.png",
    'x;y,z"q.png',
]
if sys.platform != "win32":
    NAMES += [
        "two\nlines \x1b[31mred.png",
        os.fsdecode(b"not \xff\xfe utf8.png"),
        "<script>alert(2)<\\script>.png",
    ]
#: Two for a sample sheet, and those that no sheet can name.
COUNTED = [*NAMES[:2], *NAMES[5:]]


def elements(page: Path) -> list[ET.Element]:
    """Every element of a page as a browser makes them."""
    tree = html5lib.parse(page.read_text(encoding="utf-8"), namespaceHTMLElements=False)
    return list(tree.iter())


def check_page(page: Path) -> None:
    for element in elements(page):
        assert element.tag not in ("script", "iframe", "object", "embed", "base"), element
        assert not any(name.startswith("on") for name in element.attrib), element.attrib
        if element.tag == "img":
            assert element.attrib["src"].startswith("data:image/"), element.attrib


def check_table(table: Path) -> None:
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            for field in row:
                is_number = field.lstrip("-").replace(".", "").isdecimal()
                assert is_number or not field.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), (
                    table.name,
                    field,
                )


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """Fields of such names on slides of such names; empty ones, which are quick to count."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("in")
    lines = ["image,slide,um_per_px"]
    for number, name in enumerate(COUNTED):
        place = folder / name
        Image.new("RGB", (60, 80), (230, 210, 215)).save(place)
        # A sheet is a text in UTF-8, one line per image: it cannot name every file.
        if name.isprintable():
            slide = (*FORMULAS, MARKUP)[number % 7].strip()
            lines.append(",".join(f'"{text.replace(chr(34), chr(34) * 2)}"' for text in (name, slide, "0.1")))
    (folder / "slides.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_names_of_files_and_slides_are_only_names(counted, tmp_path, capsys):
    out = tmp_path / "out"
    rest = [str(counted / name) for name in COUNTED if not name.isprintable()]
    given = [str(counted / "slides.csv"), *rest]
    assert main(["count", *given, "--out", str(out), "--um-per-px", "0.1", "--export", "fhir"]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    folders = [f for f in out.iterdir() if f.is_dir()]
    assert len(folders) == len(COUNTED)
    for page in [out / "cohort.html", *out.glob("*/report.html")]:
        check_page(page)
    for table in [*out.glob("*.csv"), *out.glob("*/*.csv")]:
        check_table(table)
    for file in [*out.glob("*/*.json"), *out.glob("*/*.geojson")]:
        json.loads(file.read_text(encoding="utf-8"))
    for bundle in out.glob("*/differential.fhir.json"):
        for entry in json.loads(bundle.read_text(encoding="utf-8")).get("entry", []):
            ET.fromstring(entry["resource"]["text"]["div"]) if "text" in entry["resource"] else None


def test_a_bad_file_of_any_name_is_one_line(tmp_path, capsys):
    for name in NAMES:
        (tmp_path / name).write_bytes(b"no image")
        assert main(["count", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 1
        line = capsys.readouterr().err
        assert line.count("\n") == 1, line
        assert line.rstrip("\n").isprintable(), line
        assert "not an image" in line
        with pytest.raises(InputError) as caught:
            open_slide(tmp_path / name)
        assert str(caught.value).isprintable()


def test_tables_of_single_cells_hold_no_formulas(tmp_path):
    table = pd.DataFrame({"path": FORMULAS, "label": "monocyte", "confidence": -0.5})
    write_table(table, tmp_path / "cells.csv")
    check_table(tmp_path / "cells.csv")
    assert pd.read_csv(tmp_path / "cells.csv")["confidence"].eq(-0.5).all()


def test_labels_of_a_person_are_no_formulas(tmp_path):
    from differential.conftest import build
    from napari_wbc.cell_table import read_cells_csv, write_cells_csv

    cells = build({"lymphocyte": len(FORMULAS)})[0].assign(label=FORMULAS, flags=FORMULAS[::-1], slide=MARKUP)
    back = read_cells_csv(write_cells_csv(cells, tmp_path / "cells.csv"))
    check_table(tmp_path / "cells.csv")
    assert back["label"].tolist() == list(FORMULAS)


def test_no_archive_is_unpacked_to_a_place_that_it_names():
    """Nothing of ours unpacks files: what is read of a zip is read by the names of its arrays, into memory."""
    source = Path(__file__).resolve().parents[2] / "src" / "napari_wbc"
    text = "".join(file.read_text(encoding="utf-8") for file in source.rglob("*.py"))
    for word in (
        ".extractall(",
        ".extract(",
        "unpack_archive",
        "tarfile",
        "pickle.load(",
        "yaml.load(",
        "shell=True",
    ):
        assert word not in text, word
    assert text.count("torch.load(") == text.count("weights_only=True") - text.count(
        "load_state_dict_from_url("
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a,b\n1,2,3\n", "more fields than the heading"),
        ("a,a\n1,2\n", "twice"),
        ('a,b\n"1,2\n', "cannot be read"),
        ("", "no table"),
        ("\xff", "cannot be read|no table"),
    ],
)
def test_no_field_slips_into_another_column(text, word, tmp_path):
    from napari_wbc.csv_file import read_csv

    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=word):
        read_csv(tmp_path / "t.csv", "a table")


LONG = "9" * 400


def test_names_too_long_for_a_file_are_one_line(tmp_path, small_file, capsys):
    sheet = tmp_path / "slides.csv"
    sheet.write_text(f"image,profile\n{small_file},{LONG}\n", encoding="utf-8")
    out = str(tmp_path / "out")
    for argv in (
        ["count", str(sheet), "--out", out],
        ["count", str(small_file), "--out", out, "--profile", LONG],
        ["count", LONG, "--out", out],
        ["count", str(small_file), "--out", out, "--model", LONG],
        ["count", str(small_file), "--out", out, "--slide-model", LONG],
        ["count", str(small_file), "--out", f"{out}/{LONG}"],
        ["segment", LONG, "--out", f"{out}.tif"],
        ["compare", LONG, LONG],
        ["compare", str(small_file), str(small_file), "--images", LONG],
        ["classify", LONG, "--out", f"{out}.csv", "--um-per-px", "0.1"],
        ["train", LONG, "--out", out],
        ["fine-tune", "--labels", LONG, "--out", out],
        ["models", "show", LONG],
    ):
        assert main(argv) in (1, 2), argv[0]
        line = capsys.readouterr().err
        assert line.count("\n") == 1, line
        assert "nexpected" not in line, line


def test_a_number_that_no_float_holds_is_none(tmp_path):
    from napari_wbc.differential.profile import load_profile
    from napari_wbc.differential.profile_file import parse_profile, profile_text

    text = profile_text(load_profile(None))
    assert "target_count: 200" in text
    with pytest.raises(InputError, match="target_count"):
        parse_profile(text.replace("target_count: 200", f"target_count: {LONG}"))
