"""Several images of one smear counted together: below the list of the images."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_wbc.batch_table import Together, together_lines
from napari_wbc.differential.wording import cells_text
from napari_wbc.gui import tooltips
from napari_wbc.gui.plain_text import plain_label
from napari_wbc.gui.stacked_bar import Piece, StackedBar
from napari_wbc.gui.tooltip_text import plain_tooltip
from napari_wbc.gui.wrapped_label import WrappedLabel

_TITLE_PX = 300


class TogetherLine(QWidget):
    """A stacked bar and the percentages with their intervals."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(tooltips.TOGETHER)
        self.title = plain_label()
        self.title.setMinimumWidth(_TITLE_PX)
        self.title.setStyleSheet("font-weight: bold;")
        self.bar = StackedBar()
        self.bar.setFixedHeight(18)
        self.classes = WrappedLabel()
        line = QHBoxLayout()
        line.addWidget(self.title)
        line.addWidget(self.bar, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.setSpacing(3)
        layout.addLayout(line)
        layout.addWidget(self.classes)
        self.show_together(None)

    def show_together(self, result: Together | None, *, selected: bool = False) -> None:
        """Show what images come to together; disappear without any.

        Parameters
        ----------
        result : Together or None
            Of the images.
        selected : bool, optional
            Whether it is of the selected ones only.
        """
        self.setVisible(result is not None)
        if result is None:
            return
        which = "selected images" if selected else "images"
        self.title.setText(
            f"{result.images:,} {which} together: {cells_text(result.leukocytes, 'leukocyte')}"
        )
        self.bar.set_pieces([Piece(name, result.percents[name]) for name, n in result.counts.items() if n])
        lines = together_lines(result)
        there = [text for text, n in zip(lines, result.counts.values(), strict=True) if n]
        if result.unidentified:
            there.append(f"{cells_text(result.unidentified)} unidentified")
        if result.alarmed:
            there.append(f"⚠ {cells_text(result.alarmed, 'image')} with an alarm")
        self.classes.set_lines([" · ".join(text.replace(" ", "\N{NO-BREAK SPACE}") for text in there)])
        self.classes.setToolTip(plain_tooltip("\n".join([*lines, "", tooltips.TOGETHER])))
