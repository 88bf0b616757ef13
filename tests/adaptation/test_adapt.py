import json

import numpy as np
import pytest
from tests.adaptation.drawn import drawn_cells

import napari_wbc as wbc
from napari_wbc.adaptation.adapt import NotBetterError, adapt
from napari_wbc.adaptation.cells import LabelledCells
from napari_wbc.adaptation.fine_tune import fine_tune
from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.classification.bundle import verify_bundle
from napari_wbc.classification.domain_shift import slide_shift
from napari_wbc.classification.predict import label_predictions, predict_crops
from napari_wbc.differential.count import differential
from napari_wbc.errors import Cancelled, InputError
from napari_wbc.execution.progress import CancelToken

QUICK = Recipe(views=2, steps=8, batch=8, replay_batch=8)


def accuracy(model, cells):
    said = predict_crops(model, cells.crops, device="cpu").probabilities.argmax(axis=1)
    return float((np.array(model.classes)[said] == cells.labels).mean())


@pytest.fixture(scope="module")
def adapted(source, target, tmp_path_factory):
    seen = {"points": [], "stages": []}
    before = {p.name: p.read_bytes() for p in source.folder.iterdir()}
    model = fine_tune(
        source, target, tmp_path_factory.mktemp("adapted") / "our-lab", recipe=QUICK, device="cpu",
        learning=seen["points"].append, progress=lambda p: seen["stages"].append(p),
    )  # fmt: skip
    assert {p.name: p.read_bytes() for p in source.folder.iterdir()} == before
    return model, seen


def test_it_gets_better_where_it_is_meant_for_and_stays_good_where_it_came_from(source, adapted):
    model, _ = adapted
    fresh, old = drawn_cells(60, 99, stain="green"), drawn_cells(60, 98)
    assert accuracy(source, fresh) < 0.8
    assert accuracy(model, fresh) > 0.9
    assert accuracy(model, old) >= accuracy(source, old) - 0.02
    verdict = model.info["adaptation"]["verdict"]
    assert verdict["accepted"]
    assert (
        verdict["measures"]["accuracy"]["after"]["value"] > verdict["measures"]["accuracy"]["before"]["value"]
    )
    assert verdict["guard"]["before"] - verdict["guard"]["after"] <= QUICK.largest_loss
    assert verdict["labels"] == 72


def test_the_bundle_is_whole_and_knows_where_it_comes_from(source, adapted):
    model, _ = adapted
    assert verify_bundle(model.folder).sha256 != source.sha256
    assert model.name == "our-lab"
    assert model.info["adaptation"]["parent"] == {"name": source.name, "sha256": source.sha256}
    assert "no diagnosis" in model.card
    assert source.sha256 in model.card
    # Names of slides and cells stay with the user.
    assert "green-7" not in json.dumps(model.info) + model.card
    assert "replay" not in model.info


def test_cells_of_the_lab_are_no_longer_novel(source, adapted):
    model, _ = adapted
    fresh = drawn_cells(60, 99, stain="green")
    before, after = (predict_crops(m, fresh.crops, device="cpu").novelty for m in (source, model))
    assert np.median(after) < np.median(before)


def test_the_way_there_is_shown(adapted):
    _, seen = adapted
    runs = [*dict.fromkeys(p.run for p in seen["points"])]
    assert runs[-1] == "with all cells"
    assert len(runs) >= 3
    assert all(np.isfinite(p.loss) for p in seen["points"])
    assert all(p.macro_f1 is None or 0 <= p.macro_f1 <= 1 for p in seen["points"])
    steps = [p for p in seen["stages"] if p.stage == "Learning"]
    assert steps[-1].done == steps[-1].total
    assert [p.done for p in steps] == sorted(p.done for p in steps)


def test_labels_shuffled_at_random_are_refused_and_the_last_model_stays(source, target, adapted, random):
    model, _ = adapted
    shuffled = LabelledCells(target.crops, random.permutation(target.labels), target.slides, target.names)
    kept = (model.folder / "model.safetensors").read_bytes()
    with pytest.raises(NotBetterError) as refused:
        fine_tune(source, shuffled, model.folder, recipe=QUICK, device="cpu")
    assert refused.value.verdict.reasons
    assert refused.value.verdict.advice
    assert (model.folder / "model.safetensors").read_bytes() == kept


def test_a_fifth_of_wrong_labels_is_noticed_and_the_cells_are_named(source, target, random):
    labels = target.labels.copy()
    wrong = random.permutation(len(labels))[: len(labels) // 5]
    kinds = sorted(set(labels))
    labels[wrong] = [kinds[(kinds.index(x) + 1) % len(kinds)] for x in labels[wrong]]
    verdict = adapt(
        source, LabelledCells(target.crops, labels, target.slides, target.names), recipe=QUICK, device="cpu"
    ).verdict
    named = set(verdict.suspects) & set(target.names[wrong])
    assert not verdict.accepted or any("contradict" in note for note in verdict.warnings)
    assert len(named) >= len(wrong) / 2
    assert len(named) >= 0.6 * len(verdict.suspects)


def test_labels_of_one_class_are_refused_before_anything_is_learned(source, target):
    with pytest.raises(InputError, match="all 24 labelled cells are lymphocyte"):
        adapt(source, target.rows(target.labels == "lymphocyte"), device="cpu")


def test_a_label_that_stands_for_no_class_is_named(source, target):
    labels = target.labels.astype("U20")
    labels[3] = "not_leukocyte"
    cells = LabelledCells(target.crops, labels, target.slides, target.names)
    with pytest.raises(InputError, match="'not_leukocyte' stands for none of the classes of model"):
        adapt(source, cells, device="cpu")


def test_two_labels_are_refused(source, target):
    with pytest.raises(InputError, match=r"too few .* label 12 or more"):
        adapt(source, target.rows(np.array([0, 1])), device="cpu")


def test_many_images_of_one_cell_are_one_cell(source, target):
    with pytest.raises(InputError, match="too few"):
        adapt(source, target.rows(np.array([0] * 20 + [1] * 20)), device="cpu")


def test_images_of_something_else_are_noticed(random):
    from skimage import data

    cat, rocket = data.cat(), data.rocket()
    crops = [
        picture[y : y + 160, x : x + 160]
        for y, x in random.integers(0, 140, (12, 2))
        for picture in (cat, rocket)
    ]
    n = len(crops)
    cells = LabelledCells(
        np.stack(crops), np.array(["monocyte", "basophil"] * 12), np.array([f"s{i // 4}" for i in range(n)]),
        np.array([f"c{i}" for i in range(n)]),
    )  # fmt: skip
    verdict = adapt(wbc.load_model("robust"), cells, recipe=QUICK, device="cpu").verdict
    assert any("less like blood cells" in note for note in verdict.warnings)


def test_a_new_class_enters_the_model_and_the_count(source, smear_file, tmp_path):
    kinds = ("lymphocyte", "eosinophil", "monocyte", "plasma_cell")
    model = fine_tune(
        source,
        drawn_cells(80, 5, kinds=kinds, stain="green"),
        tmp_path / "with-plasma",
        recipe=QUICK,
        device="cpu",
    )
    assert model.classes == (*source.classes, "plasma_cell")
    assert model.info["adaptation"]["new_classes"] == ["plasma_cell"]
    assert "Plasma cell" in model.card
    fresh = drawn_cells(40, 51, kinds=kinds, stain="green")
    assert accuracy(model, fresh) > 0.85
    table = wbc.classify(list(fresh.crops[:4]), model=model, um_per_px=25 / 160, device="cpu")
    assert "p_plasma_cell" in table
    counted = wbc.count(smear_file, um_per_px=0.1, model=model, device="cpu")
    assert "p_plasma_cell" in counted.cells
    relabelled = counted.cells.assign(label="plasma_cell")
    table = differential(relabelled, counted.differential.profile).table
    assert table["count"].max() == len(relabelled) == table["count"].sum()


def test_without_replay_it_says_what_was_not_watched(source, target):
    from dataclasses import replace

    bare = replace(source, info={k: v for k, v in source.info.items() if k != "replay"})
    verdict = adapt(bare, target, recipe=QUICK, device="cpu").verdict
    assert verdict.guard is None
    assert any("no cells of its training" in note for note in verdict.warnings)


def test_a_cancelled_adaptation_leaves_nothing(source, target, tmp_path):
    token = CancelToken()

    def stop(progress):
        if progress.stage == "Learning":
            token.cancel()

    with pytest.raises(Cancelled):
        fine_tune(source, target, tmp_path / "never", recipe=QUICK, device="cpu", progress=stop, cancel=token)
    assert list(tmp_path.iterdir()) == []


def test_a_slide_of_the_lab_is_no_longer_a_strange_one(source, adapted):
    model, _ = adapted
    slide, elsewhere = drawn_cells(45, 77, stain="green"), drawn_cells(45, 78)
    shifts = {}
    for name, of in (("source", source), ("adapted", model)):
        for where, cells in (("lab", slide), ("elsewhere", elsewhere)):
            said = predict_crops(of, cells.crops, device="cpu")
            shifts[name, where] = slide_shift(of, said.embeddings, label_predictions(of, said).model_label)
    assert shifts["adapted", "lab"].nearest == "this laboratory"
    assert shifts["adapted", "lab"].ratio < shifts["source", "lab"].ratio
    assert shifts["adapted", "elsewhere"].nearest in ("a", "b")
