"""The keys of classes and edits work from wherever the focus is, and nowhere without an open review."""

import pytest
from napari.layers import Labels, Points
from qtpy.QtCore import Qt

pytestmark = pytest.mark.gui

CTRL = Qt.KeyboardModifier.ControlModifier
CTRL_SHIFT = CTRL | Qt.KeyboardModifier.ShiftModifier


def labels(review):
    return review.controller.session.cells["label"].tolist()


def layer_of(viewer, kind):
    return next(layer for layer in viewer.layers if isinstance(layer, kind))


def test_the_table_relabels_and_goes_on_in_its_own_order(reviewing, qtbot, screenshot):
    viewer, count, review = reviewing
    count.tabs.setCurrentWidget(count.cell_list)
    table, before = count.table, labels(review)
    table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    order = table.listed.tolist()
    assert order == sorted(order, reverse=True)
    table.setFocus()
    count.workspace.pick((order[0],))
    qtbot.keyClick(table, "6")
    assert labels(review)[order[0]] == "basophil"
    assert review.workspace.selection == (order[1],)
    assert table.selected == (order[1],)
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert review.controller.session.cells["status"].iloc[order[1]] == "reviewed"
    assert review.workspace.selection == (order[2],)
    screenshot(viewer, "keys_in_table")
    qtbot.keyClick(table, Qt.Key.Key_Z, CTRL)
    qtbot.keyClick(table, Qt.Key.Key_Z, CTRL)
    assert labels(review) == before
    qtbot.keyClick(table, Qt.Key.Key_Z, CTRL_SHIFT)
    assert labels(review)[order[0]] == "basophil"
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert len(review.workspace.selection) == 1

    # Without the review no key changes a cell.
    now = labels(review)
    viewer.window.remove_dock_widget(review)
    count.workspace.select((0,))
    qtbot.keyClick(table, "5")
    qtbot.keyClick(table, Qt.Key.Key_Z, CTRL)
    assert count.workspace.session.cells["label"].tolist() == now


def test_the_image_relabels_while_a_layer_of_the_slide_is_active(reviewing, qtbot, mouse):
    viewer, count, review = reviewing
    canvas, points = mouse.canvas(viewer), layer_of(viewer, Points)
    before, n = labels(review), len(points.data)
    for number, layer in enumerate((points, layer_of(viewer, Labels), viewer.layers["smear"])):
        viewer.layers.selection.active = layer
        review.workspace.select((number,))
        qtbot.keyClick(canvas, "1")
        assert labels(review)[number] == "neutrophil_segmented"
        qtbot.keyClick(canvas, Qt.Key.Key_Z, CTRL)
        assert labels(review) == before
        qtbot.keyClick(canvas, Qt.Key.Key_Z, CTRL_SHIFT)
        assert labels(review)[number] == "neutrophil_segmented"
        qtbot.keyClick(canvas, Qt.Key.Key_Z, CTRL)
    review.workspace.select((0, 1))
    qtbot.keyClick(canvas, "X")
    assert (review.controller.session.cells["status"].iloc[:2] == "excluded").all()
    qtbot.keyClick(canvas, Qt.Key.Key_Z, CTRL)

    # A layer of the user's keeps napari's keys.
    own = viewer.add_labels((viewer.layers["smear"].data[..., 0] > 300).astype(int), name="own")
    qtbot.keyClick(canvas, "2")
    assert str(own.mode) == "paint"
    assert labels(review) == before

    # So do all of them when the review is closed, but for those that would take points away.
    viewer.window.remove_dock_widget(review)
    viewer.layers.selection.active = points
    count.workspace.select((0,))
    for key in ("1", "6", "X"):
        qtbot.keyClick(canvas, key)
    assert count.workspace.session.cells["label"].tolist() == before
    assert len(points.data) == n
    viewer.layers.selection.active = viewer.layers["smear"]
    qtbot.keyClick(canvas, "2")
    assert str(viewer.layers["smear"].mode) == "transform"


def test_escape_leaves_what_was_begun(reviewing, qtbot):
    viewer, _, review = reviewing
    session, control = review.controller.session, review.controller
    n = len(control.rows)
    layers = len(viewer.layers)
    # Drawing, also while the mouse has not been on the image yet.
    review.gallery.setFocus()
    qtbot.keyClick(review.gallery, "A")
    assert len(viewer.layers) == layers + 1
    qtbot.keyClick(review.gallery, Qt.Key.Key_Escape)
    assert len(viewer.layers) == layers
    assert not review.tools.add.isChecked()
    # Cells that may be of a class.
    review.show_likely(str(session.cells["model_label"].iloc[0]))
    assert control.likely is not None
    qtbot.keyClick(review.gallery, Qt.Key.Key_Escape)
    assert control.likely is None
    assert len(control.rows) == n


def test_undo_and_redo_tell_their_keys_and_what_they_would_do(reviewing):
    _, _, review = reviewing
    assert "Ctrl+Z" in review.tools.undo.toolTip()
    review.workspace.edit(lambda session: session.relabel([0], "basophil"))
    assert review.tools.undo.toolTip().splitlines()[1] == "label of cell 1"
    assert "Ctrl+Z" in review.tools.undo.toolTip()
    assert "Ctrl+Shift+Z" in review.tools.redo.toolTip()
