"""A user of the viewer: opens menus, presses buttons and keys, drags on the image, and keeps pictures of the screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit, QTabWidget, QWidget

from napari_wbc.leukocytes import CLASSES

# A kept picture has as many colours, and as much of its size, as it may have without being larger, bytes.
_QUALITIES = ((220, 1.0), (100, 1.0), (50, 1.0), (100, 0.75), (50, 0.75), (25, 0.75))
_LARGEST = 260_000
# What is kept of the window while a menu is open.
_MENU = (900, 420)
_LEFT = Qt.MouseButton.LeftButton
_NONE = Qt.KeyboardModifier.NoModifier


class User:
    """Sits before a window of napari.

    Parameters
    ----------
    folder : pathlib.Path
        Where the pictures go.
    size : (int, int)
        Width and height of the window, px.
    """

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self.folder = folder
        self.viewer = napari.Viewer(show=True)
        self.window: QWidget = self.viewer.window._qt_window
        self.window.move(0, 0)
        self.window.resize(*size)
        self.wait(1.0)

    # ---- looking -------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let the window live for a while."""
        QTest.qWait(int(1000 * seconds))

    def wait_for(self, there: Callable[[], Any], seconds: float = 90.0) -> None:
        """Wait until something is there."""
        end = time.monotonic() + seconds
        while not there():
            if time.monotonic() > end:
                raise TimeoutError("the viewer did not get so far")
            self.wait(0.05)

    def picture(self, name: str, part: QWidget | None = None, *, size: tuple[int, int] | None = None) -> None:
        """Keep what the screen shows of the window, or of a part of it, menus and dialogs included.

        Parameters
        ----------
        name : str
            Of the file.
        part : QWidget, optional
            By default the window.
        size : (int, int), optional
            Width and height of what is kept from the upper left corner on, px; by default all.
        """
        self.wait(0.6)
        widget = part or self.window
        corner = widget.mapToGlobal(QPoint(0, 0))
        screen = QApplication.primaryScreen()
        width, height = size or (widget.width(), widget.height())
        pixels = screen.grabWindow(0, corner.x(), corner.y(), width, height).toImage()
        pixels = pixels.convertToFormat(pixels.Format.Format_RGB888)
        buffer = pixels.constBits()
        buffer.setsize(pixels.sizeInBytes())
        rows = np.frombuffer(buffer, np.uint8).reshape(pixels.height(), pixels.bytesPerLine())
        rgb = rows[:, : 3 * pixels.width()].reshape(pixels.height(), pixels.width(), 3)
        image = Image.fromarray(rgb.copy())
        path = self.folder / f"{name}.png"
        for colours, share in _QUALITIES:
            smaller = image.resize((round(share * width), round(share * height)))
            few = smaller.quantize(
                colours, method=Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE
            )
            # Small spots would lose the colours of their classes to larger ones.
            palette = Image.new("P", (1, 1))
            palette.putpalette([*few.getpalette()[: 3 * colours], *_class_colours()])
            few = smaller.quantize(palette=palette, dither=Image.Dither.NONE)
            few.save(path, optimize=True)
            if path.stat().st_size <= _LARGEST:
                break
        print(f"{path.name}: {few.width} x {few.height} px, {path.stat().st_size / 1e3:.0f} kB", flush=True)

    # ---- pressing ------------------------------------------------------------------------------------------

    def menu(self, *path: str, picture: str = "") -> None:
        """Choose an entry of the menu bar.

        Parameters
        ----------
        *path : str
            Titles from the menu bar on, without ``&`` and dots.
        picture : str
            Keep a picture of the open menu under this name.
        """
        bar = self.window.menuBar()
        action = _titled(bar.actions(), path[0])
        QTest.mouseClick(bar, _LEFT, _NONE, bar.actionGeometry(action).center())
        menu = action.menu()
        for title in path[1:]:
            self.wait_for(lambda menu=menu: menu.isVisible(), 5)
            action = _titled(menu.actions(), title)
            place = menu.actionGeometry(action).center()
            QTest.mouseMove(menu, place)
            self.wait(0.3)
            if title == path[-1] and picture:
                self.picture(picture, size=_MENU)
            # The entry opens a menu of its own, or does what it is for.
            QTest.mouseClick(menu, _LEFT, _NONE, place)
            self.wait(0.3)
            menu = action.menu()

    def press(self, button: QWidget) -> None:
        """Press a button."""
        QTest.mouseClick(button, _LEFT)
        self.wait(0.1)

    def press_tab(self, tabs: QTabWidget, title: str) -> None:
        """Choose a tab."""
        bar = tabs.tabBar()
        number = [bar.tabText(i) for i in range(bar.count())].index(title)
        QTest.mouseClick(bar, _LEFT, _NONE, bar.tabRect(number).center())
        self.wait(0.2)

    def keys(self, widget: QWidget, *keys: Any, modifier: Any = _NONE) -> None:
        """Press keys, one after the other."""
        for key in keys:
            QTest.keyClick(widget, key, modifier)
            self.wait(0.25)

    def choose(self, box: QComboBox, text: str) -> None:
        """Choose from a list."""
        places = [i for i in range(box.count()) if text in box.itemText(i)]
        if not places:
            raise LookupError(f"{text!r} is not in the list")
        box.setFocus()
        QTest.keyClick(box, Qt.Key.Key_Home)
        for _ in range(places[0]):
            QTest.keyClick(box, Qt.Key.Key_Down)
        self.wait(0.1)

    def answer(self, act: Callable[[], None], fill: Callable[[QWidget], None]) -> None:
        """Do something that opens a dialog which waits for the user, and answer it.

        Parameters
        ----------
        act : callable
            Opens the dialog, and returns when it is closed.
        fill : callable
            Takes the dialog; closes it.
        """

        def look() -> None:
            dialog = QApplication.activeModalWidget()
            if dialog is None:
                QTimer.singleShot(100, look)
            else:
                self.wait(0.3)
                fill(dialog)

        QTimer.singleShot(300, look)
        act()
        self.wait(0.2)

    def choose_path(self, act: Callable[[], None], path: Path, picture: str = "") -> None:
        """Do something that asks for a file or folder, and name it."""

        def fill(dialog: QWidget) -> None:
            if not isinstance(dialog, QFileDialog):
                raise TypeError(f"{dialog} asks for no file")
            field = dialog.findChild(QLineEdit, "fileNameEdit")
            field.setText(str(path))
            if picture:
                self.picture(picture, dialog)
            QTest.keyClick(field, Qt.Key.Key_Return)

        self.answer(act, fill)

    # ---- on the image --------------------------------------------------------------------------------------

    @property
    def canvas(self) -> QWidget:
        """What the image is painted on."""
        return self.viewer.window._qt_viewer.canvas.native

    def on_canvas(self, y: float, x: float) -> QPoint:
        """Give the place of a world position on the canvas, px."""
        camera = self.viewer.scene.camera
        dy, dx = np.array([y, x]) - np.array(camera.center[-2:])
        middle = self.canvas.rect().center()
        return QPoint(round(middle.x() + dx * camera.zoom), round(middle.y() + dy * camera.zoom))

    def click(self, y: float, x: float) -> None:
        """Click the image at a world position."""
        place = self.on_canvas(y, x)
        QTest.mouseMove(self.canvas, place)
        self.wait(0.1)
        QTest.mouseClick(self.canvas, _LEFT, _NONE, place)
        self.wait(0.3)

    def hover(self, y: float, x: float) -> None:
        """Rest the mouse on a world position."""
        place = self.on_canvas(y, x)
        QTest.mouseMove(self.canvas, place - QPoint(3, 3))
        self.wait(0.1)
        QTest.mouseMove(self.canvas, place)
        self.wait(0.3)

    def drag(self, corners: Sequence[tuple[float, float]]) -> None:
        """Drag along world positions with the button held down."""
        places = [self.on_canvas(*corner) for corner in corners]
        QTest.mouseMove(self.canvas, places[0])
        QTest.mousePress(self.canvas, _LEFT, _NONE, places[0])
        for place in places[1:]:
            QTest.mouseMove(self.canvas, place)
            self.wait(0.02)
        QTest.mouseRelease(self.canvas, _LEFT, _NONE, places[-1])
        self.wait(0.3)


def _class_colours() -> list[int]:
    return [part for kind in CLASSES for part in bytes.fromhex(kind.colour.removeprefix("#"))]


def _titled(actions: Sequence[Any], title: str) -> Any:
    # napari puts the name of the plugin behind the titles of some entries.
    found = [action for action in actions if action.text().replace("&", "").startswith(title)]
    if not found:
        raise LookupError(f"no entry {title!r} among {[action.text() for action in actions]}")
    return found[0]
