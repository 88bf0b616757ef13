"""The switch of the layer with the quality of the regions, and what its colours mean."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_wbc.gui import tooltips
from napari_wbc.gui.region_layer import KINDS


class RegionSwitch(QWidget):
    """A check box, off at first, and a legend while it is on.

    Parameters
    ----------
    beside : QWidget
        Another switch, which stands on the same line.

    Signals
    -------
    toggled(bool)
        Whether the layer is wanted.
    """

    toggled = Signal(bool)

    def __init__(self, beside: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QCheckBox("Region quality")
        self.box.setToolTip(tooltips.REGION_QUALITY)
        chips = " ".join(
            f'<span style="color:{colour}">■</span>&nbsp;{name}' for name, colour in KINDS.values()
        )
        self.legend = QLabel(f'<span style="font-size:8pt">{chips}</span>')
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setVisible(False)
        self.box.toggled.connect(self.legend.setVisible)
        self.box.toggled.connect(self.toggled)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        line = QHBoxLayout()
        line.addWidget(self.box)
        line.addWidget(beside)
        line.addStretch(1)
        layout.addLayout(line)
        layout.addWidget(self.legend)
