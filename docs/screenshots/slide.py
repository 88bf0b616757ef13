"""A drawn slide of 20,000 x 20,000 px: a region is drawn and counted, and its cells are walked through."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from qtpy.QtCore import Qt
from steps import open_count, open_file, open_review, wait_until_idle
from user import User

from napari_wbc.slides.synthetic import SmearParameters, truth_path, write_sample

_SIDE = 20_000
_REGION = [(4000, 3000), (6000, 6000), (8000, 8500), (9000, 9500)]


def drawn_slide(folder: Path) -> Path:
    """Give the slide, a tiled pyramid of 0.7 GB; it is drawn where it is not there."""
    path = folder / "slide.ome.tiff"
    if not path.is_file():
        write_sample(path, SmearParameters(height=_SIDE, width=_SIDE, seed=7))
    return path


def walk(user: User, folder: Path) -> None:
    """Take the pictures of the part on slides."""
    count = open_count(user)
    path = drawn_slide(folder)
    open_file(user, count, path)
    user.press(count.form.draw)
    user.drag(_REGION)
    user.picture("slide_region")
    user.press(count.run)
    user.wait_for(lambda: sum(count.legend.counts.values()) > 150, 600)
    user.picture("slide_counting")
    wait_until_idle(user, count)
    review = open_review(user, count)
    user.choose(review.chooser.order, "Class")
    user.wait(1.5)
    user.picture("slide_classes")
    user.choose(review.chooser.order, "Most informative")
    review.gallery.setFocus()
    user.keys(review.gallery, "N")
    truth = pd.read_csv(truth_path(path))
    keys = {name: key for key, name in review.controller.keys.items()}
    for _ in range(6):
        # A person who knows the slide.
        cell = count.controller.result.cells.iloc[count.workspace.selection[0]]
        distance = (truth["y_px"] - cell["y_px"]).abs() + (truth["x_px"] - cell["x_px"]).abs()
        user.keys(review.gallery, keys[truth["label"].iloc[distance.argmin()]])
    user.wait(1)
    user.picture("slide_walk")
    user.keys(review.gallery, Qt.Key.Key_Z, modifier=Qt.KeyboardModifier.ControlModifier)
