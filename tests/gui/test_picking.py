"""Picking cells with the mouse in the image, and what the gallery, the table and the class keys make of it."""

import numpy as np
import pytest
from napari.layers import Points
from qtpy.QtCore import Qt

pytestmark = pytest.mark.gui

SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


def centres(review):
    return review.controller.session.cells[["y_px", "x_px"]].to_numpy()


def half(review):
    """A box around the cells in the left part of the image, and their rows."""
    places = centres(review)
    edge = float(np.sort(places[:, 1])[len(places) // 2]) - 1
    rows = tuple(np.flatnonzero(places[:, 1] <= edge).tolist())
    assert 2 <= len(rows) < len(places)
    return (2.0, 2.0), (477.0, edge), rows


def points_of(viewer):
    return next(layer for layer in viewer.layers if isinstance(layer, Points))


def test_a_box_selects_everywhere_and_a_key_relabels_all_in_one_edit(reviewing, mouse, qtbot, screenshot):
    viewer, count, review = reviewing
    start, end, rows = half(review)
    viewer.reset_view()
    before = tuple(viewer.camera.center)
    mouse.press(viewer, end, SHIFT)
    mouse.move(viewer, end, start, SHIFT)
    screenshot(viewer, "box_drawn")
    mouse.release(viewer, start, SHIFT)
    assert viewer.camera.center == before
    assert review.workspace.selection == rows
    assert set(review.gallery.selected) == set(rows)
    assert count.table.selected == rows
    assert set(points_of(viewer).selected_data) == set(rows)
    qtbot.keyClick(review.gallery, "6")
    session = review.controller.session
    assert (session.cells["label"].iloc[list(rows)] == "basophil").all()
    assert session.changes == 1
    screenshot(viewer, "box_relabelled")
    review.controller.undo()
    assert not (session.cells["status"] == "reviewed").any()


def test_with_ctrl_a_box_adds_and_without_it_begins_anew(reviewing, mouse):
    viewer, _, review = reviewing
    start, end, rows = half(review)
    viewer.reset_view()
    other = next(row for row in range(len(centres(review))) if row not in rows)
    review.workspace.select((other,))
    mouse.drag(viewer, start, end, SHIFT | CTRL)
    assert set(review.workspace.selection) == {other, *rows}
    mouse.drag(viewer, start, end, SHIFT)
    assert review.workspace.selection == rows
    mouse.drag(viewer, (-60.0, -60.0), (-30.0, -30.0), SHIFT)
    assert review.workspace.selection == ()


def test_a_click_with_shift_or_ctrl_turns_a_cell_over(reviewing, mouse):
    viewer, _, review = reviewing
    viewer.reset_view()
    places = centres(review)
    mouse.click(viewer, places[0])
    assert review.workspace.selection == (0,)
    mouse.click(viewer, places[1], SHIFT)
    mouse.click(viewer, places[2], CTRL)
    assert review.workspace.selection == (0, 1, 2)
    mouse.click(viewer, places[1], CTRL)
    assert review.workspace.selection == (0, 2)
    mouse.click(viewer, (2.0, -80.0), SHIFT)
    assert review.workspace.selection == (0, 2)
    mouse.click(viewer, (2.0, -80.0))
    assert review.workspace.selection == ()


def test_the_selection_is_seen_whatever_layer_is_chosen(reviewing):
    viewer, _, review = reviewing
    viewer.layers.selection.active = viewer.layers["smear"]
    assert "Shift" in points_of(viewer).help
    review.workspace.select((0, 1))
    assert len(points_of(viewer)._highlight_index) == 2
    viewer.layers.selection.active = viewer.layers["smear classes"]
    assert len(points_of(viewer)._highlight_index) == 2


def test_a_drag_without_a_key_moves_the_image(reviewing, mouse, qtbot):
    viewer, _, review = reviewing
    review.workspace.select((0,))
    viewer.reset_view()
    before = viewer.camera.center[-2:]
    mouse.drag(viewer, (100.0, 100.0), (180.0, 200.0))
    qtbot.waitUntil(lambda: viewer.camera.center[-2:] != before, timeout=5000)
    assert review.workspace.selection == (0,)


def test_hidden_classes_stay_out_of_a_box_and_a_rotated_image_is_hit_rightly(reviewing, mouse):
    viewer, count, review = reviewing
    session = review.controller.session
    label = session.cells["label"].iloc[0]
    count.legend.show_only(label)
    layers = review.workspace.current.layers
    everything = (-500.0, -500.0), (1500.0, 1500.0)
    assert layers.cells_in(*everything) == tuple(np.flatnonzero(session.cells["label"] == label).tolist())
    count.legend.set_hidden(frozenset())
    points_of(viewer).rotate = viewer.layers["smear"].rotate = 30
    points_of(viewer).scale = viewer.layers["smear"].scale = (2.0, 0.5)
    world = np.array([layers.world_position(row) for row in range(len(session.cells))])
    low, high = np.sort(world[:3], axis=0)[[0, -1]] + [[-1, -1], [1, 1]]
    wanted = np.flatnonzero(((world >= low) & (world <= high)).all(axis=1))
    assert layers.cells_in(low, high) == tuple(wanted.tolist())
    assert layers.cells_in((high[0], low[1]), (low[0], high[1])) == tuple(wanted.tolist())
    assert layers.cells_in(low, low) == ()


@pytest.mark.parametrize("key", [Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_1])
def test_no_key_of_napari_removes_points_of_cells(counted, mouse, qtbot, key):
    viewer, count = counted
    n = len(count.controller.result.cells)
    count.workspace.select((0, 1))
    viewer.layers.selection.active = points_of(viewer)
    qtbot.keyClick(mouse.canvas(viewer), key)
    assert len(points_of(viewer).data) == n
