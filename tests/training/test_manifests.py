import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_wbc.errors import InputError
from napari_wbc.training.manifests import (
    label_members,
    load_crops,
    read_manifest,
    split_by_group,
    write_manifest,
)


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(random.integers(0, 255, (192, 192, 3), dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


def write(folder, text):
    (folder / "m.csv").write_text(text)
    return folder / "m.csv"


def test_a_manifest_is_read_and_its_crops_are_cached(folder):
    rows = read_manifest(write(folder, "path,domain,label\na.png,lab,neutrophil\nb.png,lab,basophil\n"))
    first = load_crops(rows, folder / "cache")
    again = load_crops(rows, folder / "cache")
    assert first.shape == (2, 160, 160, 3)
    np.testing.assert_array_equal(first, again)
    assert len(list((folder / "cache").iterdir())) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.png,neutrophil\n", "lacks the columns domain"),
        ("path,domain,label\na.png,lab,unicorn\n", "unknown label 'unicorn'"),
        ("path,domain,label,um_per_px\na.png,lab,basophil,wide\n", "no number"),
        ("path,domain,label,um_per_px\na.png,lab,basophil,-1\n", "between"),
        ("", "cannot be read"),
    ],
)
def test_bad_manifests_are_one_plain_line(folder, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(write(folder, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,domain,label\na.png,lab,basophil\nnone.png,lab,basophil\n",
            r"line 3: column path names .*none\.png",
        ),
        ("path,domain,label\na.png,,basophil\n", "line 2: column domain is empty"),
        (
            "path,domain,label\na.png,lab,basophil\na.png,lab,basophil\n",
            "line 3: .* that line 2 has already;",
        ),
        ("path,domain,label\na.png,lab,basophil\na.png,lab,monocyte\n", "with another label; keep one"),
        ("path,domain,label,split\na.png,lab,basophil,later\n", "column split holds 'later'"),
        (
            "path,domain,label,group,split\na.png,lab,basophil,s1,train\nb.png,lab,basophil,s1,test\n",
            "line 3: column split puts the group 's1' of lab into test",
        ),
    ],
)
def test_contradictions_are_named_by_line_and_column(folder, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(write(folder, text))
    assert "\n" not in str(caught.value)


def test_the_same_group_name_in_two_laboratories_is_no_contradiction(folder):
    text = "path,domain,label,group,split\na.png,lab,basophil,1,train\nb.png,other,basophil,1,test\n"
    assert read_manifest(write(folder, text))["split"].tolist() == ["train", "test"]


def test_synonyms_and_a_byte_order_mark_are_read(folder):
    text = "\ufeffpath,domain,label\na.png,lab,lymphocyte_typical\nb.png,lab,Neutrophil banded\n"
    assert read_manifest(write(folder, text))["label"].tolist() == ["lymphocyte", "neutrophil_band"]


def test_what_is_written_is_read_again_from_elsewhere(folder, tmp_path_factory):
    rows = read_manifest(
        write(folder, "path,domain,label,group\na.png,lab,neutrophil,s1\nb.png,lab,basophil,s2\n")
    )
    write_manifest(rows, folder / "again.csv")
    assert "\na.png,lab,neutrophil" in (folder / "again.csv").read_text()
    pd.testing.assert_frame_equal(read_manifest(folder / "again.csv"), rows)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_manifest(rows, elsewhere / "m.csv")
    pd.testing.assert_frame_equal(read_manifest(elsewhere / "m.csv"), rows)


def test_an_unreadable_image_is_named(folder):
    (folder / "b.png").write_bytes(b"no image")
    rows = read_manifest(write(folder, "path,domain,label\na.png,lab,basophil\nb.png,lab,basophil\n"))
    with pytest.raises(InputError, match=r"b\.png"):
        load_crops(rows)


def test_groups_never_cross_a_split():
    groups = [f"g{i % 40}" for i in range(400)]
    held = split_by_group(groups, 0.25, seed=1)
    assert 0.05 < held.mean() < 0.5
    for group in set(groups):
        assert len({bool(h) for h, g in zip(held, groups, strict=True) if g == group}) == 1
    assert (held != split_by_group(groups, 0.25, seed=2)).any()


def test_partial_labels_allow_their_classes():
    classes = ["neutrophil_segmented", "neutrophil_band", "monocyte", "platelet", "artifact"]
    members = label_members(["neutrophil", "monocyte", "not_leukocyte", "basophil"], classes)
    assert members.tolist() == [
        [True, True, False, False, False],
        [False, False, True, False, False],
        [False, False, False, True, True],
        [False] * 5,
    ]
