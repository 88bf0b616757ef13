import json
import shutil

import pytest
from PIL import Image
from tests.adaptation.drawn import drawn_cells
from tests.adaptation.test_adapt import QUICK

import napari_wbc as wbc
from napari_wbc.adaptation import adapt as adapting
from napari_wbc.classification.replay import load_replay
from napari_wbc.cli import main


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(adapting, "Recipe", lambda: QUICK)


def class_folders(folder, cells):
    for i, (crop, label, slide) in enumerate(zip(cells.crops, cells.labels, cells.slides, strict=True)):
        place = folder / label / slide
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop).save(place / f"{i}.png")
    return folder


def test_the_whole_way_from_labels_to_a_shared_adapter(quick, source, target, tmp_path, capsys):
    labels = class_folders(tmp_path / "our lab", target)
    bundle, adapter = tmp_path / "models" / "our-lab", tmp_path / "our-lab.wbcadapter"
    told = ["--model", str(source.folder), "--device", "cpu", "--um-per-px", str(25 / 160)]
    verdict = tmp_path / "verdict.json"
    assert (
        main(["fine-tune", *told, "--labels", str(labels), "--out", str(bundle), "--verdict", str(verdict)])
        == 0
    )
    said = capsys.readouterr().out
    assert "accepted" in said
    assert "Eosinophil (24)" in said
    assert json.loads(verdict.read_text())["accepted"]
    assert main(["models", "show", str(bundle)]) == 0
    assert main(["models", "export", str(bundle), "--source", str(source.folder), "--out", str(adapter)]) == 0
    back = tmp_path / "back" / "our-lab"
    assert main(["models", "import", str(adapter), "--source", str(source.folder), "--out", str(back)]) == 0
    assert wbc.load_model(back).sha256 == wbc.load_model(bundle).sha256


def test_what_is_not_better_ends_with_its_reason_and_is_not_written(quick, source, tmp_path, capsys):
    labels = class_folders(tmp_path / "lab", drawn_cells(36, 5))
    told = ["--model", str(source.folder), "--device", "cpu", "--um-per-px", str(25 / 160)]
    assert main(["fine-tune", *told, "--labels", str(labels), "--out", str(tmp_path / "no")]) == 1
    out, err = capsys.readouterr()
    assert "refused" in out
    assert err.startswith("napari-wbc: the adapted model is refused: it is not better")
    assert not (tmp_path / "no").exists()


def test_bad_wishes_are_told_before_the_work(source, tmp_path, capsys):
    told = ["fine-tune", "--model", str(source.folder), "--labels", str(tmp_path / "gone.csv")]
    assert main([*told, "--out", str(source.folder)]) == 2
    assert "is the source itself" in capsys.readouterr().err
    assert main([*told, "--out", str(tmp_path / "x")]) == 1
    assert "not there" in capsys.readouterr().err


def test_replay_is_added_on_the_command_line(source, tmp_path, capsys):
    from tests.adaptation.drawn import drawn_manifest

    bundle = shutil.copytree(source.folder, tmp_path / "bundle")
    manifest = drawn_manifest(tmp_path, 120, seed=1)
    assert (
        main(["models", "add-replay", str(bundle), "--manifests", str(manifest), "--per-class", "2", "1"])
        == 0
    )
    assert len(load_replay(wbc.load_model(bundle))) == 2 * 3 * (2 + 1)
    assert "replay.safetensors" in capsys.readouterr().out
