"""Dock widgets that lead to each other, are hidden, closed and opened again."""

import gc
import threading

import pytest
from qtpy.QtCore import QCoreApplication, QEvent

pytestmark = pytest.mark.gui


def open_widget(viewer, title):
    _, widget = viewer.window.add_plugin_dock_widget("napari-wbc", title)
    return widget


def crop_threads():
    return [t for t in threading.enumerate() if t.name == "napari-wbc crops" and t.is_alive()]


def test_a_widget_that_is_hidden_comes_to_sight(reviewing, qtbot):
    viewer, count, review = reviewing
    dock = review.parentWidget()
    dock.hide()
    assert not review.isVisible()
    count.review.click()
    assert review.isVisible()
    # Behind another one, it comes to the front.
    seen = []
    dock.visibilityChanged.connect(seen.append)
    tune = open_widget(viewer, "Fine-tune model")
    qtbot.wait(300)
    viewer.window._qt_window.tabifyDockWidget(dock, tune.parentWidget())
    tune.parentWidget().raise_()
    qtbot.waitUntil(lambda: seen[-1:] == [False], timeout=10_000)
    tune.next.click()
    qtbot.waitUntil(lambda: seen[-1:] == [True], timeout=10_000)
    tune.go_quiet()


def test_a_review_that_is_closed_hears_nothing_and_leaves_no_thread(reviewing, qtbot):
    viewer, count, review = reviewing
    others = set(crop_threads())
    viewer.window.remove_dock_widget(review)
    count.workspace.message.emit("a line", False)
    count.workspace.select((1,))
    assert review.tools.lines.message.text() != "a line"
    assert review.gallery.selected != (1,)
    qtbot.waitUntil(lambda: not others & set(crop_threads()), timeout=5000)

    # Opened again it is another one, as napari has it, and the first one is not kept.
    for _ in range(3):
        again = open_widget(viewer, "Review cells")
        assert again is not review
        qtbot.waitUntil(lambda again=again: again.crops.crop(0) is not None, timeout=20_000)
        viewer.window.remove_dock_widget(again)
    del again
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert not crop_threads()


def test_a_closed_review_shows_its_crops_when_it_is_back(reviewing, qtbot):
    viewer, _, review = reviewing
    viewer.window.remove_dock_widget(review)
    assert review.crops.crop(0) is None
    viewer.window.add_dock_widget(review, name="again")
    qtbot.waitUntil(lambda: review.crops.crop(0) is not None, timeout=20_000)


def test_a_count_that_begins_takes_the_cells_out_of_the_review(reviewing, finish):
    _, count, review = reviewing
    assert not review.workspace.selection
    count.run.click()
    assert "is being counted" in review.reason.text()
    assert not review.tools.accept.isEnabled()
    assert len(review.gallery.order) == 0
    assert count.panel.table.rowCount() == 0
    count.run.click()
    finish(count)
    assert len(review.gallery.order) == len(count.controller.result.cells)
    assert review.reason.text() == ""
