"""The sample smear: every way to look at cells and to correct them, signed, closed and opened again."""

from __future__ import annotations

import numpy as np
from field import sign
from qtpy.QtCore import Qt
from steps import open_count, open_review, run, select, wait_until_idle
from user import User

_CTRL = Qt.KeyboardModifier.ControlModifier
#: A lymphocyte that the upper edge cuts: too little of it for the count.
_MISSED = (2.0, 680.0, 27.0, 42.0)


def walk(user: User) -> None:
    """Take the pictures of the part on reviewing."""
    user.menu("File", "Open Sample", "White blood cells", "Synthetic smear", picture="menu_sample")
    user.wait_for(lambda: len(user.viewer.layers) == 1)
    count = open_count(user)
    run(user, count)
    review = open_review(user, count)
    gallery = review.gallery
    session = review.controller.session
    user.keys(gallery, "N")
    user.wait(1)
    user.picture("review")

    # The keys: confirm, a class, undo, redo, exclude.
    user.keys(gallery, " ", "1")
    user.keys(gallery, Qt.Key.Key_Z, modifier=_CTRL)
    user.keys(gallery, Qt.Key.Key_Z, modifier=_CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert session.changes == 2
    user.keys(gallery, "N", "X")
    assert (session.cells["status"] == "excluded").sum() == 1
    user.keys(gallery, Qt.Key.Key_Z, modifier=_CTRL)

    # Similar cells in one gesture.
    lymphocyte = int(session.cells["cell_id"][session.cells["label"] == "lymphocyte"].iloc[0])
    select(user, count, lymphocyte)
    gallery.setFocus()
    user.keys(gallery, "S")
    user.wait(1)
    user.picture("review_similar")
    user.keys(gallery, "3")

    # A missed cell is drawn, a cell is split along a line, and that is taken back.
    user.viewer.scene.camera.center, user.viewer.scene.camera.zoom = (120, 690), 1.5
    user.wait(0.5)
    user.press(review.tools.add)
    y, x, height, width = _MISSED
    around = np.linspace(0, 2 * np.pi, 48)
    outline = [(y + height * np.sin(a), x + width * np.cos(a)) for a in around]
    n = len(session.cells)
    user.drag(outline)
    user.wait_for(lambda: len(review.controller.session.cells) == n + 1)
    wait_until_idle(user, review)
    gallery.setFocus()
    user.keys(gallery, "3")
    user.picture("review_add")
    user.press(review.tools.add)
    select(user, count, lymphocyte)
    gallery.setFocus()
    user.keys(gallery, "T")
    mask = session.masks[lymphocyte - 1]
    middle = mask.x0 + mask.width / 2
    user.viewer.scene.camera.center = (mask.y0 + mask.height / 2, middle)
    user.wait(0.3)
    user.drag([(mask.y0 - 8 + step * (mask.height + 16) / 8, middle) for step in range(9)])
    user.wait_for(lambda: len(review.controller.session.cells) == n + 3)
    wait_until_idle(user, review)
    gallery.setFocus()
    user.keys(gallery, Qt.Key.Key_Z, modifier=_CTRL)

    sign(user, review, "A. Example", "second reader", picture="sign")
    assert "Signed by A. Example" in review.reason.text()
    user.press_tab(count.tabs, "Cells")
    user.picture("review_signed")
