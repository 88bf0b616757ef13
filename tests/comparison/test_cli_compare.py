"""``napari-wbc compare``: what it prints and writes, a real review, and one plain line for what is wrong."""

from __future__ import annotations

import pytest

import napari_wbc as wbc
from command_line import complaint
from napari_wbc.cli import main
from napari_wbc.comparison import compare
from napari_wbc.review.folder import save_session

READER = "slide,Segs,Lymph,Mono\ns1,120,60,20\ns2,150,40,10\ns3,100,90,10\n"


def test_it_prints_and_writes(write_csv, tmp_path, capsys):
    a = write_csv("a.csv", READER)
    b = write_csv("b.csv", READER.replace("120,60", "110,70"))
    out = tmp_path / "out"
    assert main(["compare", str(a), str(b), "--names", "Anna", "Bert", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "A  Anna\nB  Bert\n3 slides in common" in printed
    assert "For research use only" in printed
    assert sorted(path.name for path in out.iterdir()) == [
        "comparison.csv",
        "comparison.html",
        "comparison.json",
        "comparison_slides.csv",
    ]


def test_without_a_place_it_prints_only(write_csv, tmp_path, capsys):
    a = write_csv("a.csv", READER)
    assert main(["compare", str(a), str(write_csv("b.csv", READER))]) == 0
    assert "Lymphocyte" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "no slide in common"),
        (["--columns", "{folder}/missing.yaml"], "cannot be read"),
        (["--profile", "{folder}/missing.yaml"], "cannot be read as a profile"),
        (["--slides", "{folder}/a.csv"], "the columns image and slide are wanted"),
        (["--images", "{folder}/nowhere"], "no such file or folder"),
        (["--tolerance", "0"], "no distance between cells"),
        (["--out", "{folder}/a.csv"], "no slide in common"),
    ],
)
def test_one_plain_line_for_what_is_wrong(write_csv, tmp_path, capsys, more, words):
    a = write_csv("a.csv", READER)
    b = write_csv("b.csv", READER.replace("s1", "x1").replace("s2", "x2").replace("s3", "x3"))
    options = [text.format(folder=tmp_path) for text in more]
    assert main(["compare", str(a), str(b), *options]) == 2
    assert words in complaint(capsys)


def test_slides_that_are_called_like_patients_are_pointed_out(write_csv, capsys):
    table = write_csv("a.csv", READER.replace("s1", "DOE^JANE"))
    assert main(["compare", str(table), str(write_csv("b.csv", table.read_text()))]) == 0
    assert "'DOE^JANE' looks like a name" in capsys.readouterr().err


def test_a_place_that_is_a_file(write_csv, capsys):
    a = write_csv("a.csv", READER)
    assert main(["compare", str(a), str(write_csv("b.csv", READER)), "--out", str(a)]) == 2
    assert "a file is in the way" in complaint(capsys)


@pytest.mark.slow
def test_a_real_count_and_its_review(smear_file, tmp_path, capsys):
    result = wbc.count(smear_file, um_per_px=0.1)
    result.write(tmp_path / "results" / "smear")
    session = save_session(result, tmp_path / "results" / "smear.wbcreview")
    before = str(session.cells["label"].iloc[0])
    session.relabel([0], "basophil" if before != "basophil" else "monocyte")
    session.exclude([1])

    # The review alone knows the image, so that its changed cell is shown.
    folder = str(session.folder)
    out = tmp_path / "out"
    assert main(["compare", folder, folder, "--out", str(out), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert (out / "comparison.html").read_text(encoding="utf-8").count("data:image/jpeg") == 1

    found = compare(tmp_path / "results" / "smear", folder)
    assert found.cells.changed[["label_a", "label_b"]].to_numpy().tolist() == [
        [before, session.cells["label"].iloc[0]]
    ]
    assert found.cells.counts[:, -1].sum() == 1
    assert found.second.source == "reviews"
    # Of results and review beside each other the review counts, of two reviews the later.
    assert compare(tmp_path / "results", folder).cells.changed.empty
    second = save_session(result, tmp_path / "results" / "smear-2.wbcreview")
    second.relabel([0], "eosinophil")
    changed = compare(tmp_path / "results", folder).cells.changed
    assert "eosinophil" in set(changed["label_a"])
