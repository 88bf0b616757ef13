"""The dock widget "Review cells": the view; what it does is in the controller."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QBoxLayout, QInputDialog, QSizePolicy, QVBoxLayout, QWidget

from napari_wbc.cell_table import is_unidentified
from napari_wbc.differential.wording import cells_text
from napari_wbc.gui.bottom_dock import move_to_bottom
from napari_wbc.gui.docked import DockedWidget
from napari_wbc.gui.jobs import Job, JobRunner, JobState
from napari_wbc.gui.message_lines import research_line
from napari_wbc.gui.review.cell_detail import CellDetail
from napari_wbc.gui.review.chooser import AlikeBar, GalleryChooser
from napari_wbc.gui.review.controller import EXAMPLES, ReviewController
from napari_wbc.gui.review.crop_source import CropSource
from napari_wbc.gui.review.drawing import Drawing
from napari_wbc.gui.review.gallery import CellGallery
from napari_wbc.gui.review.layouts import column
from napari_wbc.gui.review.made import Made, Measured
from napari_wbc.gui.review.review_keys import ImageKeys, ReviewKeys
from napari_wbc.gui.review.tools import ReviewTools
from napari_wbc.gui.wrapped_label import WrappedLabel
from napari_wbc.leukocytes import UNIDENTIFIED
from napari_wbc.review.session import ReviewSession

if TYPE_CHECKING:
    import napari.viewer
    import pandas as pd

    from napari_wbc.review.edits import Change

_WIDTH = 400
# Of the window, px: the gallery wants two lines of cells, the image the larger part.
_SHARE, _LOWEST, _HIGHEST = 0.38, 300, 420
# Qt's word for any width.
_ANY = (1 << 24) - 1


class ReviewWidget(DockedWidget):
    """Look at the cells of the chosen slide, and correct them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.runner = JobRunner(self)
        self.controller = ReviewController(self.workspace, self._start)
        self.drawing = Drawing(self.controller, lambda adding: self.tools.add.setChecked(adding))
        self.keys = ReviewKeys(self.controller, self.drawing)
        self.image_keys = ImageKeys(self.workspace, self.keys)
        self.crops = CropSource(self)
        self._shown: ReviewSession | None = None
        self._placed = False
        self._build()
        self._wire()
        self.go_live()

    # ---- building ------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.chooser = GalleryChooser(self.workspace)
        self.alike_bar = AlikeBar()
        self.gallery = CellGallery()
        self.gallery.set_source(self.crops)
        self.gallery.empty_text = "No cell to show."
        self.gallery.tooltip_of = self.controller.describe
        self.chooser.size.setValue(self.gallery.side)
        self.detail = CellDetail(EXAMPLES)
        self.tools = ReviewTools()
        self.reason = WrappedLabel(kind="note")
        gallery = column(self.chooser, self.alike_bar)
        gallery.addWidget(self.gallery, 1)
        # Beside each other where there is room, else one above the other; see resizeEvent.
        self._parts = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._parts.setSpacing(8)
        self._parts.addLayout(gallery, 1)
        self._parts.addWidget(self.detail)
        self._parts.addWidget(self.tools)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.reason)
        layout.addLayout(self._parts, 1)
        layout.addWidget(research_line())
        self.setMinimumWidth(_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _wire(self) -> None:
        control, workspace, chooser, tools = self.controller, self.workspace, self.chooser, self.tools
        chooser.order.currentIndexChanged.connect(lambda *_: control.set_order(chooser.order.currentData()))
        chooser.label.activated.connect(lambda *_: control.set_label(chooser.label.currentData()))
        chooser.left.toggled.connect(control.set_left_only)
        chooser.refresh.clicked.connect(control.refresh)
        chooser.size.valueChanged.connect(self.gallery.set_side)
        self.gallery.side_changed.connect(chooser.size.setValue)
        self.alike_bar.least.valueChanged.connect(lambda value: control.set_least(value / 100))
        self.alike_bar.leave.clicked.connect(control.refresh)
        self.gallery.selection_changed.connect(workspace.pick)
        self.gallery.activated.connect(workspace.go_to)
        self.gallery.key_pressed.connect(self.keys.use)
        self.detail.example_clicked.connect(lambda row: workspace.pick((row,)))
        tools.keys.chosen.connect(lambda name: control.relabel(name))
        tools.keys.new_wanted.connect(self._ask_class)
        for button, answer in (
            (tools.accept, control.accept),
            (tools.exclude, control.exclude),
            (tools.next, control.next),
            (tools.alike, control.show_alike),
            (tools.add, self.drawing.add),
            (tools.split, self.drawing.split),
            (tools.merge, control.maker.merge),
            (tools.undo, control.undo),
            (tools.redo, control.redo),
            (tools.sign, self._on_sign),
        ):
            button.clicked.connect(lambda *_, answer=answer: answer())
        self.crops.arrived.connect(self._on_crops)
        self.runner.finished.connect(self._on_made)
        self.runner.failed.connect(lambda line: workspace.message.emit(line, True))
        self.runner.state_changed.connect(lambda _: self._on_state())
        control.listed.connect(self._on_listed)
        control.edited.connect(self._on_edited)
        control.state_changed.connect(self._on_state)

    def show_order(self, order: str) -> None:
        """Sort the cells by one of :data:`napari_wbc.review.order.ORDERS`, and go to the first."""
        self.chooser.order.setCurrentIndex(self.chooser.order.findData(order))
        self.controller.next()

    def show_likely(self, label: str) -> None:
        """Show the cells that may be of a class, and go to the likeliest."""
        self.controller.show_likely(label)
        self.gallery.setFocus()

    # ---- showing -------------------------------------------------------------------------------------------

    def _on_listed(self) -> None:
        session, control = self.controller.session, self.controller
        self._take_session(session)
        self.alike_bar.show_alike(control.alike)
        self.chooser.setVisible(control.alike is None)
        if session is None:
            self.gallery.set_cells([], np.zeros(0, np.intp))
            return
        cells = session.cells
        self.gallery.set_cells(
            cells["label"].tolist(),
            control.rows,
            notes=control.notes(),
            groups=control.groups(),
            **_marks(cells),
        )
        self.gallery.set_selected(self.workspace.selection, scroll=False)
        self.chooser.set_cells(session.cells, self.controller.label)

    def _on_edited(self, change: Change) -> None:
        session = self.controller.session
        if session is None:
            return
        rows = list(change.rows)
        some = session.cells.iloc[rows]
        self.gallery.update_rows(rows, some["label"].tolist(), **_marks(some))
        self.chooser.set_cells(session.cells, self.controller.label)

    def _take_session(self, session: ReviewSession | None) -> None:
        """Read the crops from the slide that is reviewed now."""
        if session is None:
            self.crops.clear()
        else:
            centres = session.cells[["y_px", "x_px"]].to_numpy(float)
            if session is self._shown:
                self.crops.set_centres(centres)
            else:
                self.crops.set_slide(session.count.slide, centres, session.count.scale.um_per_px)
        self._shown = session

    def _on_selected(self, rows: tuple[int, ...]) -> None:
        if self.gallery.selected != rows:
            self.gallery.set_selected(rows)

    def _on_state(self) -> None:
        control = self.controller
        self.reason.set_lines([control.reason])
        self.tools.show_state(control, idle=self.runner.state is JobState.IDLE)
        if control.alike is not None:
            self.alike_bar.tell(control.alike.least, len(self.workspace.selection))
        self._show_detail()

    def _show_detail(self) -> None:
        rows, cells = self.workspace.selection, self.controller.cells
        if cells is None or not rows:
            self.detail.show_nothing("" if cells is None else "No cell is selected.")
            return
        if len(rows) > 1:
            self.detail.show_nothing(f"{len(rows):,} cells are selected.")
            return
        row = rows[0]
        examples = self.controller.examples(row).tolist()
        label = str(cells["label"].iloc[row])
        if label == UNIDENTIFIED:
            label = str(cells["model_label"].iloc[row])
        missing = [r for r in (row, *examples) if self.crops.crop(r) is None]
        if missing:
            self.crops.want([*missing, *self.gallery.visible_rows])
        self.detail.show_cell(
            self.crops.crop(row),
            self.controller.describe(row),
            label,
            [(r, self.crops.crop(r)) for r in examples],
        )

    def _on_crops(self, rows: tuple[int, ...]) -> None:  # noqa: ARG002 - the signal's signature
        if len(self.workspace.selection) == 1:
            self._show_detail()

    # ---- doing ---------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        if not self.keys.use(event):
            super().keyPressEvent(event)

    def _start(self, title: str, steps: Callable[[Any], Any]) -> bool:
        if self.runner.state is not JobState.IDLE:
            return False
        self.runner.start(Job(title, steps))
        return True

    def _on_made(self, made: object) -> None:
        if isinstance(made, Made | Measured):
            self.controller.take(made)
        if isinstance(made, Made):
            self.drawing.go_on()

    def _ask_class(self) -> None:
        name, ok = QInputDialog.getText(self, "New class", "Name of the class:")
        if ok and name.strip():
            self.controller.relabel(name.strip())

    def _on_sign(self) -> None:
        session = self.controller.session
        if session is None:
            return
        if session.signature is not None:
            name, ok = QInputDialog.getText(
                self, "Unlock the review", "Your name (the signature stays in the log):", text=session.user
            )
            if ok:
                self.controller.unlock(name)
            return
        from napari_wbc.gui.review.sign_dialog import ask_signature

        done, total = self.controller.progress
        answer = ask_signature(self, session.user, f"{done:,} of {cells_text(total)} reviewed.")
        if answer is not None:
            self.controller.sign(*answer)

    # ---- coming and going ----------------------------------------------------------------------------------

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """See Qt; a window does not grow for the sake of the gallery, which scrolls."""
        return QSize(_WIDTH, 240)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Lay the parts beside each other where there is room."""
        super().resizeEvent(event)
        self._lay_out(wide=self.width() > 2 * _WIDTH and self.width() > 1.3 * self.height())

    def _lay_out(self, *, wide: bool) -> None:
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        if direction != self._parts.direction():
            self._parts.setDirection(direction)
            self.detail.set_upright(wide)
            self.tools.setMaximumWidth(_WIDTH - 10 if wide else _ANY)
            self.tools.setMinimumWidth(_WIDTH - 10 if wide else 0)

    def event(self, event: QEvent) -> bool:
        """Move to the bottom of the window when napari has put the widget into its first dock: cells want width."""
        if event.type() == QEvent.Type.Show and not self._placed:
            self._placed = True
            QTimer.singleShot(0, self._to_the_bottom)
        return super().event(event)

    def _to_the_bottom(self) -> None:
        if move_to_bottom(self, share=_SHARE, lowest=_LOWEST, highest=_HIGHEST):
            self._lay_out(wide=True)

    def connect_all(self) -> None:
        """Begin to listen."""
        self.controller.connect()
        for signal, answer in self._answers():
            signal.connect(answer)
        self.image_keys.connect()

    def disconnect_all(self) -> None:
        """End every job and stop listening."""
        self.drawing.end()
        self.runner.shutdown()
        self.crops.clear()
        self._shown = None
        self.image_keys.disconnect()
        for signal, answer in self._answers():
            signal.disconnect(answer)
        self.controller.disconnect()

    def _answers(self) -> list[tuple[Any, Callable[..., Any]]]:
        """Give what the viewer's other widgets tell, and what is done then."""
        workspace = self.workspace
        return [
            (workspace.key_pressed, self.keys.use),
            (workspace.selected, self._on_selected),
            (workspace.message, self.tools.lines.tell),
        ]


def _marks(cells: pd.DataFrame) -> dict[str, Any]:
    """Give the marks of cells in the gallery."""
    status = cells["status"].to_numpy(object)
    return {
        "reviewed": status == "reviewed",
        "excluded": status == "excluded",
        "uncertain": is_unidentified(cells).to_numpy(),
    }
