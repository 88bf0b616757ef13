"""Keeps napari from crashing when layers are removed.

napari 0.9 frees the textures and buffers of a removed layer at once, whichever OpenGL context is current at that
moment. With Mesa, removing two layers and adding two others then ends in a segmentation fault, and some Windows drivers
report an access violation. With the context of the canvas made current first, it goes well.
"""

from __future__ import annotations

from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget


def main_window(widget: QWidget) -> QWidget:
    """Give the window that a widget belongs to, also while its dock floats in a window of its own."""
    while (parent := widget.parentWidget()) is not None:
        widget = parent
    return widget


def make_current(window: QWidget) -> None:
    """Make the OpenGL context of a viewer's canvas current.

    Parameters
    ----------
    window : QWidget
        The main window of the viewer.
    """
    for canvas in window.findChildren(QOpenGLWidget):
        canvas.makeCurrent()
