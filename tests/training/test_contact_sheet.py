import numpy as np
import pandas as pd
from PIL import Image

from napari_wbc.cli import main
from napari_wbc.training.augmentation import Augmentation
from napari_wbc.training.contact_sheet import choose_cells, contact_sheet
from napari_wbc.training.outputs import CropSource


def test_a_sheet_of_every_domain_and_class(tmp_path, capsys):
    random = np.random.default_rng(0)
    lines = ["path,domain,label,um_per_px"]
    for i, (domain, label) in enumerate([("a", "monocyte"), ("a", "basophil"), ("b", "monocyte")] * 2):
        Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{domain},{label},0.4")
    (tmp_path / "cells.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "recipe.toml").write_text('manifests = ["cells.csv"]\ninput_px = 40\n')
    sheets = []
    for name, seed in (("x.png", "0"), ("y.png", "0"), ("z.png", "1")):
        command = ["contact-sheet", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / name)]
        assert main([*command, "--versions", "3", "--seed", seed]) == 0
        assert capsys.readouterr().out.strip() == str(tmp_path / name)
        sheets.append(np.asarray(Image.open(tmp_path / name)))
    assert sheets[0].shape[0] == 3 * 41
    assert np.array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


def test_the_first_column_is_what_a_prediction_gets():
    crops = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    sheet = contact_sheet(crops, ["a", "b"], ["monocyte"] * 2, Augmentation.none(), 48, 1.0, versions=2)
    seen = (CropSource(crops).plain(np.arange(2), 48, 1.0) + 1) * 127.5
    expected = seen.round().permute(0, 2, 3, 1).numpy()
    left = sheet.shape[1] - 2 * 49 - 6 - 49
    assert np.array_equal(sheet[:48, left : left + 48], expected[0])
    # Without augmentation, every version is the same.
    assert np.array_equal(sheet[49:97, -49:-1], expected[1])
    assert np.array_equal(sheet[49:97, -98:-50], expected[1])


def test_cells_of_each_pair():
    rows = pd.DataFrame({"domain": list("aaabbb"), "label": list("xxyxyy"), "n": range(6)})
    chosen = choose_cells(rows, 1, 0)
    assert list(chosen["domain"] + chosen["label"]) == ["ax", "ay", "bx", "by"]
    assert len(choose_cells(rows, 2, 0)) == 6


def test_a_sheet_has_to_be_a_png(tmp_path, capsys):
    assert main(["contact-sheet", "c.toml", "--out", str(tmp_path / "sheet.jpg")]) == 2
    assert "ends in .png" in capsys.readouterr().err
