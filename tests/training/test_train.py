from pathlib import Path

import numpy as np
import pytest
from tests.training.drawn_cells import CLASSES, UM_PER_PX, cells, rows_of, small_config, write_manifest

import napari_wbc as wbc
from napari_wbc.errors import InputError
from napari_wbc.training.train import held_out, train


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    recipe = small_config(
        manifests=[str(write_manifest(folder, 60, 1))], init="robust", input_px=48, steps=20, batch=16, holdout=0.2,
        optimizer={"lr": 1e-3}, average={"decay": 0.7},  # of five seeds, none leaves a cell in doubt
        augmentation={"stain_swap": 0.2, "stain_jitter": 0.05, "light": 0.2, "cutout": 0.0},
    )  # fmt: skip
    return train(recipe, folder / "model", work_dir=folder / "work", device="cpu")


@pytest.mark.slow
def test_a_trained_bundle_tells_two_kinds_of_cells_apart(bundle):
    model = wbc.load_model(bundle)
    assert "never seen a blast" in model.card.splitlines()[2]
    fresh, truth = cells(20, 2)
    table = wbc.classify(fresh, model=model, um_per_px=UM_PER_PX, device="cpu")
    predicted = table[["p_lymphocyte", "p_eosinophil"]].to_numpy().argmax(axis=1)
    assert (np.array(CLASSES)[predicted] == truth).mean() > 0.9
    assert table["novelty"].between(0, 1).all()


@pytest.mark.slow
def test_the_work_folder_holds_crops_state_and_metrics(bundle):
    names = sorted(f.name.split("-")[0] for f in (bundle.parent / "work").iterdir())
    assert names == ["crops", "model", "model"]
    assert {f.suffix for f in (bundle.parent / "work").glob("model-0*")} == {".pt", ".jsonl"}


def test_a_split_in_the_manifest_is_kept():
    said = ["train", "test"] * 5 + [""] * 10
    rows = rows_of(cells(2, 0)[1] * 10, "aabb").assign(group=[f"g{i}" for i in range(20)], split=said)
    mask = held_out(rows, small_config(holdout=0.5))
    assert not mask[:10:2].any()
    assert mask[1:10:2].all()
    assert 0 < mask[10:].sum() < 10


def test_a_split_told_of_one_row_holds_for_its_group():
    rows = rows_of(["lymphocyte"] * 6, "ab").assign(
        group=["x", "x", "x", "y", "y", "z"], split=["test", "train", "", "", "", ""]
    )
    mask = held_out(rows, small_config(holdout=0.0))
    # Rows 0, 2 and 4 are of the domain a; its group x is for the test, and that of b is not.
    assert mask.tolist() == [True, False, True, False, False, False]


def test_a_test_and_a_training_part_are_needed():
    rows = rows_of(["lymphocyte"] * 6, "ab").assign(group="one")
    with pytest.raises(InputError, match="no cell is held out"):
        held_out(rows, small_config())
    with pytest.raises(InputError, match="every row of the domain 'a' is held out"):
        held_out(rows.assign(split=["test", "train"] * 3), small_config())


def test_a_selection_needs_a_place(tmp_path):
    recipe = small_config(manifests=[str(write_manifest(tmp_path, 12))], **{"selection.every": 2})
    with pytest.raises(InputError, match="needs a work_dir"):
        train(recipe, tmp_path / "never", device="cpu")
    assert not (tmp_path / "never").exists()


def test_a_manifest_that_is_not_there_is_named():
    recipe = small_config(manifests=[str(Path(__file__).with_name("missing.csv"))])
    with pytest.raises(InputError, match=r"missing\.csv"):
        train(recipe, "never", device="cpu")


def test_cells_that_the_model_has_no_class_for_are_left_out_and_told(tmp_path):
    manifest = write_manifest(tmp_path, 24, 1)
    lines = manifest.read_text().splitlines()
    lines[3] = lines[3].replace("lymphocyte", "plasma_cell").replace("eosinophil", "plasma_cell")
    manifest.write_text("\n".join(lines) + "\n")
    recipe = small_config(manifests=[str(manifest)], init="robust", holdout=0.3)
    model = wbc.load_model(train(recipe, tmp_path / "model", device="cpu"))
    assert model.info["training"]["labels_left_out"] == {"plasma_cell": 1}
    assert "has no class for were not trained on: plasma_cell 1." in model.card
    assert "plasma_cell" not in {c for d in model.info["training_domains"] for c in d["classes"]}
    nothing = small_config(manifests=[str(manifest)], classes=["monocyte", "basophil"])
    with pytest.raises(
        InputError, match="no label of the manifests is one of the classes monocyte, basophil"
    ):
        train(nothing, tmp_path / "none", device="cpu")
