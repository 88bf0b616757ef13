"""The switch that shows the cells that do not count, wherever there is one."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QWidget

from napari_wbc.gui import tooltips
from napari_wbc.gui.workspace import Workspace


class ExcludedSwitch(QCheckBox):
    """A check box; all of a viewer go together.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    text : str
        What it is called.
    """

    def __init__(self, workspace: Workspace, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setToolTip(tooltips.SHOW_EXCLUDED)
        # Keys stay with the cells.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setChecked(workspace.shows_excluded)
        self.toggled.connect(workspace.set_excluded)
        workspace.excluded_shown.connect(self._follow)

    def _follow(self, shown: bool) -> None:
        self.setChecked(shown)
