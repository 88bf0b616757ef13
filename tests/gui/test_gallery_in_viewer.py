"""The gallery as a dock widget of a real viewer."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QShortcut

from napari_wbc.gui.review.crop_source import CropSource
from napari_wbc.gui.review.gallery import CellGallery
from napari_wbc.leukocytes import class_of
from napari_wbc.slides import open_slide
from napari_wbc.slides.synthetic import EVERY_CLASS, SmearParameters, SyntheticSmear

pytestmark = pytest.mark.gui
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def test_keys_for_classes_are_kept_from_the_windows_shortcuts(viewer, qtbot):
    gallery, heard, stolen = CellGallery(), [], []
    gallery.set_cells(["blast"] * 9, np.arange(9))
    gallery.key_pressed.connect(lambda event: heard.append(event.key()))
    viewer.window.add_dock_widget(gallery, name="Review cells")
    for keys in ("2", "Shift+L", "Delete", "F7", "Ctrl+A", "Ctrl+L"):
        QShortcut(QKeySequence(keys), viewer.window._qt_window, lambda keys=keys: stolen.append(keys))
    viewer.window._qt_window.activateWindow()
    gallery.setFocus()
    qtbot.waitUntil(gallery.hasFocus)
    QTest.keyClick(gallery, Qt.Key.Key_2)
    QTest.keyClick(gallery, Qt.Key.Key_L, SHIFT)
    QTest.keyClick(gallery, Qt.Key.Key_Delete)
    QTest.keyClick(gallery, Qt.Key.Key_F7)
    QTest.keyClick(gallery, Qt.Key.Key_A, CTRL)
    QTest.keyClick(gallery, Qt.Key.Key_L, CTRL)
    # No Shift or Ctrl by itself, either.
    assert heard == [Qt.Key.Key_2, Qt.Key.Key_L, Qt.Key.Key_Delete]
    assert len(gallery.selected) == 9
    assert stolen == ["F7", "Ctrl+L"]


def test_the_gallery_in_the_viewer(viewer, qtbot, screenshot):
    parameters = SmearParameters(
        height=3600, width=4800, seed=7, composition=EVERY_CLASS, leukocytes_per_mm2=1500
    )
    smear = SyntheticSmear(parameters)
    truth = smear.truth()
    n = len(truth)
    assert n > 150, n
    pixels = smear.draw(0, 0, 3600, 4800)
    viewer.add_image(pixels, rgb=True)
    gallery, source = CellGallery(), CropSource()
    viewer.window.add_dock_widget(gallery, name="Review cells", area="right")
    gallery.setMinimumWidth(620)
    labels = truth["label"].to_list()
    labels[3] = "unidentified"
    order = np.argsort(np.asarray(labels, object), kind="stable")
    names, counts = np.unique(labels, return_counts=True)
    rng = np.random.default_rng(0)
    gallery.set_cells(
        labels,
        order,
        notes=[f"{value:.2f}" for value in rng.uniform(0.4, 1, n)],
        reviewed=rng.random(n) < 0.3,
        excluded=rng.random(n) < 0.08,
        uncertain=rng.random(n) < 0.15,
        groups=[(class_of(name).title, int(count)) for name, count in zip(names, counts, strict=True)],
    )
    source.set_slide(open_slide(pixels), truth[["y_px", "x_px"]].to_numpy(), 0.1)
    gallery.set_source(source)
    gallery.set_selected([int(row) for row in order[7:10]])
    viewer.window._qt_window.activateWindow()
    gallery.setFocus()
    qtbot.waitUntil(gallery.hasFocus)
    qtbot.waitUntil(lambda: all(source.crop(row) for row in gallery.visible_rows))
    screenshot(viewer, "gallery-dark")
    viewer.theme = "light"
    gallery.set_side(64)
    gallery.verticalScrollBar().setValue(700)
    qtbot.waitUntil(lambda: all(source.crop(row) for row in gallery.visible_rows))
    screenshot(viewer, "gallery-light")
    assert len(gallery.visible_rows) > 40
    source.shutdown()
