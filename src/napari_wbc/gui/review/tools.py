"""What is done to cells: the keys of the classes, the buttons, and how far the review is."""

from __future__ import annotations

from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_wbc.differential.wording import cells_text
from napari_wbc.gui import tooltips
from napari_wbc.gui.message_lines import MessageLines
from napari_wbc.gui.plain_text import plain_label
from napari_wbc.gui.review.class_keys import ClassKeys
from napari_wbc.gui.review.controller import ReviewController
from napari_wbc.gui.review.layouts import button, line
from napari_wbc.gui.tooltip_text import plain_tooltip


class ReviewTools(QWidget):
    """Class keys, buttons, progress and messages, one below the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keys = ClassKeys()
        self.accept = button("Confirm  (Space)", tooltips.ACCEPT)
        self.exclude = button("Exclude  (X)", tooltips.EXCLUDE)
        self.next = button("Next  (N)", tooltips.NEXT)
        self.alike = button("Similar  (S)", tooltips.SHOW_ALIKE)
        self.add = button("Add  (A)", tooltips.ADD)
        # Held down while there is something to draw.
        self.add.setCheckable(True)
        self.split = button("Split  (T)", tooltips.SPLIT)
        self.merge = button("Merge  (M)", tooltips.MERGE)
        self.undo = button("Undo", tooltips.UNDO)
        self.redo = button("Redo", tooltips.REDO)
        self.sign = button("Sign…", tooltips.SIGN)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setToolTip(tooltips.REVIEWED)
        self.status = plain_label()
        self.lines = MessageLines()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.keys)
        layout.addLayout(line(self.accept, self.exclude, self.next, self.alike))
        layout.addLayout(line(self.add, self.split, self.merge, self.undo, self.redo))
        layout.addWidget(self.progress)
        layout.addLayout(line(self.status, self.sign))
        layout.addWidget(self.lines.message)
        layout.addWidget(self.lines.error)
        layout.addStretch(1)

    def show_state(self, control: ReviewController, *, idle: bool) -> None:
        """Show what can be done now, and how far the review is.

        Parameters
        ----------
        control : ReviewController
            Of the review.
        idle : bool
            Whether no cell is being made.
        """
        session = control.session
        is_open = session is not None and not control.reason
        for part in (self.accept, self.exclude, self.add, self.split, self.merge, self.keys):
            part.setEnabled(is_open and idle)
        for part in (self.next, self.alike, self.sign):
            part.setEnabled(session is not None and idle)
        for part, tooltip, text in (
            (self.undo, tooltips.UNDO, session.undo_text if session else ""),
            (self.redo, tooltips.REDO, session.redo_text if session else ""),
        ):
            part.setEnabled(is_open and bool(text))
            part.setToolTip(plain_tooltip(f"{tooltip}\n{text}".strip()))
        self.sign.setText("Unlock…" if session is not None and session.signature else "Sign…")
        done, total = control.progress
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)
        changes = f", {cells_text(session.changes, 'change')}" if session is not None else ""
        self.status.setText(f"{done:,} of {total:,} reviewed{changes}" if session is not None else "")
        kept = f"Kept in {session.folder}" if session is not None and session.folder else ""
        self.status.setToolTip(plain_tooltip(kept))
        self.keys.set_classes(control.keys, control.choices)
