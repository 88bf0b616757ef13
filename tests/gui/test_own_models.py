"""Own models in a real viewer: used and left again, passed on, taken in, deleted; the open review keeps its labels."""

import json
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QDialog, QDialogButtonBox, QFileDialog, QLineEdit, QMessageBox

import napari_wbc as wbc
from napari_wbc.adaptation.own_models import OwnModel, own_models
from napari_wbc.cell_table import is_labelled
from napari_wbc.classification.bundle import load_model, save_bundle, user_models_dir
from napari_wbc.gui.fine_tune.own_models_panel import OwnModelsPanel

pytestmark = pytest.mark.gui
WANTED = "monocyte"


@pytest.fixture
def our_lab():
    """An adapted model of the user's own that takes every cell for a monocyte."""
    robust = wbc.load_model("robust")
    tensors = dict(robust.tensors)
    bias = np.array(tensors["network.head.bias"], np.float32)
    bias[robust.classes.index(WANTED)] += 500.0
    tensors["network.head.bias"] = bias
    balanced = {"before": {"value": 0.71}, "after": {"value": 0.93}}
    adaptation = {
        "parent": {"name": "robust", "sha256": robust.sha256},
        "date": "2026-03-02",
        "slides": 3,
        "verdict": {"labels": 96, "measures": {"balanced_accuracy": balanced}},
    }
    info = {k: v for k, v in robust.info.items() if k != "replay"} | {"adaptation": adaptation}
    save_bundle(user_models_dir() / "our-lab", tensors, {**info, "name": "our-lab"}, "# our-lab\n\nMonday.")
    return load_model("our-lab")


@pytest.fixture
def shelf(our_lab, counted):
    viewer, count = counted
    _, tune = viewer.window.add_plugin_dock_widget("napari-wbc", "Fine-tune model", tabify=True)
    tune.own.fold.expand(animate=False)
    yield viewer, count, tune
    tune.go_quiet()


def idle(qtbot, tune):
    qtbot.waitUntil(lambda: tune.runner.state.value == "idle", timeout=120_000)


def shown_labels(viewer):
    from napari.layers import Points

    return list(next(layer for layer in viewer.layers if isinstance(layer, Points)).features["label"])


def test_the_open_review_is_seen_with_the_model_and_keeps_its_labels(shelf, qtbot, screenshot):
    viewer, count, tune = shelf
    session = tune.workspace.session
    before = session.cells
    tune.workspace.edit(lambda s: s.relabel([0, 1], "basophil"))
    reviewed = session.cells
    assert tune.own.table.item(0, 3).text() == "71 → 93 %"
    assert not tune.own.back.isVisibleTo(tune)
    tune.own.choose("our-lab")
    assert "96 labels of 3 slides, from robust" in tune.own.verdict.text()
    tune.own.use.click()
    assert not tune.own.use.isEnabled()
    idle(qtbot, tune)
    assert count.form.model.currentData() == "our-lab"
    assert session.cells["label"].tolist()[:2] == ["basophil", "basophil"]
    assert set(session.cells["model_label"]) == {WANTED}
    assert shown_labels(viewer) == session.cells["label"].tolist()
    assert count.controller.result.run["model"]["name"] == "our-lab"
    assert "What you labelled stays" in tune.lines.message.text()
    assert tune.own.table.item(0, 0).text() == "● our-lab"
    screenshot(viewer, "own_models_used")
    # Undo in the review takes it back, and the widget offers it again.
    tune.workspace.edit(lambda s: s.undo())
    assert session.cells.equals(reviewed)
    assert shown_labels(viewer) == session.cells["label"].tolist()
    assert tune.see.isVisibleTo(tune)
    assert tune.lines.message.text() == ""
    assert tune.see.text() == "See this review with our-lab (now: robust)"
    screenshot(viewer, "own_models_see")
    tune.see.click()
    idle(qtbot, tune)
    assert set(session.cells["model_label"]) == {WANTED}
    assert not tune.see.isVisibleTo(tune)
    # The same gesture with the source goes back.
    assert tune.own.back.text() == "Back to robust"
    tune.own.back.click()
    idle(qtbot, tune)
    assert session.cells["label"].tolist() == ["basophil"] * 2 + before["label"].tolist()[2:]
    assert count.form.model.currentData() == "robust"


def test_a_review_that_a_new_count_takes_the_place_of_stays_as_it_is(shelf, qtbot, finish):
    viewer, count, tune = shelf
    earlier = tune.workspace.session
    before = earlier.cells
    tune.shelf.see("our-lab")
    count.run.click()
    idle(qtbot, tune)
    finish(count)
    session = tune.workspace.session
    assert session is not earlier
    assert earlier.cells is before
    assert shown_labels(viewer) == session.cells["label"].tolist()
    assert session.count.run["model"]["name"] == "robust"


def test_a_signed_review_stays_as_it_is(shelf, qtbot):
    _, count, tune = shelf
    session = tune.workspace.session
    tune.workspace.edit(lambda s: s.sign("A. Reader"))
    before = session.cells
    tune.shelf.use("our-lab")
    idle(qtbot, tune)
    assert session.cells is before
    assert "signed and stays" in tune.lines.message.text()
    assert count.form.model.currentData() == "our-lab"


def test_a_new_count_loses_no_label(shelf, qtbot, finish, tmp_path):
    """The new review is empty; the earlier one is learned from all the same."""
    _, count, tune = shelf
    earlier = tune.workspace.session
    tune.workspace.edit(lambda s: s.relabel([0, 1, 2], "basophil"))
    assert tune.labels.counts == {"basophil": 3}
    count.run.click()
    finish(count)
    session = tune.workspace.session
    assert session is not earlier
    assert not is_labelled(session.cells).any()
    (text,) = tune.places.texts
    assert earlier.folder.stem in text
    qtbot.waitUntil(lambda: tune.labels.counts == {"basophil": 3}, timeout=10_000)
    tune.workspace.edit(lambda s: s.relabel([3], "monocyte"))
    assert tune.labels.counts == {"monocyte": 1, "basophil": 3}


def test_an_adapter_goes_out_and_comes_in(
    shelf, our_lab, qtbot, tmp_path, monkeypatch, screenshot, artifacts_dir
):
    viewer, count, tune = shelf
    file = tmp_path / "our lab"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(file), ""))
    tune.own.choose("our-lab")
    tune.own.export.click()
    idle(qtbot, tune)
    file = tmp_path / "our lab.wbcadapter"
    assert f"Written: {file}" in tune.lines.message.text()

    monkeypatch.setattr(QMessageBox, "question", lambda *_, **__: QMessageBox.StandardButton.No)
    tune.own.delete.click()
    assert [m.name for m in own_models()] == ["our-lab"]
    monkeypatch.setattr(QMessageBox, "question", lambda *_, **__: QMessageBox.StandardButton.Yes)
    tune.own.delete.click()
    assert own_models() == []
    assert "our-lab is deleted" in tune.lines.message.text()
    assert [count.form.model.itemData(i) for i in range(count.form.model.count())] == ["robust"]

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(file), ""))
    seen = []

    def answer():
        dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible())
        seen.append(dialog.windowTitle())
        dialog.grab().save(str(artifacts_dir / "own_models_import.png"))
        (name,) = dialog.findChildren(QLineEdit)
        assert name.text() == "our-lab"
        name.setText("their lab")
        buttons = dialog.findChild(QDialogButtonBox)
        next(b for b in buttons.buttons() if "Install" in b.text()).click()

    QTimer.singleShot(500, answer)
    tune.own.import_.click()
    idle(qtbot, tune)
    assert seen == ["Import our lab.wbcadapter"]
    # It counts from now on, and the open review is seen with it.
    qtbot.waitUntil(lambda: tune.runner.state.value == "idle", timeout=120_000)
    assert count.form.model.currentData() == "their lab"
    assert tune.workspace.session.count.run["model"]["name"] == "their lab"
    assert load_model("their lab").sha256 == our_lab.sha256
    tune.own.card.click()
    (card,) = [w for w in tune.findChildren(QDialog) if w.windowTitle() == "Model their lab"]
    card.close()
    screenshot(viewer, "own_models_imported")


def test_adapters_that_cannot_be_used_are_told_in_one_line(shelf, our_lab, tmp_path, monkeypatch):
    from napari_wbc.adaptation.adapter import export_adapter

    _, _, tune = shelf
    wrong = tmp_path / "wrong.wbcadapter"
    wrong.write_bytes(b"no adapter")
    alien = export_adapter(our_lab, tmp_path / "alien.wbcadapter")
    sha256 = json.dumps(wbc.load_model("robust").sha256)[1:-1].encode()
    alien.write_bytes(alien.read_bytes().replace(sha256, b"0" * 64))
    for file, reason in ((wrong, "is no lab adapter"), (alien, "which is not installed: install that first")):
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, file=file, **__: (str(file), ""))
        tune.own.import_.click()
        assert reason in tune.lines.error.text()
        assert "\n" not in tune.lines.error.text()
    adapter = tune.shelf.read(export_adapter(our_lab, tmp_path / "ours.wbcadapter"))
    for name, reason in (("our-lab", "already"), ("robust", "came with the program"), ("a/b", "letters")):
        tune.shelf.install(adapter, name, use=True)
        assert reason in tune.lines.error.text()
    assert [m.name for m in own_models()] == ["our-lab"]


def test_nothing_can_be_pressed_while_a_job_goes_on(qtbot):
    panel = OwnModelsPanel()
    qtbot.addWidget(panel)
    models = [
        OwnModel(name, Path(name), "0" * 64, parent="robust", labels=20) for name in ("first", "second")
    ]
    panel.show_models(models, "first")
    panel.set_idle(False)
    # A row can be chosen all the same, to read about it.
    panel.choose("second")
    assert panel.card.isEnabled()
    assert not any(
        part.isEnabled() for part in (panel.use, panel.export, panel.delete, panel.import_, panel.back)
    )
    panel.set_idle(True)
    assert all(
        part.isEnabled() for part in (panel.use, panel.export, panel.delete, panel.import_, panel.back)
    )
