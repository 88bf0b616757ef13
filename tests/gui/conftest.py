"""A real viewer, a small real count, and settings that no test leaves behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("qtpy")

from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication


@pytest.fixture(scope="session", autouse=True)
def _display() -> None:
    """Qt ends the whole program where there is no display, so that has to be noticed before."""
    offscreen = os.environ.get("QT_QPA_PLATFORM") == "offscreen"
    if (
        sys.platform == "linux"
        and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
        and not offscreen
    ):
        pytest.skip("there is no display; run with xvfb-run -a")


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory, monkeypatch):
    """Settings are read from and written to a folder of this test."""
    from napari import settings

    folder = tmp_path_factory.mktemp("settings")
    monkeypatch.setattr(settings, "_CFG_PATH", str(folder / "settings.yaml"))
    settings._clear_plugin_settings_cache()
    yield
    settings._clear_plugin_settings_cache()


@pytest.fixture(autouse=True)
def _own_reviews(tmp_path_factory, monkeypatch):
    """Reviews are kept in a folder of this test."""
    import platformdirs

    folder = tmp_path_factory.mktemp("user")
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_, **__: folder)


@pytest.fixture(autouse=True)
def _no_notification_windows(monkeypatch):
    """Notifications are kept in the manager; no window fades in and out behind the tests."""
    from napari._qt.dialogs.qt_notification import NapariQtNotification

    monkeypatch.setattr(NapariQtNotification, "show_notification", lambda *_: None)


@pytest.fixture(scope="session")
def smear() -> NDArray[np.uint8]:
    """A drawn smear with a handful of leukocytes at 0.1 µm per px."""
    from napari_wbc.slides.synthetic import EVERY_CLASS, SmearParameters, SyntheticSmear

    parameters = SmearParameters(
        height=480, width=640, seed=5, composition=EVERY_CLASS, leukocytes_per_mm2=1400
    )
    return SyntheticSmear(parameters).draw(0, 0, parameters.height, parameters.width)


@pytest.fixture(scope="session")
def smear_file(smear, tmp_path_factory) -> Path:
    """The drawn smear as a file that tells nothing about its scale."""
    from PIL import Image

    path = tmp_path_factory.mktemp("smears") / "drawn.png"
    Image.fromarray(smear).save(path)
    return path


@pytest.fixture
def viewer(make_napari_viewer):
    """A viewer that is seen, for that is what the user has."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1500, 950)
    return viewer


@pytest.fixture
def add_widget(qtbot):
    """Adds our dock widget to a viewer, as the Plugins menu does."""

    def add(viewer):
        _, widget = viewer.window.add_plugin_dock_widget("napari-wbc", "Count leukocytes")
        return widget

    return add


@pytest.fixture
def finish(qtbot):
    """Waits until a widget's job has ended."""

    def wait(widget, seconds=180):
        qtbot.waitUntil(lambda: widget.controller.runner.state.value == "idle", timeout=1000 * seconds)

    return wait


@pytest.fixture
def counted(viewer, add_widget, smear, finish):
    """A viewer in which the drawn smear has been counted; gives viewer and widget."""
    widget = add_widget(viewer)
    viewer.add_image(smear, rgb=True, name="smear")
    widget.form.scale.setValue(0.1)
    widget.run.click()
    finish(widget)
    assert widget.controller.result is not None, widget.error.text()
    return viewer, widget


@pytest.fixture
def reviewing(counted, qtbot):
    """The counted smear with the dock widget "Review cells" beside it; gives viewer, count widget, review widget."""
    viewer, count = counted
    count.review.click()
    (review,) = [w for name, w in viewer.window.dock_widgets.items() if "Review cells" in name]
    qtbot.waitUntil(lambda: review.crops.crop(0) is not None, timeout=20_000)
    return viewer, count, review


@pytest.fixture
def mouse(qtbot):
    """Presses, moves and releases the mouse over the canvas of a viewer, at places of the world (y, x)."""
    return CanvasMouse(qtbot)


class CanvasMouse:
    """The left mouse button; every event carries the modifiers, as those of a window system do."""

    def __init__(self, qtbot):
        self._qtbot = qtbot

    def click(self, viewer, place, modifiers=Qt.KeyboardModifier.NoModifier):
        self.press(viewer, place, modifiers)
        self.release(viewer, place, modifiers)

    def drag(self, viewer, start, end, modifiers=Qt.KeyboardModifier.NoModifier):
        self.press(viewer, start, modifiers)
        self.move(viewer, start, end, modifiers)
        self.release(viewer, end, modifiers)

    def press(self, viewer, place, modifiers=Qt.KeyboardModifier.NoModifier):
        self._send(viewer, QEvent.Type.MouseButtonPress, place, modifiers, held=True)

    def move(self, viewer, start, end, modifiers=Qt.KeyboardModifier.NoModifier):
        for share in (0.3, 0.7, 1.0):
            # The canvas passes moves over that come within 10 ms.
            self._qtbot.wait(20)
            place = [a + share * (b - a) for a, b in zip(start, end, strict=True)]
            self._send(viewer, QEvent.Type.MouseMove, place, modifiers, held=True)

    def release(self, viewer, place, modifiers=Qt.KeyboardModifier.NoModifier):
        self._send(viewer, QEvent.Type.MouseButtonRelease, place, modifiers, held=False)

    @staticmethod
    def canvas(viewer):
        return viewer.window._qt_viewer.canvas.native

    def _send(self, viewer, kind, place, modifiers, *, held):
        canvas, camera = self.canvas(viewer), viewer.camera
        y, x = (
            (at - centre) * camera.zoom + side / 2
            for at, centre, side in zip(
                place, camera.center[-2:], (canvas.height(), canvas.width()), strict=True
            )
        )
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        button = none if kind == QEvent.Type.MouseMove else left
        point = QPointF(round(x), round(y))
        event = QMouseEvent(
            kind,
            point,
            QPointF(canvas.mapToGlobal(point.toPoint())),
            button,
            left if held else none,
            modifiers,
        )
        QApplication.sendEvent(canvas, event)


@pytest.fixture
def screenshot(artifacts_dir, qtbot):
    """Keeps a picture of a whole viewer window for somebody to look at."""
    from PIL import Image

    def take(viewer, name):
        qtbot.wait(300)
        path = artifacts_dir / f"{name}.png"
        Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB").save(path)
        return path

    return take
