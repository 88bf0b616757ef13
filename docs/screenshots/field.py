"""A real field: count, look, correct one cell, save."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QLineEdit, QPushButton
from steps import choose_in, open_count, open_file, open_review, run, select
from user import User

#: Of WBC_Dataset (Chulalongkorn University, MIT licence): an eosinophil and two neutrophils.
FIELD = "fields/chula/E-14_0586.webp"
EOSINOPHIL = (576.0, 582.0)


def walk(user: User, data: Path, scratch: Path) -> None:
    """Take the pictures of the first part of the tutorial."""
    count = open_count(user, picture="menu_count")
    open_file(user, count, data / FIELD)
    user.picture("field_open")
    run(user, count)
    image = count.controller.choices.image
    user.hover(*count.controller.shown[image].layers.world_position(0)[-2:])
    user.picture("field_counted")

    review = open_review(user, count)
    cells = count.controller.result.cells
    distance = (cells["y_px"] - EOSINOPHIL[0]).abs() + (cells["x_px"] - EOSINOPHIL[1]).abs()
    select(user, count, int(distance.argmin()) + 1)
    review.gallery.setFocus()
    user.keys(review.gallery, "5")
    assert count.controller.result.cells["label"].iloc[int(distance.argmin())] == "eosinophil"
    user.picture("field_corrected")

    user.choose_path(lambda: user.press(count.panel.save), scratch)
    user.wait_for(lambda: "Saved in" in count.message.text())
    saved = scratch / image.name
    assert (saved / "report.html").is_file()

    # Another day: the image is opened again, and the review goes on where it was.
    user.viewer.layers.select_all()
    user.viewer.layers.remove_selected()
    open_file(user, count, data / FIELD)
    user.wait_for(count.reopen.isVisible)
    user.picture("field_reopen", count, size=(count.width(), count.reopen.geometry().bottom() + 9))
    user.press(count.reopen)
    user.wait_for(lambda: count.controller.result is not None)
    assert (count.controller.result.cells["label"] == "eosinophil").sum() == 1
    folder = review.controller.session.folder
    user.viewer.layers.select_all()
    user.viewer.layers.remove_selected()
    user.choose_path(lambda: choose_in(user, count.form.open, "Review"), folder)
    user.wait_for(lambda: count.controller.result is not None)
    assert (count.controller.result.cells["label"] == "eosinophil").sum() == 1


def sign(user: User, review: object, name: str, note: str, picture: str = "") -> None:
    """Press "Sign…" and put a name to the review."""

    def fill(dialog: object) -> None:
        who, why = dialog.findChildren(QLineEdit)
        who.setText(name)
        why.setText(note)
        if picture:
            user.picture(picture, dialog)
        user.press(next(button for button in dialog.findChildren(QPushButton) if button.text() == "Sign"))

    user.answer(lambda: user.press(review.tools.sign), fill)
