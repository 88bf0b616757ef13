"""What a user does again and again: open the dock widgets, open an image, count it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from user import User

_PLUGIN = ("Plugins", "White blood cells")


def open_count(user: User, picture: str = "") -> Any:
    """Open "Count leukocytes" from the menu; give the widget."""
    user.menu(*_PLUGIN, "Count leukocytes", picture=picture)
    return _dock(user, "Count leukocytes")


def choose_in(user: User, button: Any, title: str, picture: str = "") -> None:
    """Press a button that has a menu, and choose from it."""

    def choose() -> None:
        menu = button.menu()
        if picture:
            user.picture(picture)
        action = next(action for action in menu.actions() if action.text().startswith(title))
        place = menu.actionGeometry(action).center()
        QTest.mouseClick(menu, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)

    # The menu of a button waits for the user.
    QTimer.singleShot(500, choose)
    user.press(button)


def open_file(user: User, count: Any, path: Path) -> Any:
    """Open an image with the button of the form; give its layer."""
    before = set(user.viewer.layers)
    user.choose_path(lambda: choose_in(user, count.form.open, "Image or whole slide"), path)
    user.wait_for(lambda: set(user.viewer.layers) - before)
    user.wait_for(lambda: not count.controller.scale_finder.note.looking)
    return count.controller.choices.image


def run(user: User, count: Any, seconds: float = 600) -> None:
    """Press Run, and wait for the end."""
    user.press(count.run)
    wait_until_idle(user, count, seconds)


def wait_until_idle(user: User, widget: Any, seconds: float = 600) -> None:
    """Wait until the job of a widget has ended, and complain where it went wrong."""
    runner = getattr(widget, "runner", None) or widget.controller.runner
    user.wait_for(lambda: runner.state.value == "idle", seconds)
    error = widget.error if hasattr(widget, "error") else widget.tools.lines.error
    if error.text():
        raise RuntimeError(error.text())


def open_review(user: User, count: Any) -> Any:
    """Press "Review cells…"; give the widget, with its pictures."""
    user.press(count.review)
    review = _dock(user, "Review cells")
    user.wait_for(lambda: all(review.crops.crop(row) is not None for row in review.gallery.visible_rows))
    review.gallery.setFocus()
    return review


def select(user: User, count: Any, number: int) -> None:
    """Click a cell in the image, by its number in the table."""
    layers = count.controller.shown[count.controller.choices.image].layers
    y, x = layers.world_position(number - 1)[-2:]
    user.click(y, x)
    if count.workspace.selection != (number - 1,):
        raise RuntimeError(f"cell {number} was clicked, {count.workspace.selection} are selected")


def _dock(user: User, title: str) -> Any:
    user.wait(0.5)
    return next(widget for name, widget in user.viewer.window.dock_widgets.items() if title in name)
