"""Cells that do not count are shown or hidden in image and gallery at once, and the choice is remembered."""

import numpy as np
import pytest
from napari.layers import Points

from napari_wbc.gui.settings import remembered

pytestmark = pytest.mark.gui


def test_one_switch_for_image_and_gallery(reviewing, qtbot, screenshot, make_napari_viewer, add_widget):
    viewer, count, review = reviewing
    (points,) = [layer for layer in viewer.layers if isinstance(layer, Points)]
    n = len(points.data)

    def crosses():
        """Px of the grey that only the mark of an excluded cell has."""
        picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
        return int((np.abs(picture - 0x9A).max(axis=2) < 12).sum())

    assert count.excluded.isChecked()
    assert review.chooser.excluded.isChecked()
    review.controller.session.exclude([0])
    viewer.reset_view()
    there = crosses()
    screenshot(viewer, "excluded_shown")
    assert points.shown.all()

    review.chooser.excluded.click()
    assert not count.excluded.isChecked()
    assert crosses() < there
    viewer.layers["smear"].visible = False
    assert crosses() == 0
    viewer.layers["smear"].visible = True
    assert list(points.shown) == [False] + [True] * (n - 1)
    assert 0 not in review.controller.rows
    assert 0 not in review.gallery.order
    cell = review.controller.session.cells.iloc[0]
    assert review.workspace.current.layers.cell_at((cell["y_px"], cell["x_px"])) is None
    assert count.table.cells.rowCount() == n
    screenshot(viewer, "excluded_hidden")

    # A cell that is taken out now goes from the image, and from the gallery when that is sorted again.
    review.workspace.select((1,))
    qtbot.keyClick(review.gallery, "X")
    assert not points.shown[1]
    assert 1 in review.controller.rows
    review.chooser.refresh.click()
    assert 1 not in review.controller.rows

    assert remembered()["show_excluded"] is False
    other = add_widget(make_napari_viewer(show=True))
    assert not other.excluded.isChecked()
    assert not other.workspace.shows_excluded

    count.excluded.click()
    assert review.chooser.excluded.isChecked()
    assert points.shown.all()
    assert sorted(review.controller.rows.tolist()) == list(range(n))
