"""Buttons of the classes with the keys that do the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QMenu, QSizePolicy, QToolButton, QWidget

from napari_wbc.gui import tooltips
from napari_wbc.gui.swatches import icon
from napari_wbc.gui.tooltip_text import plain_tooltip
from napari_wbc.leukocytes import class_of

_BUTTON_PX = 128
# Titles that are too long for a button; the tooltip has the whole one.
_SHORT = {
    "neutrophil_segmented": "Segmented",
    "neutrophil_band": "Band",
    "immature_granulocyte": "Immature gran.",
    "lymphocyte_reactive": "Reactive lymph.",
}


class ClassKeys(QWidget):
    """One button per class that has a key, and a menu for the others.

    Signals
    -------
    chosen(str)
        A class was chosen.
    new_wanted()
        The user wants a class that is not in the list.
    """

    chosen = Signal(str)
    new_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self._buttons: list[QToolButton] = []
        self._shown: tuple[tuple[tuple[str, str], ...], tuple[str, ...]] = ((), ())
        self.more = QToolButton()
        self.more.setText("Other class…")
        self.more.setToolTip(tooltips.OTHER_CLASS)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_classes(self, keys: Mapping[str, str], choices: Sequence[str]) -> None:
        """Show classes.

        Parameters
        ----------
        keys : mapping of str to str
            Key and name of the class.
        choices : sequence of str
            All names; those without a key are in the menu.
        """
        shown = (tuple(keys.items()), tuple(choices))
        if shown == self._shown:
            return
        self._shown = shown
        for button in self._buttons:
            self._grid.removeWidget(button)
            button.deleteLater()
        self._buttons = [self._button(key, name) for key, name in keys.items()]
        menu = QMenu(self.more)
        for name in choices:
            if name not in keys.values():
                menu.addAction(icon(name), class_of(name).title, lambda name=name: self.chosen.emit(name))
        menu.addSeparator()
        menu.addAction("New class…", self.new_wanted)
        self.more.setMenu(menu)
        self._lay_out()

    def _button(self, key: str, name: str) -> QToolButton:
        button = QToolButton()
        title = class_of(name).title.split(" (")[0]
        button.setText(f"{key}  {_SHORT.get(name, title)}")
        button.setIcon(icon(name))
        button.setIconSize(QSize(12, 12))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setAutoRaise(True)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setToolTip(plain_tooltip(tooltips.CLASS_KEY.format(title=title, key=key)))
        button.clicked.connect(lambda *_: self.chosen.emit(name))
        return button

    def _lay_out(self) -> None:
        columns = max(2, self.width() // _BUTTON_PX)
        for place, button in enumerate([*self._buttons, self.more]):
            self._grid.addWidget(button, place // columns, place % columns)

    def resizeEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        super().resizeEvent(event)  # type: ignore[arg-type, unused-ignore]
        self._lay_out()
