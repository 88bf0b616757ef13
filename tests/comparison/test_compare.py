"""Two sides: read from every kind of file, matched, and put into figures that can be worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from comparison.conftest import BLOOD
from differential.conftest import build
from napari_wbc.cell_table import read_cells_csv, write_cells_csv
from napari_wbc.comparison import compare, read_side
from napari_wbc.comparison.classes import common_classes
from napari_wbc.comparison.sides import pooled, read_slide_names
from napari_wbc.differential.count import differential
from napari_wbc.differential.exports import write_differential_csv
from napari_wbc.differential.profile import load_profile
from napari_wbc.errors import InputError

ANALYSER = "slide,NEUT%,LYMPH%,MONO%,EO%,BASO%,NRBC%\ns1,60.0,27.0,8.0,4.0,1.0,2.0\n"


def by_name(comparison):
    return {c.name: c for c in comparison.by_class}


def test_results_against_an_analyser(tmp_path, write_results, write_csv):
    results = write_results(tmp_path / "ours" / "s1", BLOOD).parent
    found = compare(write_csv("xn.csv", ANALYSER), results)
    classes = by_name(found)
    # 120 of 200 neutrophils (bands and segmented, which the analyser does not tell apart), 54 lymphocytes ...
    assert {name: c.mean_second for name, c in classes.items()} == pytest.approx(
        {"neutrophil": 60, "lymphocyte": 27, "monocyte": 8, "eosinophil": 4, "basophil": 1, "erythroblast": 2}
    )
    assert all(c.mean_first == pytest.approx(c.mean_second) for c in classes.values())
    assert classes["neutrophil"].slides[0].counts is None
    assert found.cells is None


def test_two_models_on_the_same_cells(tmp_path, write_results):
    a = write_results(tmp_path / "old" / "s1", BLOOD).parent
    changes = {0: "neutrophil_band", 120: "monocyte", 121: "unidentified"}
    b = write_results(tmp_path / "new" / "s1", BLOOD, changes=changes, moved_px=3, without=(203,)).parent
    found = compare(a, b)
    cells = found.cells
    assert cells.agreement_all.n == 203
    # One of 204 was not found, one is without a class; two of the other 202 are called differently.
    assert (cells.agreement.count, cells.agreement.n) == (200, 202)
    changed = cells.changed.set_index("class_b")["class_a"].to_dict()
    assert changed == {
        "neutrophil_band": "neutrophil_segmented",
        "monocyte": "lymphocyte",
        "unidentified": "lymphocyte",
    }
    name = {label: i for i, label in enumerate((*cells.names, "unidentified", ""))}
    assert cells.counts[name["erythroblast"], name[""]] == 1
    assert cells.counts[name["lymphocyte"], name["monocyte"]] == 1
    assert cells.counts.sum() == 204
    share, _ = cells.by_class["lymphocyte"]
    assert (share.count, share.n) == (52, 54)
    # A confusion of neighbouring stages weighs less.
    assert cells.weighted_kappa.value > cells.kappa.value
    # Bands and segmented are one row of the differential.
    assert by_name(found)["neutrophil"].mean_first == pytest.approx(60)
    assert by_name(found)["neutrophil"].mean_second == pytest.approx(100 * 120 / 199)


def test_cells_too_far_apart_are_not_the_same(tmp_path, write_results):
    a = write_results(tmp_path / "a" / "s1", {"lymphocyte": 5}).parent
    # 40 px between cells, 0.1 µm per px: 19 px are 1.9 µm.
    b = write_results(tmp_path / "b" / "s1", {"lymphocyte": 5}, moved_px=19).parent
    assert compare(a, b, tolerance_um=2.0).cells.agreement_all.n == 5
    assert compare(a, b, tolerance_um=1.8).cells.agreement_all.n == 0


def test_other_images_of_the_same_name_are_refused(tmp_path, write_results):
    a = write_results(tmp_path / "a" / "s1", BLOOD, sha256="aa").parent
    b = write_results(tmp_path / "b" / "s1", BLOOD, sha256="bb").parent
    with pytest.raises(InputError, match="different images of this name"):
        compare(a, b)


def test_renamed_images_are_known_by_their_content(tmp_path, write_results):
    a = write_results(tmp_path / "a" / "s1", BLOOD, sha256="aa").parent
    write_results(tmp_path / "a" / "s2", BLOOD, sha256="cc")
    b = write_results(tmp_path / "b" / "other", BLOOD, sha256="aa").parent
    write_results(tmp_path / "b" / "third", BLOOD, sha256="dd")
    found = compare(a, b)
    assert found.slides == (("s1", "other"),)
    assert found.missing_first == ("third.png",)
    assert found.missing_second == ("s2.png",)


def test_a_copy_of_an_image_is_not_counted_again(tmp_path, write_results):
    for name in ("s1", "copy of s1", "another copy"):
        write_results(tmp_path / "old" / name, {"lymphocyte": 10, "monocyte": 5}, sha256="12" * 32)
    write_results(tmp_path / "new" / "s1", {"lymphocyte": 10, "monocyte": 5}, sha256="12" * 32)
    write_results(tmp_path / "new" / "renamed", {"lymphocyte": 10, "monocyte": 5}, sha256="12" * 32)
    found = compare(tmp_path / "old", tmp_path / "new")
    assert found.slides == (("another copy", "renamed"), ("s1", "s1"))
    assert (found.missing_first, found.missing_second) == ((), ("copy of s1.png",))


def test_labels_of_somebody_else(tmp_path, write_results, write_csv):
    results = write_results(
        tmp_path / "ours" / "s1", {"neutrophil_band": 1, "monocyte": 1, "lymphocyte": 1}
    ).parent
    labels = write_csv(
        "labels.csv", "slide,x_px,y_px,label\ns1,20,20,Neutrophil\ns1,60,20,monocyte\ns1,900,900,monocyte\n"
    )
    found = compare(labels, results, um_per_px=0.1)
    assert found.cells.names == ("neutrophil", "lymphocyte", "monocyte")
    assert found.cells.agreement.count == 2
    assert found.cells.counts[-1].sum() == 1
    assert found.cells.counts[:, -1].sum() == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slide,x_px,y_px,label\ns1,1,2,unicorn\n", "row 2: 'unicorn' is no class"),
        ("slide,x_px,y_px,label\ns1,1,x,monocyte\n", "row 2: x_px or y_px is no number"),
    ],
)
def test_labels_that_cannot_be_read(write_csv, text, words):
    with pytest.raises(InputError, match=words):
        read_side(write_csv("labels.csv", text))


def test_differential_csv(tmp_path):
    cells, _, _ = build({**BLOOD, "unidentified": 6, "platelet": 5})
    folder = tmp_path / "smear"
    folder.mkdir()
    write_differential_csv(differential(cells), folder / "differential.csv")
    side = read_side(folder / "differential.csv")
    slide = side.slides["smear"]
    assert slide.leukocytes == 200
    assert slide.numbers["neutrophil"] == 120
    assert slide.numbers["erythroblast"] == 4
    assert slide.numbers["unidentified"] == 6


def test_fields_are_added_up_to_slides(tmp_path, write_results, write_csv):
    for name, number in (("f1", 10), ("f2", 30), ("f3", 5)):
        results = write_results(tmp_path / "ours" / name, {"lymphocyte": number, "monocyte": 10}).parent
    table = write_csv("reader.csv", "slide,Lymph,Mono\nf1,12,8\nf2,28,12\nf3,5,10\n")
    slides = read_slide_names(write_csv("slides.csv", "image,slide\nf1.png,patient\nf2.png,patient\n"))
    found = compare(table, results, slide_of=slides)
    lymphocytes = by_name(found)["lymphocyte"].slides
    assert len(lymphocytes) == 1
    assert (lymphocytes[0].counts.first, lymphocytes[0].counts.second) == (40, 40)
    assert any("1 image of no slide" in note for note in found.notes)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("a.png,s1\nb.png,\n", "row 3 has no slide; fill it in"),
        ("a.png,s1\nb.png,s1\nfields/A.png,s2\n", "row 4: the image 'fields/A.png' is there twice"),
    ],
)
def test_a_list_of_slides_leaves_no_doubt(write_csv, rows, words):
    with pytest.raises(InputError, match=words):
        read_slide_names(write_csv("slides.csv", "image,slide\n" + rows))
    same = write_csv("slides.csv", "image,slide\na.png,s1\na.png, s1\nB.tif,s 2\n")
    assert read_slide_names(same) == {"a": "s1", "b": "s 2"}


def test_fields_of_a_slide_that_is_written_in_two_ways_are_added_up(write_csv):
    side = read_side(write_csv("reader.csv", "slide,Lymph,Mono\nf1,12,8\nf2,28,12\nf3,5,10\n"))
    found = pooled(side, {"f1": "Smear 1", "f2": "smear 1", "f3": "2"})
    assert {key: (slide.name, slide.numbers) for key, slide in found.slides.items()} == {
        "smear 1": ("Smear 1", {"lymphocyte": 40, "monocyte": 20}),
        "2": ("2", {"lymphocyte": 5, "monocyte": 10}),
    }


def test_percentages_cannot_be_added_up(write_csv):
    table = write_csv("a.csv", "slide,NEUT%,LYMPH%\nf1,60.5,39.5\nf2,50.5,49.5\n")
    with pytest.raises(InputError, match="cannot be added up"):
        compare(table, read_side(table), slide_of={"f1": "s", "f2": "s"})


def test_the_session_of_two_readers(write_csv):
    one = write_csv("one.csv", "slide,Segs,Lymph,Mono,Eos\ns1,120,60,16,4\ns2,150,40,10,0\n")
    two = write_csv("two.csv", "slide,Segs,Lymph,Mono,Eos\ns1,118,64,14,4\ns2,110,74,16,0\n")
    test = write_csv("test.csv", "slide,Segs,Lymph,Mono,Eos\ns1,240,120,32,8\ns2,260,114,26,0\n")
    found = compare(one, test, second_reader=two)
    readers = by_name(found.readers)
    # 150 and 110 of 200, 40 and 74 of 200: beyond the limits; the first slide is not.
    assert [s.counts.agree for s in readers["neutrophil"].slides] == [True, False]
    assert [s.counts.agree for s in readers["lymphocyte"].slides] == [True, False]
    reference = by_name(found)["lymphocyte"].slides
    assert [(s.counts.first, s.counts.n_first) for s in reference] == [(124, 400), (114, 400)]
    assert reference[1].first == pytest.approx(28.5)


def test_flags_of_a_left_shift(write_csv):
    # s1 has no immature cell by either, s2 by both, s3 by the second only.
    head = "slide,NEUT,Lymph,IG,Blast\n"
    a = write_csv("a.csv", head + "s1,140,60,0,0\ns2,130,60,8,2\ns3,140,60,0,0\n")
    b = write_csv("b.csv", head + "s1,142,58,0,0\ns2,128,60,10,2\ns3,136,60,4,0\n")
    tables = {f.title: f for f in compare(a, b).findings}
    immature = tables["Any immature granulocyte"]
    assert (immature.table.both, immature.table.only_second, immature.table.neither) == (1, 1, 1)
    assert immature.differing == ("s3",)
    assert tables["Blast ≥ 1 %"].table.both == 1
    assert tables["Abnormal: any of these"].table.overall.n == 3


def test_before_and_after_a_review(tmp_path, write_results):
    folder = write_results(tmp_path / "s1", {"lymphocyte": 6, "monocyte": 4})
    table = folder / "cells.csv"
    lines = table.read_text().splitlines()
    header = lines[0].split(",")
    first = lines[1].split(",")
    first[header.index("label")], first[header.index("status")] = "monocyte", "reviewed"
    table.write_text("\n".join([lines[0], ",".join(first), *lines[2:]]) + "\n")
    found = compare(folder, folder)
    assert (found.first.title, found.second.title) == ("model", "after review")
    assert found.cells.changed[["class_a", "class_b"]].to_numpy().tolist() == [["lymphocyte", "monocyte"]]
    assert by_name(found)["monocyte"].slides[0].counts.second == 5


def test_no_class_in_common_is_said(write_csv):
    a = write_csv("a.csv", "slide,Neut,Lymph\ns1,10,20\n")
    b = write_csv("b.csv", "slide,Mono,Eos\ns1,10,20\n")
    with pytest.raises(InputError) as caught:
        compare(a, b)
    assert str(caught.value) == (
        "a and b have no class in common: lymphocyte, neutrophil against eosinophil, monocyte"
    )


@pytest.mark.parametrize("count", ["x", "-1", "1.5", "1e12", "nan"])
def test_a_differential_with_an_impossible_count_is_refused(write_csv, count):
    path = write_csv("differential.csv", f"class,count,in_denominator\nlymphocyte,{count},1\n")
    with pytest.raises(InputError, match="the column count holds something that is no number of cells"):
        read_side(path)


def test_nothing_in_common_is_said(tmp_path, write_results, write_csv):
    results = write_results(tmp_path / "ours" / "s1", BLOOD).parent
    write_results(tmp_path / "ours" / "s2", BLOOD)
    table = write_csv("xn.csv", ANALYSER.replace("s1", "x1"))
    with pytest.raises(InputError, match=r"no slide in common .*'x1' and 's1.png'"):
        compare(table, results)
    with pytest.raises(InputError, match="no such file"):
        compare(tmp_path / "missing", results)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no results"):
        compare(tmp_path / "empty", results)


def test_one_slide_on_each_side_needs_no_name(tmp_path, write_results, write_csv):
    results = write_results(tmp_path / "ours" / "smear", BLOOD).parent
    assert len(compare(write_csv("xn.csv", ANALYSER), results).slides) == 1


def test_classes_that_one_side_lacks_are_said(tmp_path, write_results, write_csv):
    results = write_results(tmp_path / "ours" / "s1", {**BLOOD, "metamyelocyte": 10}).parent
    found = compare(write_csv("xn.csv", ANALYSER), results)
    assert "metamyelocyte" in found.classes.only_second
    assert any("metamyelocyte" in note for note in found.notes)
    # They stay in the denominator.
    assert by_name(found)["lymphocyte"].mean_second == pytest.approx(100 * 54 / 210)


def test_the_coarser_side_decides():
    blood = load_profile(None)
    found = common_classes(
        {"neutrophil", "blast"},
        {"neutrophil_segmented", "neutrophil_band", "myeloblast"},
        blood,
        merged=False,
    )
    assert found.rows == ("neutrophil", "blast")
    fine = {"neutrophil_band", "neutrophil_segmented"}
    assert common_classes({"neutrophil_band"}, fine, blood, merged=False).rows == ("neutrophil_band",)
    assert common_classes({"neutrophil_band"}, {"neutrophil_segmented"}, blood).rows == ("neutrophil",)


def test_the_profile_says_what_the_denominator_is(write_csv):
    table = write_csv("a.csv", "slide,Segs,Lymph,NRBC\ns1,60,20,20\n")
    other = write_csv("b.csv", "slide,Segs,Lymph,NRBC\ns1,50,20,30\n")
    blood, marrow = compare(table, other), compare(table, other, profile="bone_marrow")
    assert by_name(blood)["neutrophil"].mean_first == pytest.approx(75)
    assert by_name(blood)["erythroblast"].mean_first == pytest.approx(25)
    assert by_name(marrow)["neutrophil"].mean_first == pytest.approx(60)
    assert by_name(marrow)["erythroblast"].slides[0].counts.second == 30


def test_smudge_cells_stand_outside_as_in_the_differential(tmp_path, write_results):
    folder = write_results(tmp_path / "s1", {"lymphocyte": 6, "monocyte": 4})
    cells = read_cells_csv(folder / "cells.csv")
    cells.loc[0, "flags"] = "smudge"
    write_cells_csv(cells, folder / "cells.csv")
    slide = read_side(folder).slides["s1"]
    assert slide.numbers == {"smudge": 1.0, "lymphocyte": 5.0, "monocyte": 4.0}
    counts = by_name(compare(folder, folder))["lymphocyte"].slides[0].counts
    assert (counts.first, counts.n_first) == (5, 9)
    assert counts.n_first == differential(cells).denominator


def test_many_slides_have_all_figures(write_csv):
    random = np.random.default_rng(0)
    lines_a, lines_b = ["slide,Segs,Lymph,Mono,Eos"], ["slide,Segs,Lymph,Mono,Eos"]
    for i in range(60):
        share = random.dirichlet([12, 6, 2, 1])
        lines_a.append(",".join(map(str, [f"s{i}", *random.multinomial(400, share)])))
        lines_b.append(",".join(map(str, [f"s{i}", *random.multinomial(200, share)])))
    found = compare(write_csv("a.csv", "\n".join(lines_a)), write_csv("b.csv", "\n".join(lines_b)))
    assert not any("at least 40" in note for note in found.notes)
    for c in found.by_class:
        assert c.differences.bias_low < 0 < c.differences.bias_high or abs(c.differences.bias) < 1
        assert c.line.slope_low <= 1.1
        assert c.line.slope_high >= 0.9
        # Only chance parts them.
        assert 0.6 < c.dispersion.ratio < 1.5
        assert len(c.apart) <= 8
        assert c.lin.low < c.lin.value < c.lin.high


def test_a_rare_class_has_no_line(write_csv):
    # Basophils are 0 on three of six slides: the slopes between those are all 0.
    head = "slide,Segs,Lymph,Baso\n"
    a = head + "".join(f"s{i},{100 + i},{90 - i},{i % 3}\n" for i in range(6))
    b = head + "".join(f"s{i},{100 + 2 * i},{90 - i},{max(0, i - 2)}\n" for i in range(6))
    lines = {c.name: c.line for c in compare(write_csv("a.csv", a), write_csv("b.csv", b)).by_class}
    assert lines["basophil"] is None
    assert lines["neutrophil"] is not None
