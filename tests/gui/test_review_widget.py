"""Reviewing in a real viewer: look, correct, take back, keep, reopen."""

import json

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels, Points
from qtpy.QtCore import Qt

from napari_wbc.gui.marks import class_value
from napari_wbc.gui.readers import read_review, reader
from napari_wbc.review.folder import LOG, is_review, reviews_folder

pytestmark = pytest.mark.gui


def press(qtbot, review, key, modifier=Qt.KeyboardModifier.NoModifier):
    review.gallery.setFocus()
    qtbot.keyClick(review.gallery, key, modifier)


def made(qtbot, review):
    qtbot.waitUntil(lambda: review.runner.state.value == "idle", timeout=60_000)


def on_screen(viewer, count, review):
    """What image, gallery, table, legend and differential say of every cell."""
    session = review.controller.session
    (points,), (classes,) = (
        [layer for layer in viewer.layers if isinstance(layer, kind)] for kind in (Points, Labels)
    )
    table = count.table.cells
    cells = session.cells
    assert list(points.features["label"]) == list(cells["label"])
    assert np.allclose(points.data, cells[["y_px", "x_px"]])
    assert [review.gallery._rows.label(row) for row in range(len(cells))] == list(cells["label"])
    assert table.rowCount() == len(cells)
    counts = cells.loc[cells["status"] != "excluded", "label"].value_counts().to_dict()
    assert count.legend.counts == counts
    shown = {
        count.panel.table.item(row, 0).text(): count.panel.table.item(row, 1).text()
        for row in range(count.panel.table.rowCount())
    }
    differential = session.differential()
    for row in differential.table.to_dict("records"):
        if row["in_denominator"]:
            assert shown[differential.titles[row["class"]]] == str(row["count"])
    return classes


def test_a_key_relabels_everywhere_and_is_undone(reviewing, qtbot, screenshot):
    viewer, count, review = reviewing
    first = review.controller.session.cells["label"].iloc[0]
    review.gallery.set_selected((0,))
    review.workspace.pick((0,))
    screenshot(viewer, "review_start")
    press(qtbot, review, "6")
    assert review.controller.session.cells["label"].iloc[0] == "basophil"
    assert review.controller.session.cells["status"].iloc[0] == "reviewed"
    classes = on_screen(viewer, count, review)
    assert class_value("basophil", {}) in classes.data
    # The next one is selected, in the gallery, the table and the image.
    (row,) = review.workspace.selection
    assert row != 0
    assert review.gallery.selected == (row,)
    assert count.table.selected == (row,)
    assert set(next(layer for layer in viewer.layers if isinstance(layer, Points)).selected_data) == {row}
    press(qtbot, review, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert review.controller.session.cells["label"].iloc[0] == first
    assert "Undone: label of cell 1" in review.tools.lines.message.text()
    on_screen(viewer, count, review)
    press(
        qtbot, review, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    assert review.controller.session.cells["label"].iloc[0] == "basophil"


def test_several_are_accepted_excluded_and_brought_back(reviewing, qtbot, screenshot):
    viewer, count, review = reviewing
    rows = (0, 1, 2)
    review.workspace.select(rows)
    assert review.gallery.selected
    assert set(review.gallery.selected) == set(rows)
    assert "3 cells are selected" in review.detail.text.text()
    press(qtbot, review, Qt.Key.Key_Space)
    assert (review.controller.session.cells["status"].iloc[list(rows)] == "reviewed").all()
    assert review.tools.progress.value() == 3
    press(qtbot, review, "X")
    assert (review.controller.session.cells["status"].iloc[list(rows)] == "excluded").all()
    on_screen(viewer, count, review)
    screenshot(viewer, "review_excluded")
    press(qtbot, review, "X")
    assert (review.controller.session.cells["status"].iloc[list(rows)] == "reviewed").all()
    on_screen(viewer, count, review)


def test_similar_cells_are_relabelled_in_one_gesture(reviewing, qtbot, screenshot):
    viewer, count, review = reviewing
    review.workspace.select((0,))
    press(qtbot, review, "S")
    assert review.alike_bar.isVisible()
    assert review.controller.rows[0] == 0
    cosine = review.controller.alike.cosine
    assert (np.diff(cosine) <= 0).all()
    review.alike_bar.least.setValue(round(100 * float(cosine[1]) - 1))
    chosen = review.workspace.selection
    assert 0 in chosen
    assert len(chosen) >= 3
    screenshot(viewer, "review_alike")
    press(qtbot, review, "5")
    assert (review.controller.session.cells["label"].iloc[list(chosen)] == "eosinophil").all()
    assert review.controller.session.changes == 1
    assert not review.alike_bar.isVisible()
    on_screen(viewer, count, review)
    review.controller.undo()
    assert review.controller.session.changes == 0
    on_screen(viewer, count, review)


def test_next_goes_through_all_cells_once(reviewing, qtbot):
    _, _, review = reviewing
    n = len(review.controller.session.cells)
    seen = []
    for _ in range(n):
        press(qtbot, review, "N")
        (row,) = review.workspace.selection
        seen.append(row)
        review.controller.session.accept([row])
    assert sorted(seen) == list(range(n))
    press(qtbot, review, "N")
    assert "Every cell has been looked at" in review.tools.lines.message.text()


def test_gallery_shows_a_class_and_keeps_its_order_while_editing(reviewing, qtbot):
    _, _, review = reviewing
    cells = review.controller.session.cells
    label = cells["label"].iloc[0]
    review.chooser.label.setCurrentIndex(review.chooser.label.findData(label))
    review.chooser.label.activated.emit(review.chooser.label.currentIndex())
    assert set(review.controller.rows) == set(np.flatnonzero(cells["label"] == label))
    before = review.controller.rows.tolist()
    review.workspace.select((before[0],))
    press(qtbot, review, "0")
    assert review.controller.rows.tolist() == before
    review.chooser.refresh.click()
    assert review.controller.rows.tolist() == before[1:]
    for index in range(review.chooser.order.count()):
        review.chooser.order.setCurrentIndex(index)
        assert sorted(review.controller.rows.tolist()) == sorted(before[1:])


def test_a_click_in_the_image_selects_everywhere(reviewing):
    viewer, count, review = reviewing
    cell = review.controller.session.cells.iloc[1]
    review.workspace._on_click((cell["y_px"], cell["x_px"]))
    assert review.gallery.selected == count.table.selected == (1,)
    assert f"Cell {cell['cell_id']}" in review.detail.text.text()
    count.table.rows_picked.emit((0,))
    assert review.gallery.selected == (0,)
    assert viewer.scene.camera.center[-2:] == pytest.approx(
        review.controller.session.cells[["y_px", "x_px"]].iloc[0].tolist()
    )


def test_a_missed_cell_is_drawn_split_and_merged(reviewing, qtbot, screenshot):
    viewer, count, review = reviewing
    session = review.controller.session
    n = len(session.cells)
    mask = session.masks[0]
    session.exclude([0])
    press(qtbot, review, "A")
    sketch = review.drawing.sketch
    assert sketch.layer in viewer.layers
    assert str(sketch.layer.mode) == "add_polygon_lasso"
    assert review.tools.add.isChecked()
    y0, x0, y1, x1 = mask.bbox
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = np.column_stack(
        [(y0 + y1) / 2 + (y1 - y0) / 2 * np.sin(angle), (x0 + x1) / 2 + (x1 - x0) / 2 * np.cos(angle)]
    )
    sketch.layer.add_polygons(outline)
    made(qtbot, review)
    assert len(session.cells) == n + 1
    assert review.workspace.selection == (n,)
    assert len(sketch.layer.data) == 0
    assert "Draw around" in review.tools.lines.message.text()
    on_screen(viewer, count, review)
    press(qtbot, review, "A")
    assert review.drawing.sketch is None
    assert sketch.layer is None
    assert not review.tools.add.isChecked()
    screenshot(viewer, "review_added")

    line = np.array([[y0 - 5, (x0 + x1) / 2], [y1 + 5, (x0 + x1) / 2 + 1]])
    review.workspace.select((n,))
    review.controller.maker.split(line)
    made(qtbot, review)
    assert review.workspace.selection == (n + 1, n + 2)
    on_screen(viewer, count, review)
    press(qtbot, review, "M")
    made(qtbot, review)
    assert review.workspace.selection == (n + 3,)
    assert session.masks[n + 3].cell.sum() == session.masks[n].cell.sum()
    on_screen(viewer, count, review)
    for _ in range(4):
        review.controller.undo()
    assert len(session.cells) == n
    on_screen(viewer, count, review)


def test_drawing_ends_when_its_layer_is_removed(reviewing, qtbot):
    viewer, _, review = reviewing
    press(qtbot, review, "A")
    viewer.layers.remove(review.drawing.sketch.layer)
    assert review.drawing.sketch is None
    assert not review.tools.add.isChecked()
    press(qtbot, review, "A")
    assert review.drawing.sketch.layer in viewer.layers
    press(qtbot, review, "A")


def test_a_cell_without_a_neck_is_cut_along_a_drawn_line(reviewing, qtbot):
    viewer, _, review = reviewing
    session = review.controller.session
    rows = [r for r in range(len(session.cells)) if "lymphocyte" in session.cells["label"].iloc[r]] or [0]
    row = rows[0]
    review.workspace.select((row,))
    mask = session.masks[row]
    press(qtbot, review, "T")
    sketch = review.drawing.sketch
    assert "Draw a line" in review.tools.lines.message.text()
    middle = mask.x0 + mask.width / 2
    sketch.layer.add_lines(np.array([[mask.y0 - 4, middle], [mask.y0 + mask.height + 4, middle]]))
    made(qtbot, review)
    assert session.cells["status"].iloc[row] == "excluded"
    assert sketch.layer is None
    assert sketch not in viewer.layers


def test_what_was_drawn_wrongly_is_said_and_changes_nothing(reviewing, qtbot):
    _, _, review = reviewing
    before = len(review.controller.session.cells)
    press(qtbot, review, "A")
    review.drawing.sketch.layer.add_polygons(np.array([[5.0, 5.0], [5.0, 7.0], [7.0, 7.0]]))
    made(qtbot, review)
    assert "draw around one cell" in review.tools.lines.error.text()
    assert len(review.controller.session.cells) == before


def test_a_review_is_kept_and_reopened(
    reviewing, qtbot, finish, screenshot, smear, add_widget, make_napari_viewer
):
    _viewer, _, review = reviewing
    review.workspace.select((0,))
    press(qtbot, review, "6")
    folder = review.controller.session.folder
    assert is_review(folder)
    assert folder.parent == reviews_folder()
    assert json.loads((folder / LOG).read_text().splitlines()[0])["do"] == "relabel"
    assert reader(str(folder)) is read_review
    cells = review.controller.session.cells
    again = make_napari_viewer(show=True)
    widget = add_widget(again)
    image = again.add_image(smear, rgb=True, name="the same pixels")
    image.metadata["napari_wbc"] = {"review": str(folder)}
    widget.controller._look_for_reviews()
    qtbot.waitUntil(lambda: widget.controller.result is not None, timeout=20_000)
    assert "1 change" in widget.message.text()
    pd.testing.assert_frame_equal(widget.controller.result.cells, cells)


def test_a_signed_review_cannot_be_changed(reviewing, qtbot, monkeypatch, screenshot):
    viewer, count, review = reviewing
    from napari_wbc.gui.review import sign_dialog

    monkeypatch.setattr(sign_dialog, "ask_signature", lambda *_: ("A. Example", "ward 3"))
    review.tools.sign.click()
    assert "Signed by A. Example" in review.reason.text()
    assert "ward 3" in review.reason.text()
    assert not review.tools.accept.isEnabled()
    assert review.tools.sign.text() == "Unlock…"
    review.workspace.select((0,))
    before = review.controller.session.cells
    press(qtbot, review, "6")
    assert "signed by A. Example" in review.tools.lines.error.text()
    assert review.controller.session.cells is before
    screenshot(viewer, "review_signed")
    assert count.controller.result.run["review"]["signed"]["by"] == "A. Example"
    review.controller.unlock("B")
    assert review.tools.accept.isEnabled()


def test_without_a_count_it_says_what_to_do(viewer, smear):
    _, review = viewer.window.add_plugin_dock_widget("napari-wbc", "Review cells")
    assert "Open an image and count" in review.reason.text()
    press_ = review.controller
    press_.relabel("monocyte")
    assert not review.tools.accept.isEnabled()
    viewer.window.remove_dock_widget(review)


def test_closing_and_showing_it_again(reviewing, qtbot):
    viewer, count, review = reviewing
    review.workspace.select((0,))
    viewer.window.remove_dock_widget(review)
    count.workspace.edit(lambda session: session.relabel([0], "basophil"))
    viewer.window.add_dock_widget(review, name="again")
    assert review.gallery._rows.label(0) == "basophil"
    review.workspace.select((1,))
    press(qtbot, review, "X")
    on_screen(viewer, count, review)


def test_a_new_count_begins_a_new_review(reviewing, qtbot, finish):
    _, count, review = reviewing
    review.workspace.select((0,))
    press(qtbot, review, "6")
    kept = review.controller.session.folder
    count.run.click()
    assert "is being counted" in review.reason.text()
    review.controller.relabel("monocyte")
    finish(count)
    assert review.controller.session.changes == 0
    assert review.controller.session.folder != kept
    assert is_review(kept)
    assert str(kept) in count.message.text()
