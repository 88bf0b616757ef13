"""Tables of analysers and readers: usual names, mapped names, and one plain line for what cannot be read."""

from __future__ import annotations

import math

import pytest

from napari_wbc.batch_table import CountSummary, ImageCounts, write_counts_csv
from napari_wbc.comparison.analyser import column_class, read_analyser, read_columns
from napari_wbc.errors import InputError

SYSMEX = """Sample No.,WBC(10^3/uL),NEUT#(10^3/uL),NEUT%(%),LYMPH%(%),MONO%(%),EO%(%),BASO%(%),NRBC%(%)
A1,7.2,4.4,61.0,27.0,8.0,3.0,1.0,0.5
A2,5.1,2.5,49.5,40.5,7.0,2.5,0.5,0.0
"""


@pytest.mark.parametrize(
    ("heading", "meaning"),
    [
        ("NEUT%(%)", "neutrophil"),
        ("Ne %", "neutrophil"),
        ("Segs", "neutrophil_segmented"),
        ("Bands [%]", "neutrophil_band"),
        ("LYMPH%", "lymphocyte"),
        ("Ly#", "lymphocyte"),
        ("Monocytes (%)", "monocyte"),
        ("EO%", "eosinophil"),
        ("BASO%", "basophil"),
        ("IG%", "immature_granulocyte"),
        ("NRBC%", "erythroblast"),
        ("percent_metamyelocyte", "metamyelocyte"),
        ("Eosinophil percent", "eosinophil"),
        ("HGB", None),
        ("MCV", None),
    ],
)
def test_usual_names(heading, meaning):
    assert column_class(heading) == meaning


def test_percentages_by_their_names(write_csv):
    side = read_analyser(write_csv("xn.csv", SYSMEX))
    first = side.slides["a1"]
    assert first.numbers == {
        "neutrophil": 61.0,
        "lymphocyte": 27.0,
        "monocyte": 8.0,
        "eosinophil": 3.0,
        "basophil": 1.0,
        "erythroblast": 0.5,
    }
    assert math.isnan(first.leukocytes)
    assert side.title == "xn"


def test_whole_numbers_without_a_percent_sign_are_cells(write_csv):
    side = read_analyser(write_csv("reader.csv", "slide;Segs;Bands;Lymph;Mono\ns1;120;10;60;10\n"))
    assert side.slides["s1"].leukocytes == 200
    assert side.slides["s1"].numbers["neutrophil_band"] == 10


def test_percentages_with_the_number_of_cells(write_csv):
    side = read_analyser(write_csv("a.csv", "slide,NEUT%,LYMPH%,cells\ns1,60,40,500\n"))
    assert side.slides["s1"].leukocytes == 500
    assert side.slides["s1"].numbers["neutrophil"] == pytest.approx(300)


def test_absolute_numbers_are_shares_of_their_sum(write_csv):
    side = read_analyser(write_csv("abs.csv", "ID,NEUT#,LYMPH#,MONO#\ns1,4.5,2.1,0.4\n"))
    assert side.slides["s1"].numbers == {"neutrophil": 4.5, "lymphocyte": 2.1, "monocyte": 0.4}
    assert not side.slides["s1"].counted


def test_decimal_commas_and_dashes(write_csv):
    side = read_analyser(write_csv("de.csv", "Slide;NEUT%;LYMPH%;BASO%\ns1;60,5;39,5;-\n"))
    assert side.slides["s1"].numbers == {"neutrophil": 60.5, "lymphocyte": 39.5, "basophil": 0.0}


def test_neutrophils_that_hold_the_immature_granulocytes_lose_them(write_csv):
    text = "Sample ID,NEUT%,LYMPH%,MONO%,IG%\ns1,70,20,10,4\ns2,60,30,10,0.5\n"
    side = read_analyser(write_csv("xn.csv", text))
    assert side.slides["s1"].numbers["neutrophil"] == 66
    assert side.slides["s1"].numbers["immature_granulocyte"] == 4
    assert "taken off" in side.notes[0]


def test_immature_granulocytes_beside_the_neutrophils_stay(write_csv):
    side = read_analyser(write_csv("d.csv", "slide,NEUT%,LYMPH%,IG%\ns1,66.0,30.0,4.0\n"))
    assert side.slides["s1"].numbers["neutrophil"] == 66
    assert side.notes == ()


def test_a_file_for_columns_says_what_others_mean(write_csv):
    table = write_csv("x.csv", "Probe,gran.,agran.,M,LUC%\np1,60,30,8,2\n")
    columns = read_columns(
        write_csv(
            "c.yaml", 'Probe: slide\ngran.: neutrophil\n"agran.": lymphocyte\nM: lymphocyte\nLUC%: ignore\n'
        )
    )
    side = read_analyser(table, columns)
    # Two columns of one class are added up.
    assert side.slides["p1"].numbers == {"neutrophil": 60.0, "lymphocyte": 38.0}


def test_a_column_of_percentages_that_is_not_read_is_named(write_csv):
    side = read_analyser(write_csv("x.csv", "slide,NEUT%,LYMPH%,LUC%\ns1,60.5,38.0,1.5\n"))
    assert "LUC%" in side.notes[0]


def test_rows_without_a_number_are_left_out_and_named(write_csv):
    side = read_analyser(
        write_csv("x.csv", "slide,NEUT%,LYMPH%\ns1,60.5,39.5\ns2,----,----\ns3,,\ns4,50.5,49.5\n")
    )
    assert list(side.slides) == ["s1", "s4"]
    assert "s2, s3" in side.notes[0]


def test_our_own_table_of_a_batch(tmp_path):
    summary = CountSummary(
        leukocytes=200,
        counts={"neutrophil": 120, "lymphocyte": 80},
        percents={"neutrophil": 60.0, "lymphocyte": 40.0},
        titles={"neutrophil": "Neutrophil", "lymphocyte": "Lymphocyte"},
        per_100={"erythroblast": 1.0},
        unidentified=3,
        excluded=1,
        alarms=(),
    )
    rows = [ImageCounts("s1.svs", "s1", summary), ImageCounts("s2.svs", "s2", problem="broken")]
    side = read_analyser(write_counts_csv(rows, tmp_path / "counts.csv"))
    assert list(side.slides) == ["s1"]
    assert side.slides["s1"].leukocytes == 200
    assert side.slides["s1"].numbers["neutrophil"] == 120


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slide,NEUT%,LYMPH%\ns1,,\n", "no row has a number"),
        ("NEUT%,LYMPH%\n60.5,39.5\n", "no column names the slides"),
        ("slide,HGB\ns1,12\n", "no columns of leukocyte classes"),
        ("slide,NEUT%,LYMPH%\ns1,60.5,abc\n", "row 2, column LYMPH%: 'abc'"),
        ("slide,NEUT%,LYMPH%\ns1,60.5,-3x\n", "no number"),
        ("slide,NEUT%,LYMPH%\ns1,60.5,20\n", "sum to 80.5"),
        ("slide,NEUT%,LYMPH%\ns1,80.5,60\n", "sum to 140.5"),
        ("slide,NEUT%,LYMPH%\ns1,60.5,39.5\nS1,50,50\n", "there twice"),
        ("slide,NEUT%,LYMPH%\n,60.5,39.5\n", "has no slide"),
        ("slide,NEUT%,LYMPH%\n", "no rows"),
        ("", "no table"),
    ],
)
def test_one_plain_line_for_what_is_no_table(write_csv, text, words):
    with pytest.raises(InputError) as caught:
        read_analyser(write_csv("bad.csv", text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "bad.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "one line per column"),
        ("NEUT%: unicorn\n", "'unicorn'"),
        ("a: [b\n", "no valid YAML"),
        ("", "one line per column"),
    ],
)
def test_one_plain_line_for_a_bad_file_of_columns(write_csv, text, words):
    with pytest.raises(InputError) as caught:
        read_columns(write_csv("columns.yaml", text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_not_there(write_csv):
    table = write_csv("x.csv", "slide,NEUT%,LYMPH%\ns1,60.5,39.5\n")
    with pytest.raises(InputError, match="no column 'NE'"):
        read_analyser(table, {"NE": "neutrophil"})


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"slide,NEUT%\n\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_analyser(path)


def test_a_row_of_absolute_numbers_without_a_leukocyte_is_named(write_csv):
    with pytest.raises(InputError, match="the slide 's2' has no leukocytes; take the row out"):
        read_analyser(write_csv("a.csv", "slide,Neut,Lymph\ns1,4.2,1.8\ns2,0,0.0\n"))
