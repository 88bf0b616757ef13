"""The whole way in a real viewer: count, label with keys, adapt, use, count again, and adapt again with all labels."""

import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.cell_table import is_labelled
from napari_wbc.gui.settings import remembered
from napari_wbc.slides.synthetic import SmearParameters, SyntheticSmear

pytestmark = pytest.mark.gui
#: What this laboratory calls what the model calls otherwise or so; one of these the model does not know.
OURS = {"lymphocyte": "hairy_cell", "neutrophil_segmented": "neutrophil_segmented"}


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A file with some forty leukocytes of two kinds."""
    parameters = SmearParameters(
        height=1700,
        width=1700,
        seed=11,
        composition={"lymphocyte": 0.5, "neutrophil_segmented": 0.5},
        leukocytes_per_mm2=1500,
    )
    file = tmp_path_factory.mktemp("field") / "field.png"
    Image.fromarray(SyntheticSmear(parameters).draw(0, 0, 1700, 1700)).save(file)
    return file


def idle(qtbot, tune, seconds=240):
    qtbot.waitUntil(lambda: tune.runner.state.value == "idle", timeout=1000 * seconds)


def test_from_a_count_to_a_model_of_ones_own_and_on(viewer, add_widget, finish, field, qtbot, screenshot):
    count = add_widget(viewer)
    count.controller.opener.open_path(field)
    count.form.scale.setValue(0.1)
    count.run.click()
    finish(count)
    _, tune = viewer.window.add_plugin_dock_widget("napari-wbc", "Fine-tune model", tabify=True)
    tune.controller.recipe = Recipe(views=10, steps=0, pull=1e-5)
    session = tune.workspace.session

    # Label next: the review opens with the cells that teach most; keys and names give the classes.
    tune.next.click()
    (review,) = [w for name, w in viewer.window.dock_widgets.items() if "Review cells" in name]
    qtbot.waitUntil(lambda: review.runner.state.value == "idle", timeout=60_000)
    tune.preview.setChecked(True)
    for _ in range(28):
        (row,) = tune.workspace.selection
        said = str(session.cells["model_label"].iloc[row])
        if OURS.get(said) == "neutrophil_segmented":
            qtbot.keyClick(review.gallery, Qt.Key.Key_1)
        elif said in OURS:
            review.controller.relabel(OURS[said])
        else:
            qtbot.keyClick(review.gallery, Qt.Key.Key_X)
        if tune.workspace.selection == (row,):
            qtbot.keyClick(review.gallery, Qt.Key.Key_N)
    qtbot.waitUntil(
        lambda: tune.side_runner.state.value == "idle" and not tune.controller._stale, timeout=60_000
    )
    labels = tune.labels.counts
    assert set(labels) == set(OURS.values())
    assert min(labels.values()) >= 4
    assert f"{sum(labels.values())} labels" in tune.preview_line.text()
    screenshot(viewer, "flow_1_labels")
    tune.preview.setChecked(False)

    tune.bar.button.click()
    idle(qtbot, tune)
    assert not tune.lines.error.text()
    screenshot(viewer, "flow_2_verdict")
    verdict = tune.controller.adaptation.verdict
    assert verdict.accepted, verdict.text()
    assert not tune.curves.isVisibleTo(tune) or tune.curves.runs
    assert bool(tune.no_curves.text()) is not bool(tune.curves.runs)
    offered = [button.text() for button in tune.verdict.lacking.findChildren(QPushButton)]
    # The model sees lymphocytes on this slide, and nobody has labelled one.
    assert "Lymphocyte (0)" in offered
    assert not any(text.startswith(("Segmented", "Hairy cell")) for text in offered)

    # Save and use: the open review is seen with it; what was labelled stays, the rest is called as here.
    people = session.cells[is_labelled(session.cells)]
    tune.save.click()
    idle(qtbot, tune)
    assert remembered()["model"] == "robust-adapted"
    assert session.cells.loc[people.index, "label"].equals(people["label"])
    assert "p_hairy_cell" in session.cells.columns
    left = session.cells[session.cells["status"] == "model"]
    assert (left["model_label"] == "hairy_cell").any()
    assert count.controller.result.run["model"]["name"] == "robust-adapted"
    screenshot(viewer, "flow_3_saved")

    # A new count begins a new review, and the labels of the earlier one are learned from all the same.
    count.run.click()
    finish(count)
    again = tune.workspace.session
    assert again is not session
    assert again.count.run["model"]["name"] == "robust-adapted"
    qtbot.waitUntil(lambda: tune.labels.counts == labels, timeout=20_000)
    assert tune.places.texts == [f"{sum(labels.values())} labels in {session.folder.stem}"]
    screenshot(viewer, "flow_4_counted_again")

    # Once more, from the source, with the labels of a review that is closed; the first model stays what it was.
    tune.bar.button.click()
    idle(qtbot, tune)
    assert not tune.lines.error.text()
    adaptation = tune.controller.adaptation
    assert adaptation.start.model.name == "robust"
    assert adaptation.verdict.labels == sum(labels.values())
    assert tune.name.text() == "robust-adapted-2"
    tune.go_quiet()
