"""The dock widget "Review cells": the view; what it does is in the controller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QDockWidget,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_wbc.cell_table import is_unidentified
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.wording import cells_text
from napari_wbc.gui import tooltips
from napari_wbc.gui.docked import DockedWidget
from napari_wbc.gui.excluded_switch import ExcludedSwitch
from napari_wbc.gui.gl_context import main_window
from napari_wbc.gui.jobs import Job, JobRunner, JobState
from napari_wbc.gui.review.cell_detail import CellDetail
from napari_wbc.gui.review.class_keys import ClassKeys
from napari_wbc.gui.review.controller import EXAMPLES, Made, Measured, ReviewController
from napari_wbc.gui.review.crop_source import CropSource
from napari_wbc.gui.review.gallery import CellGallery
from napari_wbc.gui.review.review_keys import ImageKeys, ReviewKeys
from napari_wbc.gui.review.sketch import KINDS, Sketch
from napari_wbc.gui.swatches import icon
from napari_wbc.gui.wrapped_label import WrappedLabel
from napari_wbc.leukocytes import UNIDENTIFIED, class_of, in_order
from napari_wbc.review.order import ORDERS
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
_ALL = "All classes"


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
        self.review_keys = ReviewKeys(
            self.controller, {"A": lambda: self._draw("outline"), "T": lambda: self._split()}
        )
        self.image_keys = ImageKeys(self.workspace, self.review_keys)
        self.crops = CropSource(self)
        self._sketch: Sketch | None = None
        self._shown: ReviewSession | None = None
        self._placed = False
        self._build()
        self._wire()
        self.go_live()

    # ---- building ------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.order = QComboBox()
        self.order.setToolTip(tooltips.ORDER)
        for name, title in ORDERS.items():
            self.order.addItem(title, name)
        self.label = QComboBox()
        self.label.setToolTip(tooltips.ONE_CLASS)
        self.left = QCheckBox("Not reviewed")
        self.left.setToolTip(tooltips.LEFT_ONLY)
        self.excluded = ExcludedSwitch(self.workspace, "Show excluded")
        self.refresh = _button("Sort again", tooltips.SORT_AGAIN)
        self.size = QSlider(Qt.Orientation.Horizontal)
        self.size.setRange(48, 160)
        self.size.setMaximumWidth(90)
        self.size.setToolTip(tooltips.GALLERY_SIZE)
        self.least = QSlider(Qt.Orientation.Horizontal)
        self.least.setRange(0, 99)
        self.least.setToolTip(tooltips.LEAST_ALIKE)
        self.least_line = QLabel()
        self.leave_alike = _button("Back", tooltips.LEAVE_ALIKE)
        self.gallery = CellGallery()
        self.gallery.set_source(self.crops)
        self.gallery.empty_text = "No cell to show."
        self.gallery.tooltip_of = self.controller.describe
        self.size.setValue(self.gallery.side)
        self.detail = CellDetail(EXAMPLES)
        self.keys = ClassKeys()
        self.accept = _button("Confirm  (Space)", tooltips.ACCEPT)
        self.exclude = _button("Exclude  (X)", tooltips.EXCLUDE)
        self.next = _button("Next  (N)", tooltips.NEXT)
        self.alike = _button("Similar  (S)", tooltips.SHOW_ALIKE)
        self.add = _button("Add  (A)", tooltips.ADD)
        # Held down while there is something to draw.
        self.add.setCheckable(True)
        self.split = _button("Split  (T)", tooltips.SPLIT)
        self.merge = _button("Merge  (M)", tooltips.MERGE)
        self.undo = _button("Undo", tooltips.UNDO)
        self.redo = _button("Redo", tooltips.REDO)
        self.sign = _button("Sign…", tooltips.SIGN)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setToolTip(tooltips.REVIEWED)
        self.status = QLabel()
        self.reason = WrappedLabel(kind="note")
        self.message = WrappedLabel(kind="note")
        self.error = WrappedLabel(kind="error")
        self.research = WrappedLabel(kind="note")
        self.research.set_lines([RESEARCH_USE])

        self.chooser = QWidget()
        chooser = QVBoxLayout(self.chooser)
        chooser.setContentsMargins(0, 0, 0, 0)
        chooser.setSpacing(3)
        chooser.addLayout(_line(self.order, self.label, stretch=True))
        chooser.addLayout(_line(self.left, self.excluded, self.refresh, self.size))
        self.alike_bar = QWidget()
        alike = _line(QLabel("Similarity from"), self.least, self.least_line, self.leave_alike)
        alike.setContentsMargins(0, 0, 0, 0)
        self.alike_bar.setLayout(alike)
        self.alike_bar.setVisible(False)
        gallery, tools = _column(self.chooser, self.alike_bar), _column(self.keys)
        self.tools = QWidget()
        self.tools.setLayout(tools)
        tools.setContentsMargins(0, 0, 0, 0)
        gallery.addWidget(self.gallery, 1)
        tools.addLayout(_line(self.accept, self.exclude, self.next, self.alike))
        tools.addLayout(_line(self.add, self.split, self.merge, self.undo, self.redo))
        tools.addWidget(self.progress)
        tools.addLayout(_line(self.status, self.sign))
        for label in (self.message, self.error):
            tools.addWidget(label)
        tools.addStretch(1)
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
        layout.addWidget(self.research)
        self.setMinimumWidth(_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _wire(self) -> None:
        control = self.controller
        self.order.currentIndexChanged.connect(lambda *_: control.set_order(self.order.currentData()))
        self.label.activated.connect(lambda *_: control.set_label(self.label.currentData()))
        self.left.toggled.connect(control.set_left_only)
        self.refresh.clicked.connect(control.refresh)
        self.size.valueChanged.connect(self.gallery.set_side)
        self.gallery.side_changed.connect(self.size.setValue)
        self.least.valueChanged.connect(lambda value: control.set_least(value / 100))
        self.leave_alike.clicked.connect(control.refresh)
        self.gallery.selection_changed.connect(self.workspace.pick)
        self.gallery.activated.connect(self.workspace.go_to)
        self.gallery.key_pressed.connect(self.review_keys.use)
        self.detail.example_clicked.connect(lambda row: self.workspace.pick((row,)))
        self.keys.chosen.connect(lambda name: control.relabel(name))
        self.keys.new_wanted.connect(self._ask_class)
        for button, answer in (
            (self.accept, control.accept),
            (self.exclude, control.exclude),
            (self.next, control.next),
            (self.alike, control.show_alike),
            (self.add, lambda: self._draw("outline")),
            (self.split, self._split),
            (self.merge, control.merge),
            (self.undo, control.undo),
            (self.redo, control.redo),
            (self.sign, self._on_sign),
        ):
            button.clicked.connect(lambda *_, answer=answer: answer())
        self.crops.arrived.connect(self._on_crops)
        self.runner.finished.connect(self._on_made)
        self.runner.failed.connect(lambda line: self.workspace.message.emit(line, True))
        self.runner.state_changed.connect(lambda _: self._on_state())
        control.listed.connect(self._on_listed)
        control.edited.connect(self._on_edited)
        control.state_changed.connect(self._on_state)
        self.workspace.selected.connect(self._on_selected)
        self.workspace.message.connect(self._on_message)

    # ---- showing -------------------------------------------------------------------------------------------

    def _on_listed(self) -> None:
        session, control = self.controller.session, self.controller
        self._take_session(session)
        alike = control.alike
        self.alike_bar.setVisible(alike is not None)
        self.chooser.setVisible(alike is None)
        if alike is not None:
            self.least.blockSignals(True)
            self.least.setValue(round(100 * alike.least))
            self.least.blockSignals(False)
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
        self._fill_labels()

    def _on_edited(self, change: Change) -> None:
        session = self.controller.session
        if session is None:
            return
        rows = list(change.rows)
        some = session.cells.iloc[rows]
        self.gallery.update_rows(rows, some["label"].tolist(), **_marks(some))
        self._fill_labels()

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

    def _fill_labels(self) -> None:
        cells = self.controller.cells
        counts: Counter[str] = Counter(cells["label"]) if cells is not None else Counter()
        self.label.blockSignals(True)
        self.label.clear()
        self.label.addItem(_ALL, None)
        for name in in_order(list(counts)):
            self.label.addItem(icon(name), f"{class_of(name).title} ({counts[name]:,})", name)
        self.label.setCurrentIndex(max(0, self.label.findData(self.controller.label)))
        self.label.blockSignals(False)

    def _on_selected(self, rows: tuple[int, ...]) -> None:
        if self.gallery.selected != rows:
            self.gallery.set_selected(rows)

    def _on_state(self) -> None:
        control = self.controller
        session, reason = control.session, control.reason
        idle = self.runner.state is JobState.IDLE
        self.reason.set_lines([reason] if reason else [])
        open_ = session is not None and not reason
        for button in (self.accept, self.exclude, self.add, self.split, self.merge, self.keys):
            button.setEnabled(open_ and idle)
        for button in (self.next, self.alike, self.sign):
            button.setEnabled(session is not None and idle)
        for button, text in (
            (self.undo, session.undo_text if session else ""),
            (self.redo, session.redo_text if session else ""),
        ):
            button.setEnabled(open_ and bool(text))
            button.setToolTip(f"{text.capitalize()}" if text else "")
        self.sign.setText("Unlock…" if session is not None and session.signature else "Sign…")
        done, total = control.progress
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)
        changes = f", {cells_text(session.changes, 'change')}" if session is not None else ""
        self.status.setText(f"{done:,} of {total:,} reviewed{changes}" if session is not None else "")
        self.status.setToolTip(f"Kept in {session.folder}" if session is not None and session.folder else "")
        self.keys.set_classes(control.keys, control.choices)
        if control.alike is not None:
            n = len(self.workspace.selection)
            self.least_line.setText(f"{control.alike.least:.2f}: {n:,} selected")
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

    def _on_message(self, line: str, is_error: bool) -> None:
        self.message.set_lines([] if is_error else [line])
        self.error.set_lines([line] if is_error else [])

    # ---- doing ---------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        if not self.review_keys.use(event):
            super().keyPressEvent(event)

    def _split(self) -> None:
        if self._sketch is not None or self.controller.is_without_neck():
            self._draw("line")
        else:
            self.controller.split()

    def _draw(self, kind: str) -> None:
        """Begin to draw on the image, or end it."""
        drawing = self._sketch is not None
        self._end_drawing()
        image = self.workspace.image
        if image is None or self.controller.reason or drawing:
            return
        answer = self.controller.add if kind == "outline" else self.controller.split
        self._sketch = Sketch(self.workspace.viewer, image, kind, answer, self._on_drawing_ended)
        self.add.setChecked(kind == "outline")
        self.workspace.message.emit(KINDS[kind].hint, False)

    def _end_drawing(self) -> None:
        if self._sketch is not None:
            self._sketch.close()

    def _on_drawing_ended(self) -> None:
        self._sketch = None
        self.add.setChecked(False)
        self.workspace.message.emit("", False)

    def _start(self, title: str, steps: Callable[[Any], Any]) -> bool:
        if self.runner.state is not JobState.IDLE:
            return False
        self.runner.start(Job(title, steps))
        return True

    def _on_made(self, made: object) -> None:
        if isinstance(made, Made | Measured):
            self.controller.take(made)
        if self._sketch is None:
            return
        if self._sketch.kind == "line":
            self._end_drawing()
        else:
            # The next cell can be drawn at once.
            self.workspace.message.emit(KINDS[self._sketch.kind].hint, False)

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
        dock, window = self.parentWidget(), main_window(self)
        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        if dock is not None and isinstance(window, QMainWindow) and not dock.isFloating():
            # The docks at the right keep their height: the differential is read while cells are reviewed.
            window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
            window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
            self._lay_out(wide=True)
            # Once the window has laid itself out for it.
            height = max(_LOWEST, min(_HIGHEST, round(_SHARE * window.height())))
            QTimer.singleShot(0, lambda: window.resizeDocks([dock], [height], Qt.Orientation.Vertical))

    def connect_all(self) -> None:
        """Begin to listen."""
        self.controller.connect()
        self.workspace.key_pressed.connect(self.review_keys.use)
        self.image_keys.connect()

    def disconnect_all(self) -> None:
        """End every job and stop listening."""
        self._end_drawing()
        self.runner.shutdown()
        self.crops.clear()
        self._shown = None
        self.image_keys.disconnect()
        self.workspace.key_pressed.disconnect(self.review_keys.use)
        self.controller.disconnect()


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    # Keys go to the gallery; a button that took the focus would take the space bar as well.
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button


def _line(*widgets: QWidget, stretch: bool = False) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(3)
    for widget in widgets:
        line.addWidget(widget, 1 if stretch or isinstance(widget, QLabel) else 0)
    return line


def _column(*widgets: QWidget) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(4)
    for widget in widgets:
        column.addWidget(widget)
    return column


def _marks(cells: pd.DataFrame) -> dict[str, Any]:
    """Give the marks of cells in the gallery."""
    status = cells["status"].to_numpy(object)
    return {
        "reviewed": status == "reviewed",
        "excluded": status == "excluded",
        "uncertain": is_unidentified(cells).to_numpy(),
    }
