"""Moving a widget to the bottom of the window, where there is width."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_wbc.gui.gl_context import main_window


def move_to_bottom(widget: QWidget, *, share: float, lowest: int, highest: int) -> bool:
    """Move the dock that a widget is in to the bottom of its window, unless it floats.

    Parameters
    ----------
    widget : QWidget
        In its dock.
    share : float
        Of the height of the window that it gets.
    lowest, highest : int
        But no less and no more than this, px.

    Returns
    -------
    bool
        Whether it was moved.
    """
    dock, window = widget.parentWidget(), main_window(widget)
    while dock is not None and not isinstance(dock, QDockWidget):
        dock = dock.parentWidget()
    if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
        return False
    # The docks at the right keep their height: the differential is read while cells are reviewed.
    window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    height = max(lowest, min(highest, round(share * window.height())))
    # Once the window has laid itself out for it.
    QTimer.singleShot(0, lambda: window.resizeDocks([dock], [height], Qt.Orientation.Vertical))
    return True
