"""Widgets and layers that come and go while a count runs."""

import threading
import time

import numpy as np
import pytest
from napari.layers import Labels, Points

from napari_wbc.execution.progress import Progress
from napari_wbc.gui.jobs import JobState

pytestmark = pytest.mark.gui


def workers():
    return [t for t in threading.enumerate() if t.name.startswith("napari-wbc job") and t.is_alive()]


def started(viewer, add_widget, smear, qtbot):
    widget = add_widget(viewer)
    viewer.add_image(smear, rgb=True, name="smear")
    widget.form.scale.setValue(0.1)
    qtbot.waitUntil(lambda: not widget.controller.scale_finder.note.looking, timeout=60_000)
    widget.run.click()
    assert widget.controller.runner.state is JobState.RUNNING
    return widget


def test_closing_the_widget_ends_its_run(viewer, add_widget, smear, qtbot):
    widget = started(viewer, add_widget, smear, qtbot)
    viewer.window.remove_dock_widget(widget)
    assert widget.controller.runner.state is JobState.IDLE
    qtbot.waitUntil(lambda: not workers(), timeout=20_000)
    assert [layer.name for layer in viewer.layers] == ["smear"]
    # It listens to nothing any more.
    viewer.add_image(smear, rgb=True, name="another")
    assert widget.form.image.count() == 1
    assert not [c for c in viewer.mouse_drag_callbacks if "CellPicker" in repr(c)]


def test_a_closed_widget_can_be_shown_again(viewer, add_widget, smear, qtbot, finish):
    widget = started(viewer, add_widget, smear, qtbot)
    viewer.window.remove_dock_widget(widget)
    viewer.add_image(smear[:200], rgb=True, name="another")
    viewer.window.add_dock_widget(widget, name="again")
    assert {widget.form.image.itemText(i) for i in range(widget.form.image.count())} == {"smear", "another"}
    widget.form.image.setCurrentIndex(widget.form.image.findText("smear"))
    assert widget.run.isEnabled()
    widget.run.click()
    finish(widget)
    assert widget.controller.result is not None
    assert len([c for c in viewer.mouse_drag_callbacks if "CellPicker" in repr(c)]) == 1


def test_closing_the_viewer_ends_the_run(make_napari_viewer, add_widget, smear, qtbot):
    viewer = make_napari_viewer(show=True)
    started(viewer, add_widget, smear, qtbot)
    viewer.close()
    qtbot.waitUntil(lambda: not workers(), timeout=20_000)


def test_hiding_the_widget_does_not_end_the_run(viewer, add_widget, smear, qtbot, finish):
    widget = started(viewer, add_widget, smear, qtbot)
    widget.parent().setVisible(False)
    finish(widget)
    assert widget.controller.result is not None


def test_removing_the_image_ends_its_run(viewer, add_widget, smear, qtbot, finish):
    widget = started(viewer, add_widget, smear, qtbot)
    viewer.layers.remove("smear")
    finish(widget)
    assert len(viewer.layers) == 0
    assert "image was removed" in widget.message.text()
    assert "Open an RGB image" in widget.reason.text()
    assert widget.controller.result is None


def test_renaming_the_image_changes_nothing(viewer, add_widget, smear, qtbot, finish):
    widget = started(viewer, add_widget, smear, qtbot)
    image = viewer.layers["smear"]
    image.name = "patient 7"
    assert widget.form.image.currentText() == "patient 7"
    assert widget.form.image.currentData() is image
    finish(widget)
    assert widget.controller.result is not None
    assert widget.controller.shown[image].result is widget.controller.result


def test_the_overlay_may_be_renamed_or_removed(viewer, add_widget, smear, qtbot, finish):
    widget = started(viewer, add_widget, smear, qtbot)
    finish(widget)
    layers = widget.controller.shown[viewer.layers["smear"]].layers
    layers.classes.name = "mine"
    viewer.layers.remove(layers.points)
    widget.legend.set_hidden(frozenset(widget.legend.counts))
    assert all(colour[3] == 0 for colour in layers.classes.colormap.color_dict.values())
    widget.workspace.pick((0,))
    assert layers.points is None


def test_results_belong_to_their_image(viewer, add_widget, smear, qtbot, finish):
    widget = started(viewer, add_widget, smear, qtbot)
    finish(widget)
    first = widget.controller.result
    viewer.add_image(np.full((100, 120, 3), 235, np.uint8), rgb=True, name="blank")
    widget.form.image.setCurrentIndex(widget.form.image.findText("blank"))
    assert widget.controller.result is None
    assert not widget.tabs.isVisible()
    widget.run.click()
    finish(widget)
    assert len(widget.controller.result.cells) == 0
    assert "No leukocyte was counted" in widget.panel.summary.text()
    widget.form.image.setCurrentIndex(widget.form.image.findText("smear"))
    assert widget.controller.result is first
    assert widget.table.cells.rowCount() == len(first.cells)


def test_two_viewers_do_not_meet(make_napari_viewer, add_widget, smear, qtbot, finish):
    one, two = make_napari_viewer(show=True), make_napari_viewer(show=True)
    counting = started(one, add_widget, smear, qtbot)
    waiting = add_widget(two)
    two.add_image(smear[:240], rgb=True, name="other")
    assert waiting.form.image.count() == 1
    assert waiting.controller.runner.state is JobState.IDLE
    finish(counting)
    assert counting.controller.result is not None
    assert waiting.controller.result is None
    assert not [layer for layer in two.layers if isinstance(layer, Labels | Points)]


def test_the_window_stays_alive_while_it_computes(viewer, add_widget, smear, qtbot, monkeypatch):
    """A worker that holds on to its tile does not hold up the window."""
    from napari_wbc.gui.count import controller

    ticks = []

    def slow(image, options, cancel):
        while len(ticks) < 20:
            yield Progress("Finding cells", len(ticks), 20, "tile")
            time.sleep(0.025)
            cancel.check()

    monkeypatch.setattr(controller, "count_steps", slow)
    widget = started(viewer, add_widget, smear, qtbot)
    lines = []
    begun = time.perf_counter()
    while widget.controller.runner.state is not JobState.IDLE and time.perf_counter() - begun < 60:
        qtbot.wait(10)
        ticks.append(time.perf_counter())
        lines.append(widget.progress_line.text())
    assert widget.controller.runner.state is JobState.IDLE
    assert any("20 tiles" in line for line in lines)


def test_a_save_that_is_cancelled_does_not_speak_of_an_earlier_count(
    viewer, add_widget, smear, qtbot, finish, tmp_path
):
    widget = started(viewer, add_widget, smear, qtbot)
    finish(widget)
    viewer.add_image(smear, rgb=True, name="another")
    widget.form.image.setCurrentIndex(widget.form.image.findText("another"))
    widget.run.click()
    viewer.layers.remove("another")
    finish(widget)
    assert "image was removed" in widget.message.text()
    assert widget.form.image.currentText() == "smear"
    widget.controller.save(tmp_path / "results")
    widget.run.click()
    finish(widget)
    assert widget.message.text() == "Cancelled."
