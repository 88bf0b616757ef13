"""Every adapter on a small folder that is laid out as its data set is published."""

import pandas as pd
import pytest
from PIL import Image, ImageDraw

from napari_wbc.cli.main import main
from napari_wbc.errors import Cancelled, InputError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.leukocytes import BY_NAME, HARMONISED, PARTIAL_LABELS
from napari_wbc.training.adapters import DATASETS, acevedo, lisc, matek, mll23, raabin
from napari_wbc.training.manifests import load_crops, read_manifest
from napari_wbc.training.new_manifest import make_manifest


@pytest.fixture(scope="module")
def cells(data_dir):
    """Some development cells of each class: label -> images of 192 px, 25 µm."""
    table = pd.read_csv(data_dir / "cells.csv", keep_default_na=False)
    some = table.groupby("label").head(4)
    return {
        label: [Image.open(data_dir / p).convert("RGB") for p in rows["path"]]
        for label, rows in some.groupby("label")
    }


def saved(image, path, side, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.convert(mode).resize((side, side)).save(path)


def test_every_label_of_every_adapter_is_one_of_ours():
    for module in (matek, mll23, acevedo, raabin, lisc):
        for label in module.LABELS.values():
            assert label in BY_NAME, (module.__name__, label)
    assert set(HARMONISED.values()) <= set(mll23.LABELS.values())
    assert set(HARMONISED.values()) - set(acevedo.LABELS.values()) == {"myeloblast"}


def test_matek_codes_are_ours_and_images_with_alpha_are_read(cells, tmp_path):
    root = tmp_path / "PKG - AML-Cytomorphology_LMU" / "AML-Cytomorphology_LMU"
    saved(cells["lymphocyte"][0], root / "LYT" / "LYT_0001.tiff", 400, "RGBA")
    saved(cells["myelocyte"][0], root / "MYB" / "MYB_0001.tiff", 400, "RGBA")
    saved(cells["promyelocyte"][0], root / "MYO" / "MYO_0001.tiff", 400, "RGBA")
    (root / "annotations.dat").write_text("LYT/LYT_0001.tiff LYT nan nan\n")
    rows = make_manifest(tmp_path, "matek", tmp_path / "matek.csv")
    assert dict(zip(rows["label_raw"], rows["label"], strict=True)) == {
        "LYT": "lymphocyte",
        "MYB": "myelocyte",
        "MYO": "myeloblast",
    }
    assert rows["um_per_px"].unique().tolist() == [0.0725]
    assert rows["license"].unique().tolist() == ["CC BY 3.0"]
    assert set(rows["domain"]) == {"matek"}
    assert rows["group"].nunique() == 3


def test_mll23_folders_are_classes(cells, tmp_path):
    saved(cells["monocyte"][0], tmp_path / "monocyte" / "m_1.TIF", 288)
    saved(cells["erythroblast"][0], tmp_path / "normoblast" / "n_1.TIF", 288)
    saved(cells["lymphocyte"][0], tmp_path / "hairy_cell" / "h_1.TIF", 288)
    rows = make_manifest(tmp_path, "mll23", tmp_path / "mll23.csv")
    assert sorted(rows["label"]) == ["erythroblast", "hairy_cell", "monocyte"]
    # 288 px are the window of a crop: nothing is cut off, nothing mirrored.
    assert rows["um_per_px"].iloc[0] * 288 == pytest.approx(25, abs=1e-3)


def test_acevedo_reads_the_code_of_the_file_name(cells, tmp_path):
    root = tmp_path / "PBC_dataset_normal_DIB"
    names = {"neutrophil/BNE_1": "neutrophil_band", "neutrophil/SNE_2": "neutrophil_segmented"}
    names |= {
        "neutrophil/NEUTROPHIL_3": "neutrophil",
        "ig/MMY_4": "metamyelocyte",
        "ig/IG_5": "immature_granulocyte",
    }
    for name, label in names.items():
        saved(cells[label][0], root / f"{name}.jpg", 360)
    (root / "__MACOSX" / "ig").mkdir(parents=True)
    (root / "__MACOSX" / "ig" / "._MMY_4.jpg").write_bytes(b"resource fork")
    rows = make_manifest(root, "pbc", tmp_path / "pbc.csv")
    assert dict(zip(rows["label_raw"], rows["label"], strict=True)) == {
        f"{name.split('/')[0]}/{name.split('/')[1].split('_')[0]}": label for name, label in names.items()
    }
    saved(cells["monocyte"][0], root / "monocyte" / "XY_1.jpg", 360)
    with pytest.raises(InputError, match=r"XY_1\.jpg: 'XY' is no class of Acevedo-20"):
        make_manifest(root, "pbc", tmp_path / "pbc.csv")


@pytest.mark.parametrize(
    ("dataset", "known", "unknown"),
    [
        ("matek", "EOS/EOS_1.png", "XYZ"),
        ("mll23", "monocyte/a.png", "new_class"),
        ("pbc", "ig/MMY_1.png", "blast"),
    ],
)
def test_a_folder_of_images_that_is_no_class_stops_an_adapter(tmp_path, dataset, known, unknown):
    image = Image.new("RGB", (64, 64), (90, 60, 140))
    saved(image, tmp_path / "data" / known, 64)
    (tmp_path / "data" / "notes").mkdir()
    assert len(make_manifest(tmp_path, dataset, tmp_path / "m.csv")) == 1
    saved(image, tmp_path / "data" / unknown / "b.png", 64)
    with pytest.raises(InputError, match=f"{unknown}: '{unknown}' is no class of"):
        make_manifest(tmp_path, dataset, tmp_path / "m.csv")


def test_a_class_folder_within_itself_counts_once(tmp_path):
    image = Image.new("RGB", (64, 64), (90, 60, 140))
    saved(image, tmp_path / "monocyte" / "monocyte" / "a.png", 64)
    assert len(make_manifest(tmp_path, "mll23", tmp_path / "m.csv")) == 1


def test_raabin_slides_are_groups_and_the_other_microscope_is_left_out(cells, tmp_path):
    for name, label in {
        "Train/Neutrophil/95-5-10-1_312_1": "neutrophil",
        "Train/Eosinophil/95-5-10-1_313_1": "eosinophil",
        "TestA/Monocyte/95-8-12-4_2_1": "monocyte",
        "TestB/Lymphocyte/20190526_162951_0": "lymphocyte",
    }.items():
        saved(cells[label][1], tmp_path / f"{name}.jpg", 575)
    rows = make_manifest(tmp_path, "raabin", tmp_path / "raabin.csv")
    assert rows[["label", "group", "split"]].to_numpy().tolist() == [
        ["monocyte", "95-8-12-4", "test"],
        ["eosinophil", "95-5-10-1", "train"],
        ["neutrophil", "95-5-10-1", "train"],
    ]
    alone = make_manifest(tmp_path / "TestB", "raabin", tmp_path / "b.csv", domain="raabin_testb")
    assert alone[["domain", "label", "split"]].to_numpy().tolist() == [["raabin_testb", "lymphocyte", ""]]


def test_a_published_split_that_tears_a_slide_apart_is_dropped(cells, tmp_path):
    saved(cells["neutrophil"][0], tmp_path / "Train/Neutrophil/95-5-10-1_1_1.jpg", 575)
    saved(cells["eosinophil"][0], tmp_path / "TestA/Eosinophil/95-5-10-1_2_1.jpg", 575)
    rows = make_manifest(tmp_path, "raabin", tmp_path / "raabin.csv")
    assert set(rows["split"]) == {""}
    assert read_manifest(tmp_path / "raabin.csv")["group"].nunique() == 1


def test_lisc_cells_are_cut_from_their_fields(cells, tmp_path):
    root = tmp_path / "LISC Database"
    field = Image.new("RGB", (720, 576), (230, 220, 225))
    drawn = Image.new("L", (712, 568))
    for x, y, image in ((100, 80, cells["eosinophil"][0]), (500, 350, cells["eosinophil"][1])):
        field.paste(image, (x, y))
        middle = x + 96 - 4, y + 96 - 4
        ImageDraw.Draw(drawn).ellipse(
            (middle[0] - 40, middle[1] - 30, middle[0] + 40, middle[1] + 30), fill=120
        )
    ImageDraw.Draw(drawn).point([(5, 5)], fill=255)
    masks = root / "Ground Truth Segmentation"
    for place, image in (
        (root / "Main Dataset/eosi/3.bmp", field),
        (masks / "eosi/areaforexpert1/3_expert.bmp", drawn),
    ):
        place.parent.mkdir(parents=True)
        image.save(place)
    (root / "Main Dataset" / "mixt").mkdir()
    field.save(root / "Main Dataset" / "mixt" / "1.bmp")
    with pytest.raises(InputError, match="give --um-per-px"):
        make_manifest(tmp_path, "lisc", tmp_path / "lisc.csv")
    rows = make_manifest(tmp_path, "lisc", tmp_path / "lisc.csv", um_per_px=25 / 192)
    assert rows["label"].tolist() == ["eosinophil", "eosinophil"]
    assert set(rows["group"]) == {"eosi/3"}
    # The windows are the images that the field was made from.
    for path, image in zip(rows["path"], cells["eosinophil"], strict=False):
        with Image.open(path) as window:
            assert window.size == (192, 192)
            assert list(window.getdata()) == list(image.getdata())


def test_folders_per_class_with_slides_splits_and_synonyms(cells, tmp_path):
    root = tmp_path / "our_lab"
    saved(cells["basophil"][0], root / "train" / "Basophils" / "slide 1" / "a.png", 200)
    saved(cells["monocyte"][0], root / "validation" / "monocyte" / "slide 2" / "b.png", 200)
    saved(cells["lymphocyte"][0], root / "test" / "Lymphocyte (typical)" / "c.png", 200)
    rows = make_manifest(root, "folders", tmp_path / "ours.csv", um_per_px=0.1)
    assert rows[["domain", "label", "group", "split"]].to_numpy().tolist() == [
        ["our_lab", "lymphocyte", "g0", "test"],
        ["our_lab", "basophil", "slide 1", "train"],
        ["our_lab", "monocyte", "slide 2", "val"],
    ]
    saved(cells["monocyte"][1], root / "train" / "unicorn" / "d.png", 200)
    with pytest.raises(InputError, match="unicorn: no folder above the image is named after a class"):
        make_manifest(root, "folders", tmp_path / "ours.csv", um_per_px=0.1)


def test_the_same_cell_twice_is_one_group_and_the_manifest_trains(cells, tmp_path):
    root = tmp_path / "lab"
    for k, image in enumerate(cells["eosinophil"]):
        saved(image, root / "eosinophil" / f"{k}.png", 192)
    saved(cells["eosinophil"][0].point(lambda v: int(v * 0.9)), root / "eosinophil" / "again.jpg", 192)
    rows = make_manifest(root, "folders", tmp_path / "m.csv", um_per_px=25 / 192)
    assert rows["group"].nunique() == 4
    again = read_manifest(tmp_path / "m.csv")
    pd.testing.assert_frame_equal(again[rows.columns], rows, check_dtype=False, atol=1e-6)
    assert load_crops(again).shape == (5, 160, 160, 3)
    assert not (tmp_path / "m_cells").exists()


def test_what_is_wrong_is_one_plain_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "LYT").mkdir()
    out = tmp_path / "m.csv"
    for arguments, message in (
        (["none", "--dataset", "pbc"], "is no folder"),
        ([str(tmp_path / "empty"), "--dataset", "pbc"], "holds no folder of Acevedo-20"),
        ([str(tmp_path / "empty"), "--dataset", "folders", "--um-per-px", "0.1"], "holds no image"),
        ([str(tmp_path / "empty"), "--dataset", "folders"], "give --um-per-px"),
        ([str(tmp_path / "LYT"), "--dataset", "matek"], "holds no image"),
    ):
        assert main(["manifest", *arguments, "--out", str(out)]) == 1
        said = capsys.readouterr().err.strip()
        assert message in said
        assert "\n" not in said
    assert not out.exists()


def test_an_image_that_is_none_is_named_and_nothing_is_written(tmp_path):
    (tmp_path / "monocyte").mkdir()
    (tmp_path / "monocyte" / "broken.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"broken\.png: not an image that can be read"):
        make_manifest(tmp_path, "folders", tmp_path / "m.csv", um_per_px=0.1, workers=2)
    assert not (tmp_path / "m.csv").exists()


def test_a_cancelled_job_writes_nothing(tmp_path):
    (tmp_path / "monocyte").mkdir()
    for k in range(3):
        Image.new("RGB", (64, 64), (k, 0, 0)).save(tmp_path / "monocyte" / f"{k}.png")
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        make_manifest(tmp_path, "folders", tmp_path / "m.csv", um_per_px=0.1, cancel=token)
    assert not (tmp_path / "m.csv").exists()


def test_the_command_writes_a_manifest_and_its_help_names_every_adapter(cells, tmp_path, capsys):
    saved(cells["monocyte"][0], tmp_path / "monocyte" / "a.png", 200)
    out = tmp_path / "m.csv"
    assert (
        main(["manifest", str(tmp_path), "--dataset", "folders", "--um-per-px", "0.1", "--out", str(out)])
        == 0
    )
    assert "1 cells in 1 groups" in capsys.readouterr().out
    assert read_manifest(out)["domain"].tolist() == [tmp_path.name]
    assert main(["manifest", "--help"]) == 0
    assert "{" + ",".join(DATASETS) + "}" in "".join(capsys.readouterr().out.split())


def test_partial_labels_name_known_classes():
    for label, parts in PARTIAL_LABELS.items():
        assert set(parts) <= set(BY_NAME), label
