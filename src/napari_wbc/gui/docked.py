"""A widget in a dock of napari that notices when it is taken out, put back, or its viewer is closed."""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget

from napari_wbc.gui.gl_context import main_window, make_current
from napari_wbc.gui.settings import PLUGIN
from napari_wbc.gui.workspace import Workspace


def open_widget(viewer: Any, title: str) -> Any:
    """Open another dock widget of ours, or bring it to sight where it is hidden or lies behind others.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where.
    title : str
        As in the manifest.

    Returns
    -------
    DockedWidget
        The widget in the dock.
    """
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, title)
    dock.show()
    dock.raise_()
    return widget


class DockedWidget(QWidget):
    """Listens to the viewer while it is in a dock, and only then.

    A closed widget may be shown again as the same instance. Those that inherit call :meth:`go_live` when they are
    built, and say in :meth:`connect_all` and :meth:`disconnect_all` what is begun and ended.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Given by napari.
    """

    _live: bool | None = None

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workspace = Workspace.of(viewer, QTimer.singleShot)
        self._window: Callable[[], QWidget | None] = lambda: None

    # Qt has a metaclass of its own, so nothing but the type checker can hold those that inherit to these two.
    @abstractmethod
    def connect_all(self) -> None:
        """Begin to listen."""

    @abstractmethod
    def disconnect_all(self) -> None:
        """End every job and stop listening."""

    def go_live(self) -> None:
        """Begin to listen, unless that was done."""
        if not self._live:
            self._live = True
            self.workspace.viewer.layers.events.removing.connect(self._before_removing)
            self.connect_all()

    def go_quiet(self) -> None:
        """Stop listening, unless that was done."""
        if self._live:
            self._live = False
            self.workspace.viewer.layers.events.removing.disconnect(self._before_removing)
            self.disconnect_all()

    def event(self, event: QEvent) -> bool:
        """Notice when napari takes the widget out of its dock, or puts it back."""
        if event.type() == QEvent.Type.ParentChange and self._live is not None:
            if self.parent() is None:
                self.go_quiet()
            else:
                self.go_live()
        elif event.type() == QEvent.Type.Show:
            self._watch_window()
        return bool(super().event(event))

    def _watch_window(self) -> None:
        window = main_window(self)
        if window is not self._window():
            # A closed window must be free to go, also while somebody holds on to this widget.
            self._window = weakref.ref(window)
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Notice when the viewer is closed; it may yet refuse, so a look at it comes later."""
        if event.type() == QEvent.Type.Close and watched is self._window():
            QTimer.singleShot(0, self._on_window_closed)
        return False

    def _on_window_closed(self) -> None:
        window = self._window()
        if window is None or not window.isVisible():
            self.go_quiet()

    def _before_removing(self, event: Any = None) -> None:  # noqa: ARG002 - napari's signature
        make_current(main_window(self))
