"""What is above the gallery: which cells are shown, in which order and size; and how alike they must be."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QSlider, QVBoxLayout, QWidget

from napari_wbc.gui import tooltips
from napari_wbc.gui.excluded_switch import ExcludedSwitch
from napari_wbc.gui.review.layouts import button, line
from napari_wbc.gui.swatches import icon
from napari_wbc.gui.workspace import Workspace
from napari_wbc.leukocytes import class_of, in_order
from napari_wbc.review.order import ORDERS

if TYPE_CHECKING:
    import pandas as pd

    from napari_wbc.gui.review.alike import Alike

_ALL = "All classes"


class GalleryChooser(QWidget):
    """Order, class, and further choices, in two lines.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    """

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.order = QComboBox()
        self.order.setToolTip(tooltips.ORDER)
        for name, title in ORDERS.items():
            self.order.addItem(title, name)
        self.label = QComboBox()
        self.label.setToolTip(tooltips.ONE_CLASS)
        self.left = QCheckBox("Not reviewed")
        self.left.setToolTip(tooltips.LEFT_ONLY)
        self.excluded = ExcludedSwitch(workspace, "Show excluded")
        self.refresh = button("Sort again", tooltips.SORT_AGAIN)
        self.size = QSlider(Qt.Orientation.Horizontal)
        self.size.setRange(48, 160)
        self.size.setMaximumWidth(90)
        self.size.setToolTip(tooltips.GALLERY_SIZE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(line(self.order, self.label, stretch=True))
        layout.addLayout(line(self.left, self.excluded, self.refresh, self.size))

    def set_cells(self, cells: pd.DataFrame | None, label: str | None) -> None:
        """Offer the classes of a cell table with their counts, and choose one of them, or all."""
        counts: Counter[str] = Counter(cells["label"]) if cells is not None else Counter()
        self.label.blockSignals(True)
        self.label.clear()
        self.label.addItem(_ALL, None)
        for name in in_order(list(counts)):
            self.label.addItem(icon(name), f"{class_of(name).title} ({counts[name]:,})", name)
        self.label.setCurrentIndex(max(0, self.label.findData(label)))
        self.label.blockSignals(False)


class AlikeBar(QWidget):
    """How alike cells must be to be selected together; in the place of the chooser while they are proposed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.least = QSlider(Qt.Orientation.Horizontal)
        self.least.setRange(0, 99)
        self.least.setToolTip(tooltips.LEAST_ALIKE)
        self.leave = button("Back", tooltips.LEAVE_ALIKE)
        self._text = QLabel()
        layout = line(QLabel("Similarity from"), self.least, self._text, self.leave)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)
        self.setVisible(False)

    def show_alike(self, alike: Alike | None) -> None:
        """Appear with what is proposed, or disappear."""
        self.setVisible(alike is not None)
        if alike is not None:
            self.least.blockSignals(True)
            self.least.setValue(round(100 * alike.least))
            self.least.blockSignals(False)

    def tell(self, least: float, n_selected: int) -> None:
        """Say from where on cells are selected, and how many are."""
        self._text.setText(f"{least:.2f}: {n_selected:,} selected")
