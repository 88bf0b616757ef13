"""Fine-tuning in a real viewer: labels, a preview at once, a judged model, and the one that counts from then on."""

import numpy as np
import pytest
from napari.layers import Points
from qtpy.QtWidgets import QPushButton, QToolButton
from tests.adaptation.drawn import drawn_manifest

from napari_wbc.adaptation.label_places import LabelPlace, remembered_places
from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.adaptation.refine import LearningPoint
from napari_wbc.cell_table import is_labelled, probability_columns
from napari_wbc.classification.bundle import load_model, user_models_dir
from napari_wbc.gui.fine_tune.controller import changes_text
from napari_wbc.gui.fine_tune.steps import Preview, told
from napari_wbc.gui.settings import remembered
from napari_wbc.leukocytes import class_of
from napari_wbc.review.next_cells import next_cells

pytestmark = pytest.mark.gui


@pytest.fixture
def tuning(counted):
    """The counted smear with the dock widget "Fine-tune model" beside it; gives viewer, count widget, that widget."""
    viewer, count = counted
    _, tune = viewer.window.add_plugin_dock_widget("napari-wbc", "Fine-tune model", tabify=True)
    tune.controller.recipe = Recipe(views=4, steps=20)
    yield viewer, count, tune
    tune.go_quiet()


def shown_labels(viewer):
    points = next(layer for layer in viewer.layers if isinstance(layer, Points))
    return list(points.features["label"])


def said_by_people(session):
    rows = session.cells[is_labelled(session.cells)]
    return dict(zip(rows["cell_id"], rows["label"], strict=True))


def quiet(qtbot, tune):
    qtbot.waitUntil(
        lambda: tune.side_runner.state.value == "idle" and not tune.controller._stale, timeout=180_000
    )


def test_says_what_is_missing_and_counts_labels(tuning, screenshot):
    viewer, _, tune = tuning
    assert not tune.bar.button.isEnabled()
    assert "Label cells first" in tune.bar.reason.text()
    tune.workspace.edit(lambda s: s.relabel([0, 1], "monocyte"))
    tune.workspace.edit(lambda s: s.relabel([2], "lymphocyte"))
    tune.workspace.edit(lambda s: s.relabel([3], "unidentified"))
    assert tune.labels.counts == {"lymphocyte": 1, "monocyte": 2}
    assert "3 labels so far: 12 are needed" in tune.bar.reason.text()
    assert not tune.bar.button.isEnabled()
    screenshot(viewer, "fine_tune_labels")
    tune.workspace.edit(lambda s: s.undo())
    tune.workspace.edit(lambda s: s.undo())
    assert tune.labels.counts == {"monocyte": 2}


def test_the_preview_follows_the_labels_and_leaves_the_review_alone(tuning, qtbot, screenshot):
    viewer, _, tune = tuning
    session = tune.controller.session
    before = session.cells["label"].tolist()
    wrong = "basophil" if before[0] != "basophil" else "eosinophil"
    same = [row for row, label in enumerate(before) if label == before[0]]
    tune.preview.setChecked(True)
    quiet(qtbot, tune)
    assert "No label yet" in tune.preview_line.text()
    assert shown_labels(viewer) == before
    tune.workspace.edit(lambda s: s.relabel(same[: max(1, len(same) // 2)], wrong))
    quiet(qtbot, tune)
    shown = shown_labels(viewer)
    labelled = np.flatnonzero(is_labelled(session.cells))
    assert [shown[row] for row in labelled] == [wrong] * len(labelled)
    preview = tune.workspace.current.preview
    is_open = (session.cells["status"] == "model").to_numpy()
    assert [x for x, o in zip(shown, is_open, strict=True) if o] == preview["label"][is_open].tolist()
    assert f"{len(labelled)} label" in tune.preview_line.text()
    # The review, and with it the count, says what it said.
    assert [x for x, o in zip(session.cells["label"], is_open, strict=True) if o] == [
        x for x, o in zip(before, is_open, strict=True) if o
    ]
    screenshot(viewer, "fine_tune_preview")
    tune.preview.setChecked(False)
    assert shown_labels(viewer) == session.cells["label"].tolist()
    assert tune.preview_line.text() == ""


def test_a_preview_that_fails_is_unchecked_and_says_why(tuning, qtbot):
    """The model was replaced since the count: what it says now would not fit to what it said."""
    viewer, _, tune = tuning
    session = tune.controller.session
    session.count.run["model"]["sha256"] = "0" * 64
    before = shown_labels(viewer)
    tune.preview.setChecked(True)
    quiet(qtbot, tune)
    assert not tune.preview.isChecked()
    assert tune.preview_line.text() == ""
    assert (
        tune.lines.error.text() == "No preview: the model robust is another one since this count; count again"
    )
    assert shown_labels(viewer) == before


def test_classes_that_lack_labels_lead_to_likely_cells(tuning, qtbot, screenshot):
    viewer, _, tune = tuning
    session = tune.controller.session
    label = str(session.cells["model_label"].iloc[0])
    tune.verdict.setVisible(True)
    tune.verdict.show_lacking([(label, 0), ("hairy_cell", 2)])
    first, second = tune.verdict.lacking.findChildren(QPushButton)
    assert first.text() == f"{class_of(label).title} (0)"
    assert second.text() == "Hairy cell (2)"
    first.click()
    (review,) = [w for name, w in viewer.window.dock_widgets.items() if "Review cells" in name]
    rows = review.controller.rows
    chance = session.cells[f"p_{label}"].to_numpy()[rows]
    assert list(chance) == sorted(chance, reverse=True)
    assert tune.workspace.selection == (rows[0],)
    assert review.controller.groups() == [
        (f"Perhaps {class_of(label).title}, the likeliest first", len(rows))
    ]
    screenshot(viewer, "fine_tune_lacking")
    # A label leads to the next of them, and the list stays.
    review.controller.relabel(label)
    if len(rows) > 1:
        assert tune.workspace.selection == (rows[1],)
    assert list(review.controller.rows) == list(rows)
    # A class that neither the model nor a label knows.
    second.click()
    assert "may be of the class Hairy cell" in review.tools.lines.message.text()
    review.chooser.refresh.click()
    assert len(review.controller.rows) == len(session.cells)


def test_cells_that_teach_most_come_first_in_the_review(tuning, qtbot):
    viewer, _, tune = tuning
    tune.next.click()
    (review,) = [w for name, w in viewer.window.dock_widgets.items() if "Review cells" in name]
    qtbot.waitUntil(lambda: review.runner.state.value == "idle", timeout=60_000)
    assert review.chooser.order.currentData() == "teaching"
    session = tune.controller.session
    assert session.knows_space
    assert len(review.controller.rows) == len(session.cells)
    assert len(tune.workspace.selection) == 1


def test_a_preview_decides_which_cells_teach_most(tuning, qtbot):
    viewer, _, tune = tuning
    tune.next.click()
    (review,) = [w for name, w in viewer.window.dock_widgets.items() if "Review cells" in name]
    qtbot.waitUntil(lambda: review.runner.state.value == "idle", timeout=60_000)
    session = tune.controller.session
    tune.preview.setChecked(True)
    tune.workspace.edit(lambda s: s.relabel([int(review.controller.rows[0])], "basophil"))
    quiet(qtbot, tune)
    chances = probability_columns(session.cells)
    assert (tune.workspace.current.cells[chances] != session.cells[chances]).any(axis=None)
    # As if the labels had turned what the model says of the cells around.
    around = session.cells[["label", "model_label", *chances]].iloc[::-1].reset_index(drop=True)
    tune.workspace.set_preview(around)
    review.controller.refresh()
    by_preview = next_cells(tune.workspace.current.cells, session.space(), most=len(session.cells))
    assert list(review.controller.rows[: len(by_preview)]) == list(by_preview)
    assert list(by_preview) != list(next_cells(session.cells, session.space(), most=len(session.cells)))


def test_a_run_is_judged_shown_and_can_be_stopped(tuning, qtbot, screenshot, tmp_path):
    viewer, count, tune = tuning
    tune.workspace.edit(lambda s: s.relabel([0], "monocyte"))
    tune.controller.sources.add(LabelPlace(drawn_manifest(tmp_path, 24, seed=3)))
    qtbot.waitUntil(lambda: tune.places.texts == ["24 labels in cells.csv"], timeout=10_000)
    assert sum(tune.labels.counts.values()) == 25
    assert tune.bar.button.isEnabled(), tune.bar.reason.text()
    tune.bar.button.click()
    assert tune.bar.button.text() == "Cancel"
    tune.bar.button.click()
    qtbot.waitUntil(lambda: tune.runner.state.value == "idle", timeout=120_000)
    assert "Stopped" in tune.lines.message.text()
    assert tune.controller.adaptation is None

    tune.bar.button.click()
    qtbot.waitUntil(lambda: "crops" in tune.bar.progress_line.text(), timeout=120_000)
    screenshot(viewer, "fine_tune_learning")
    qtbot.waitUntil(lambda: tune.runner.state.value == "idle", timeout=300_000)
    assert not tune.lines.error.text()
    verdict = tune.controller.adaptation.verdict
    assert tune.verdict.table.rowCount() >= 5
    assert bool(tune.verdict.good.text()) is verdict.accepted
    assert bool(tune.verdict.bad.text()) is not verdict.accepted
    assert tune.saving.isVisibleTo(tune) is verdict.accepted
    screenshot(viewer, "fine_tune_verdict")
    assert verdict.accepted
    assert tune.name.text() == "robust-adapted"
    tune.name.setText("our lab")
    labels = said_by_people(tune.controller.session)
    tune.save.click()
    assert tune.bar.button.text() == "Cancel"
    qtbot.waitUntil(lambda: tune.runner.state.value == "idle", timeout=120_000)
    assert "our lab counts from now on. This review is seen with our lab" in tune.lines.message.text()
    assert (user_models_dir() / "our lab" / "CARD.md").is_file()
    assert "confusion" not in load_model("our lab").info
    assert count.form.model.currentData() == "our lab"
    assert remembered()["model"] == "our lab"
    session = tune.controller.session
    assert session.count.run["model"]["name"] == "our lab"
    assert said_by_people(session) == labels
    assert tune.source.text() == "Starts from the model robust, which our lab came from, with all labels."
    # The image of the review is in memory only, so the table alone can be learned from the next time.
    assert [place.path for place in remembered_places()] == [tmp_path / "cells.csv"]
    assert tune.places.texts == ["24 labels in cells.csv"]
    screenshot(viewer, "fine_tune_saved")
    assert tune.own.chosen == "our lab"
    tune.own.back.click()
    qtbot.waitUntil(lambda: tune.runner.state.value == "idle", timeout=120_000)
    assert count.form.model.currentData() == "robust"
    assert session.count.run["model"]["name"] == "robust"
    assert said_by_people(session) == labels


def test_curves_of_runs(tuning, screenshot):
    viewer, _, tune = tuning
    for run in ("without part 1", "with all cells"):
        for step in range(0, 61, 10):
            tune.curves.add(
                LearningPoint(run, step, 60, 2.0 - step / 40, step / 60 if run.startswith("w") else None)
            )
    assert list(tune.curves.runs) == ["without part 1", "with all cells"]
    assert tune.curves.isVisibleTo(tune)
    screenshot(viewer, "fine_tune_curves")
    tune.curves.clear()
    assert not tune.curves.isVisibleTo(tune)


def test_the_model_that_counts_is_chosen_everywhere(tuning):
    _, count, tune = tuning
    tune.workspace.model_wanted.emit("robust")
    assert count.form.model.currentData() == "robust"
    assert remembered()["model"] == "robust"


def test_further_labels_are_named_and_taken_away(tuning, tmp_path, qtbot):
    _, _, tune = tuning
    table = tmp_path / "cells.csv"
    table.write_text("domain,label,group,um_per_px\n")
    (tmp_path / "more").mkdir()
    tune.controller.sources.add(LabelPlace(table))
    # What lies there is being counted; who cannot wait is told by the run.
    assert tune.bar.button.isEnabled()
    qtbot.waitUntil(lambda: "not used" in "".join(tune.places.texts), timeout=10_000)
    assert "lacks the columns path" in tune.places.texts[0]
    assert not tune.bar.button.isEnabled()
    tune.controller.sources.add(LabelPlace(drawn_manifest(tmp_path / "more", 24, seed=3)))
    qtbot.waitUntil(lambda: "24 labels in cells.csv" in tune.places.texts, timeout=10_000)
    assert tune.bar.button.isEnabled()
    tune.places.findChildren(QToolButton)[0].click()
    assert tune.places.texts == ["24 labels in cells.csv"]
    tune.clear.click()
    assert tune.places.texts == []
    assert not tune.bar.button.isEnabled()


def test_a_function_with_a_callback_as_a_generator():
    def call(tell):
        tell(1)
        tell(2)
        return 3

    assert list(told(call)) == [1, 2, 3]

    def broken(tell):
        tell(1)
        raise ValueError("no")

    steps = told(broken)
    assert next(steps) == 1
    with pytest.raises(ValueError, match="no"):
        next(steps)


def test_what_would_change_in_words(counted):
    import pandas as pd

    _, count = counted
    session = count.workspace.session
    cells = session.cells
    same = pd.DataFrame({"label": cells["label"], "model_label": cells["model_label"]})
    assert changes_text(Preview(session, same, 0)).startswith("No label yet")
    assert changes_text(Preview(session, same, 1)) == f"1 label: 0 of {len(cells)} cells would change"
    other = same.assign(label="hairy_cell")
    text = changes_text(Preview(session, other, 2))
    assert f"{len(cells)} of {len(cells)} cells would change" in text
    assert "→ Hairy cell" in text


def test_labels_that_cannot_be_counted_say_why_and_the_others_are_counted(
    tuning, tmp_path, qtbot, monkeypatch
):
    from napari_wbc.gui.fine_tune import label_sources

    _, _, tune = tuning
    real = label_sources.labels_at

    def broken(place):
        if place.path.name == "broken.csv":
            raise RuntimeError("a fault of ours")
        return real(place)

    monkeypatch.setattr(label_sources, "labels_at", broken)
    tune.controller.sources.add(LabelPlace(tmp_path / "broken.csv"))
    tune.controller.sources.add(LabelPlace(drawn_manifest(tmp_path, 24, seed=3)))
    qtbot.waitUntil(lambda: "24 labels in cells.csv" in tune.places.texts, timeout=10_000)
    assert tune.places.texts[0].startswith("not used: ")
    assert "a fault of ours" in tune.places.texts[0]
