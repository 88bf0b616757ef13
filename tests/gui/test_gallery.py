"""The gallery as its user meets it: a real widget, mouse and keys."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QToolTip

from napari_wbc.gui.review.crop_source import CropSource
from napari_wbc.gui.review.gallery import CellGallery
from napari_wbc.slides import open_slide

pytestmark = pytest.mark.gui
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton


class CountingGallery(CellGallery):
    """Notes which rows each paint drew."""

    def __init__(self):
        self.paints = []
        super().__init__()

    def paintEvent(self, event):  # noqa: N802 - Qt's name
        self.paints.append([])
        super().paintEvent(event)

    def _paint_item(self, painter, place, rectangle):
        self.paints[-1].append(int(self.order[place]))
        super()._paint_item(painter, place, rectangle)


@pytest.fixture
def gallery(qtbot):
    """A gallery of 60 cells in five columns; even rows are lymphocytes; shown backwards."""
    gallery = CountingGallery()
    qtbot.addWidget(gallery)
    width = 2 * 4 + 5 * gallery._grid.width + 40
    gallery.resize(width, 420)
    gallery.set_cells(
        ["lymphocyte" if row % 2 == 0 else "monocyte" for row in range(60)],
        np.arange(60)[::-1],
        notes=[f"{row / 100:.2f}" for row in range(60)],
    )
    with qtbot.waitExposed(gallery):
        gallery.show()
    gallery.activateWindow()
    gallery.setFocus()
    qtbot.waitUntil(gallery.hasFocus)
    assert gallery._grid.columns == 5
    gallery.heard = []
    gallery.selection_changed.connect(gallery.heard.append)
    return gallery


def middle(gallery, row):
    return gallery._rectangle(int(gallery.selection.place_of[row])).center()


def click(gallery, row, modifiers=Qt.KeyboardModifier.NoModifier):
    QTest.mouseClick(gallery.viewport(), LEFT, modifiers, middle(gallery, row))


def press(gallery, key, modifiers=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(gallery, key, modifiers)


def drag(gallery, start, stop, modifiers=Qt.KeyboardModifier.NoModifier):
    view = gallery.viewport()
    QTest.mousePress(view, LEFT, modifiers, start)
    for step in (0.3, 0.7, 1.0):
        # QTest's moves hold no button.
        point = start + (stop - start) * step
        event = mouse_move(view, point, modifiers)
        QApplication.sendEvent(view, event)
    QTest.mouseRelease(view, LEFT, modifiers, stop)


def mouse_move(view, point, modifiers):
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QMouseEvent

    return QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(point),
        QPointF(view.mapToGlobal(point)),
        Qt.MouseButton.NoButton,
        LEFT,
        modifiers,
    )


def test_clicks_select_rows_of_the_table(gallery):
    click(gallery, 59)
    assert gallery.selected == (59,)
    click(gallery, 56, SHIFT)
    assert gallery.selected == (59, 58, 57, 56)
    click(gallery, 58, CTRL)
    click(gallery, 50, CTRL)
    assert gallery.selected == (59, 57, 56, 50)
    click(gallery, 51)
    assert gallery.heard[-1] == gallery.selected == (51,)
    # The same again is no news.
    n = len(gallery.heard)
    click(gallery, 51)
    assert len(gallery.heard) == n
    activated = []
    gallery.activated.connect(activated.append)
    QTest.mouseDClick(gallery.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, middle(gallery, 52))
    assert activated == [52]
    beside = gallery.viewport().rect().topRight() + QPoint(-3, 30)
    QTest.mouseClick(gallery.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, beside)
    assert gallery.selected == ()
    click(gallery, 53)
    QTest.mouseClick(
        gallery.viewport(), Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, middle(gallery, 54)
    )
    assert gallery.selected == (54,)


def test_a_rubber_band_selects_what_it_touches(gallery):
    drag(gallery, middle(gallery, 58), middle(gallery, 51))
    assert gallery.selected == (58, 57, 56, 53, 52, 51)
    # One piece of news for the click that began it, one for the band.
    assert gallery.heard == [(58,), gallery.selected]
    drag(gallery, middle(gallery, 59), middle(gallery, 54), CTRL)
    assert gallery.selected == (59, 58, 57, 56, 54, 53, 52, 51)
    drag(gallery, middle(gallery, 50), middle(gallery, 49))
    assert gallery.selected == tuple(range(54, 44, -1))


def test_everything_goes_by_keys(gallery):
    press(gallery, Qt.Key.Key_Right)
    assert gallery.selected == (59,)
    press(gallery, Qt.Key.Key_Right)
    press(gallery, Qt.Key.Key_Down)
    assert gallery.selected == (53,)
    press(gallery, Qt.Key.Key_Left, SHIFT)
    press(gallery, Qt.Key.Key_Down, SHIFT)
    assert gallery.selected == (53, 52, 51, 50, 49)
    press(gallery, Qt.Key.Key_Up, SHIFT)
    assert gallery.selected == (54, 53)
    press(gallery, Qt.Key.Key_End)
    assert gallery.selected == (0,)
    assert 0 in gallery.visible_rows
    assert 59 not in gallery.visible_rows
    press(gallery, Qt.Key.Key_PageUp)
    page = gallery.viewport().height() // gallery._grid.height
    assert gallery.selected == (5 * page,)
    press(gallery, Qt.Key.Key_Home)
    assert gallery.selected == (59,)
    assert gallery.verticalScrollBar().value() == 0
    n = len(gallery.heard)
    press(gallery, Qt.Key.Key_Right, CTRL)
    assert gallery.selected == (59,)
    assert gallery.current == 58
    assert len(gallery.heard) == n
    press(gallery, Qt.Key.Key_Space, CTRL)
    assert gallery.selected == (59, 58)
    press(gallery, Qt.Key.Key_A, CTRL)
    assert gallery.selected == tuple(range(59, -1, -1))
    activated = []
    gallery.activated.connect(activated.append)
    press(gallery, Qt.Key.Key_Return)
    assert activated == [58]
    assert gallery.accessibleDescription() == "60 cells, 60 selected; number 2: Lymphocyte, 0.58"


def test_other_keys_are_handed_on(gallery):
    heard = []
    gallery.key_pressed.connect(lambda event: heard.append(event.text()))
    click(gallery, 57)
    for key in (Qt.Key.Key_L, Qt.Key.Key_3, Qt.Key.Key_Space):
        press(gallery, key)
    assert heard == ["l", "3", " "]
    press(gallery, Qt.Key.Key_Down)
    assert len(heard) == 3
    assert gallery.selected == (52,)


def test_a_relabel_keeps_place_and_selection(gallery, qtbot):
    bar = gallery.verticalScrollBar()
    gallery.set_selected([20, 21])
    assert 20 in gallery.visible_rows
    assert gallery.heard == []
    place, visible = bar.value(), gallery.visible_rows
    assert place > 0
    qtbot.wait(50)
    gallery.paints.clear()
    gallery.update_rows([20, 0], ["basophil", "basophil"], notes=["1.00", "1.00"], reviewed=[True, True])
    qtbot.waitUntil(lambda: bool(gallery.paints))
    # Only the one of the two that is in sight is painted.
    assert gallery.paints == [[20]]
    assert gallery.text_of(20) == "Basophil, 1.00, reviewed"
    assert gallery.text_of(22) == "Lymphocyte, 0.22"
    assert (bar.value(), gallery.visible_rows, gallery.selected) == (place, visible, (21, 20))


def test_other_cells_keep_what_they_can(gallery):
    click(gallery, 50)
    click(gallery, 51, CTRL)
    gallery.heard.clear()
    gallery.set_cells(["blast"] * 61, np.arange(51))
    assert gallery.selected == (50,)
    assert gallery.visible_rows[0] == 0
    gallery.set_cells(
        ["blast"] * 61, np.arange(60, 20, -1), groups=[("Blast", 10), ("None", 0), ("More", 30)]
    )
    assert gallery.selected == (50,)
    assert gallery.heard == []
    assert (
        gallery._rectangle(10).y() - gallery._rectangle(5).y() == gallery._grid.height + gallery._grid.heading
    )
    with pytest.raises(ValueError, match="the groups hold 3 items"):
        gallery.set_cells(["blast"] * 61, np.arange(4), groups=[("Blast", 3)])
    gallery.set_cells([], np.arange(0))
    assert gallery.selected == gallery.visible_rows == ()
    press(gallery, Qt.Key.Key_Down)
    press(gallery, Qt.Key.Key_A, CTRL)
    gallery.grab()


def test_a_band_that_is_held_survives_other_cells(gallery):
    view, start = gallery.viewport(), middle(gallery, 58)
    QTest.mousePress(view, LEFT, Qt.KeyboardModifier.NoModifier, start)
    QApplication.sendEvent(view, mouse_move(view, middle(gallery, 52), Qt.KeyboardModifier.NoModifier))
    assert gallery.selected == (58, 57, 53, 52)
    gallery.set_cells(["blast"] * 70, np.arange(70))
    QApplication.sendEvent(view, mouse_move(view, start, Qt.KeyboardModifier.NoModifier))
    QTest.mouseRelease(view, LEFT, Qt.KeyboardModifier.NoModifier, start)
    assert gallery.selected == (52, 53, 57, 58)


def test_a_band_held_below_the_edge_scrolls(gallery, qtbot):
    view, start = gallery.viewport(), middle(gallery, 57)
    QTest.mousePress(view, LEFT, Qt.KeyboardModifier.NoModifier, start)
    below = QPoint(start.x(), view.height() + 5)
    QApplication.sendEvent(view, mouse_move(view, below, Qt.KeyboardModifier.NoModifier))
    bar = gallery.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    qtbot.waitUntil(lambda: gallery.selected == tuple(range(57, -1, -5)))
    assert gallery.heard == [(57,)]
    QTest.mouseRelease(view, LEFT, Qt.KeyboardModifier.NoModifier, below)
    assert gallery.heard[1:] == [gallery.selected]
    place = bar.value()
    qtbot.wait(100)
    assert bar.value() == place


def test_the_size_changes_around_the_cell_at_the_top(gallery):
    gallery.verticalScrollBar().setValue(3 * gallery._grid.height + 10)
    first = gallery.visible_rows[0]
    sides = []
    gallery.side_changed.connect(sides.append)
    wheel = QWheelEvent(
        QPointF(50, 50),
        QPointF(gallery.viewport().mapToGlobal(QPoint(50, 50))),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        CTRL,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(gallery.viewport(), wheel)
    assert sides == [gallery.side] == [80]
    assert first in gallery.visible_rows[: gallery._grid.columns]
    gallery.set_side(1)
    assert gallery.side == 48
    gallery.set_side(1000)
    assert gallery.side == 160
    assert first in gallery.visible_rows[: gallery._grid.columns]
    # The cell that one works on stays in sight, wherever it was.
    gallery.set_side(48)
    gallery.verticalScrollBar().setValue(0)
    click(gallery, gallery.visible_rows[-1])
    gallery.set_side(160)
    assert gallery.current in gallery.visible_rows
    assert gallery.verticalScrollBar().value() > 0


def test_a_hundred_thousand_cells_paint_what_is_in_sight(qtbot):
    gallery = CountingGallery()
    qtbot.addWidget(gallery)
    gallery.resize(800, 600)
    n = 100_000
    gallery.set_cells(["lymphocyte"] * n, np.random.default_rng(0).permutation(n))
    with qtbot.waitExposed(gallery):
        gallery.show()
    in_sight = (600 // gallery._grid.height + 2) * gallery._grid.columns
    bar = gallery.verticalScrollBar()
    for value in (0, 5000, bar.maximum() // 2, bar.maximum()):
        bar.setValue(value)
        qtbot.wait(20)
    assert 0 < max(map(len, gallery.paints)) <= in_sight
    assert len(gallery.visible_rows) <= in_sight
    # A small step paints the strip that came into sight: one line of cells, two where it lies across both.
    qtbot.wait(50)
    gallery.paints.clear()
    bar.setValue(bar.value() - 10)
    qtbot.waitUntil(lambda: bool(gallery.paints))
    assert max(map(len, gallery.paints)) <= 2 * gallery._grid.columns
    press(gallery, Qt.Key.Key_A, CTRL)
    assert len(gallery.selected) == n
    press(gallery, Qt.Key.Key_Home)
    assert gallery.selected == (int(gallery.order[0]),)
    gallery.set_selected([int(gallery.order[-1])])
    assert gallery.selected[0] in gallery.visible_rows


def test_a_tooltip_tells_about_the_cell(gallery, qtbot):
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QHelpEvent

    gallery.tooltip_of = lambda row: f"cell {row}"
    point = middle(gallery, 57)
    gallery.viewportEvent(QHelpEvent(QEvent.Type.ToolTip, point, gallery.viewport().mapToGlobal(point)))
    assert QToolTip.text() == "cell 57"
    QToolTip.hideText()


def test_crops_are_read_for_what_is_in_sight(gallery, qtbot):
    rng = np.random.default_rng(0)
    slide = open_slide(rng.integers(0, 255, (400, 400, 3)).astype(np.uint8))
    source = CropSource(cache_bytes=30 * 128 * 128 * 4)
    source.set_slide(slide, rng.uniform(0, 400, (60, 2)), 0.1)
    gallery.set_source(source)
    qtbot.waitUntil(lambda: all(source.crop(row) for row in gallery.visible_rows))
    gallery.verticalScrollBar().setValue(gallery.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: all(source.crop(row) for row in gallery.visible_rows))
    assert source.cached_bytes <= 30 * 128 * 128 * 4
    image = gallery.viewport().grab().toImage()
    point = middle(gallery, gallery.visible_rows[-1])
    # The crop is noise; the placeholder is one grey.
    assert len({image.pixel(point.x() + dx, point.y()) for dx in range(10)}) > 5
    gallery.set_source(None)
    source.shutdown()
