import numpy as np
import pytest
from tests.adaptation.drawn import drawn_cells

from napari_wbc.adaptation.head import Head, HeadCells, shrunken_head
from napari_wbc.adaptation.instant import InstantAdaptation
from napari_wbc.adaptation.start import new_classes, start_of
from napari_wbc.classification.predict import predict_crops
from napari_wbc.errors import InputError


def cells_of(random, n=40, d=12, k=3):
    truth = np.arange(n) % k
    rows = random.normal(0, 1, (n, d)) + 2.0 * np.eye(k, d)[truth]
    return HeadCells(rows, np.eye(k, dtype=bool)[truth], np.ones(n), np.zeros((n, k))), truth


def objective(head, start, cells, pull):
    scores = cells.embeddings @ head.weight.T + head.bias + cells.log_prior
    scores = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    fit = -(cells.weights * scores[cells.members]).sum()
    scale = np.mean((cells.embeddings**2).sum(axis=1))
    return fit + pull * scale / 2 * (
        ((head.weight - start.weight) ** 2).sum() + ((head.bias - start.bias) ** 2).sum() / scale
    )


def test_the_head_is_the_minimum_of_what_it_says(random):
    cells, _ = cells_of(random)
    start = Head(random.normal(0, 0.3, (3, 12)), np.zeros(3))
    found = shrunken_head(start, cells, pull=0.1, most_steps=500)
    least = objective(found, start, cells, 0.1)
    for _ in range(20):
        near = Head(
            found.weight + random.normal(0, 0.02, found.weight.shape), found.bias + random.normal(0, 0.02, 3)
        )
        assert objective(near, start, cells, 0.1) > least


def test_a_strong_pull_leaves_the_head_and_a_weak_one_fits(random):
    cells, truth = cells_of(random)
    start = Head(random.normal(0, 0.3, (3, 12)), np.zeros(3))
    stays, moves = (shrunken_head(start, cells, pull=p) for p in (1e6, 1e-3))
    assert np.allclose(stays.weight, start.weight, atol=1e-3)
    assert (moves.logits(cells.embeddings).argmax(axis=1) == truth).all()


def test_coarse_labels_move_only_what_they_speak_of(random):
    cells, _ = cells_of(random)
    either = HeadCells(
        cells.embeddings, np.tile([True, True, False], (40, 1)), cells.weights, cells.log_prior
    )
    start = Head(np.zeros((3, 12)), np.array([1.0, 0.0, 0.0]))
    logits = shrunken_head(start, either, pull=0.01).logits(cells.embeddings)
    assert (logits[:, 2] < logits[:, :2].min(axis=1)).all()
    assert (logits[:, 0] > logits[:, 1]).mean() > 0.9


def test_new_classes_are_those_that_nothing_stands_for():
    known = ("neutrophil_band", "neutrophil_segmented", "monocyte")
    assert new_classes(known, ["neutrophil", "leukocyte", "sezary cell", "blast"]) == ("blast", "sezary cell")


@pytest.fixture(scope="module")
def instant(source):
    cells = drawn_cells(90, 21, stain="green")
    said = predict_crops(source, cells.crops, device="cpu")
    return InstantAdaptation(source, said.embeddings.astype(np.float16)), cells, said


def right(result, cells):
    said = np.array(result.labels.model_label)
    return float((said == cells.labels).mean())


def test_before_is_what_the_model_says(instant):
    adapted, _, said = instant
    assert adapted.has_replay
    assert np.allclose(adapted.before.predictions.probabilities, said.probabilities, atol=0.02)
    assert np.allclose(adapted.before.predictions.novelty, said.novelty, atol=0.02)


def test_some_labels_mend_all_cells(instant):
    adapted, cells, _ = instant
    rows = np.arange(15)
    after = adapted.fit(rows, list(cells.labels[rows]))
    others = cells.rows(np.arange(15, 90))
    assert right(adapted.before, cells) < 0.8
    assert (np.array(after.labels.model_label)[15:] == others.labels).mean() > 0.9
    # A later fit does not remember an earlier one.
    adapted.fit(rows[:3], ["monocyte"] * 3)
    again = adapted.fit(rows, list(cells.labels[rows]))
    assert np.allclose(again.predictions.probabilities, after.predictions.probabilities, atol=1e-6)


def test_the_source_is_remembered(instant, source):
    adapted, cells, _ = instant
    model = adapted.fit(np.arange(15), list(cells.labels[:15])).model
    old = drawn_cells(45, 33)
    said = predict_crops(model, old.crops, device="cpu")
    assert (np.array(model.classes)[said.probabilities.argmax(axis=1)] == old.labels).mean() > 0.9
    assert model.sha256 != source.sha256


def test_a_new_class_is_there_at_once_and_is_no_longer_novel(source):
    cells = drawn_cells(80, 3, kinds=("lymphocyte", "eosinophil", "monocyte", "plasma_cell"))
    said = predict_crops(source, cells.crops, device="cpu")
    adapted = InstantAdaptation(source, said.embeddings)
    rows = np.arange(24)
    after = adapted.fit(rows, list(cells.labels[rows]))
    new = cells.labels == "plasma_cell"
    new[:24] = False
    assert (np.array(after.labels.model_label)[new] == "plasma_cell").mean() > 0.8
    distances = [r.predictions.novelty[new].mean() for r in (adapted.before, after)]
    assert distances[1] < distances[0]


def test_labels_and_cells_must_fit(instant):
    adapted, _, _ = instant
    with pytest.raises(InputError, match="one at least"):
        adapted.fit([], [])
    with pytest.raises(InputError, match="1 labels for 2 cells"):
        adapted.fit([0, 1], ["monocyte"])


def test_priors_of_a_new_class_leave_the_others_their_order(source):
    start = start_of(source, ["plasma_cell"])
    assert sum(start.priors.values()) == pytest.approx(1.0)
    old = [start.priors[c] / source.info["class_priors"][c] for c in source.classes]
    assert np.allclose(old, old[0])
