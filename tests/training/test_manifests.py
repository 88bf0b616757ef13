import numpy as np
import pytest
from PIL import Image

from napari_wbc.errors import InputError
from napari_wbc.training.manifests import (
    label_members,
    load_crops,
    near_duplicate_groups,
    read_manifest,
    split_by_group,
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
    assert first.shape == (2, 128, 128, 3)
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


def test_a_missing_image_is_named(folder):
    rows = read_manifest(write(folder, "path,domain,label\nnone.png,lab,basophil\n"))
    with pytest.raises(InputError, match=r"none\.png"):
        load_crops(rows)


def test_near_duplicates_and_known_groups_are_joined():
    random = np.random.default_rng(0)
    base = [
        np.asarray(Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize((128, 128)))
        for _ in range(6)
    ]
    noisy = np.clip(base[0].astype(int) + random.integers(-6, 7, base[0].shape), 0, 255).astype(np.uint8)
    groups = near_duplicate_groups(np.stack([*base, noisy]), ["", "", "s1", "s1", "", "", ""])
    assert groups[6] == groups[0]
    assert groups[2] == groups[3]
    assert len(set(groups)) == 5


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
