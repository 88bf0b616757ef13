"""The dock widget "Fine-tune model": the view; what it does is in the controller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_wbc.gui import tooltips
from napari_wbc.gui.docked import DockedWidget
from napari_wbc.gui.fine_tune.controller import GOAL_PER_CLASS, FineTuneController
from napari_wbc.gui.fine_tune.curves import LearningCurves
from napari_wbc.gui.fine_tune.label_bars import LabelBars
from napari_wbc.gui.fine_tune.verdict_panel import VerdictPanel
from napari_wbc.gui.jobs import JobRunner, JobState
from napari_wbc.gui.message_lines import MessageLines, research_line
from napari_wbc.gui.run_bar import RunBar
from napari_wbc.gui.settings import remember, remembered
from napari_wbc.gui.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    import napari.viewer

_WIDTH = 400
#: Scale of most published single-cell images, µm per px.
_USUAL_SCALE = 0.1


class FineTuneWidget(DockedWidget):
    """Adapt the model to the labels of a laboratory, and see whether it is better.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.runner, self.side_runner = JobRunner(self), JobRunner(self)
        self.controller = FineTuneController(self.workspace, self.runner, self.side_runner)
        self._build()
        self._wire()
        self.go_live()

    def _build(self) -> None:
        self.source = WrappedLabel(kind="note")
        self.labels = LabelBars(GOAL_PER_CLASS)
        self.labels.setToolTip(tooltips.LABEL_GOAL.format(goal=GOAL_PER_CLASS))
        self.places = WrappedLabel(kind="note")
        self.add = QPushButton("Add labels")
        self.add.setToolTip(tooltips.ADD_LABELS)
        menu = QMenu(self.add)
        menu.addAction("A review…", self._add_review)
        menu.addAction("A table of cells (CSV)…", self._add_table)
        menu.addAction("A folder with a folder per class…", self._add_class_folders)
        self.add.setMenu(menu)
        self.clear = QPushButton("Only open images")
        self.clear.setToolTip(tooltips.CLEAR_LABELS)
        self.next = QPushButton("Label next…")
        self.next.setToolTip(tooltips.LABEL_NEXT)
        self.preview = QCheckBox("Show what the labels change")
        self.preview.setToolTip(tooltips.PREVIEW)
        self.preview_line = WrappedLabel(kind="note")
        self.bar = RunBar("Fine-tune", tooltips.FINE_TUNE)
        self.lines = MessageLines()
        self.curves = LearningCurves()
        self.verdict = VerdictPanel()
        self.name = QLineEdit()
        self.name.setToolTip(tooltips.MODEL_NAME)
        self.save = QPushButton("Save and use")
        self.save.setToolTip(tooltips.SAVE_MODEL)
        self.revert = QPushButton("Go back")
        self.revert.setToolTip(tooltips.REVERT_MODEL)
        self.saving = QWidget()
        _line(self.saving, self.name, self.save)

        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        adding, labelling = QWidget(), QWidget()
        _line(adding, self.add, self.clear)
        _line(labelling, self.next, self.preview)
        for widget in (
            self.source,
            self.labels,
            self.places,
            adding,
            labelling,
            self.preview_line,
            self.bar,
            self.lines.message,
            self.lines.error,
            self.curves,
            self.verdict,
            self.saving,
            self.revert,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(8, 8, 8, 8)
        whole.addWidget(scroll, 1)
        whole.addWidget(research_line())
        self.setMinimumWidth(_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.revert.setVisible(False)
        self._on_judged()

    def _wire(self) -> None:
        control = self.controller
        self.clear.clicked.connect(lambda *_: control.remove_places())
        self.next.clicked.connect(lambda *_: self._label_next())
        self.preview.toggled.connect(control.show_preview)
        self.bar.run_wanted.connect(lambda: control.run(remembered()["device"]))
        self.bar.cancel_wanted.connect(control.cancel)
        self.save.clicked.connect(lambda *_: self._on_save())
        self.revert.clicked.connect(lambda *_: control.revert())
        self.verdict.cell_wanted.connect(self._on_cell_wanted)
        control.labels_changed.connect(self._on_labels)
        control.reason_changed.connect(self.bar.set_reason)
        control.state_changed.connect(self._on_state)
        control.progress_changed.connect(self.bar.set_progress)
        control.learned.connect(self.curves.add)
        control.judged.connect(self._on_judged)
        control.previewed.connect(lambda line: self.preview_line.set_lines([line]))
        control.message.connect(self.lines.tell)
        self.workspace.model_wanted.connect(lambda name: remember(model=name))

    # ---- showing -------------------------------------------------------------------------------------------

    def _on_labels(self) -> None:
        control = self.controller
        self.source.set_lines([f"Starts from the model {control.source}."])
        self.labels.set_counts(control.labels)
        self.places.set_lines([f"and the labels of {place.name}" for place in control.places])
        self.clear.setVisible(bool(control.places))
        for part in (self.next, self.preview):
            part.setEnabled(control.session is not None)

    def _on_state(self, state: JobState) -> None:
        self.bar.set_state(state)
        if state is JobState.RUNNING:
            self.curves.clear()

    def _on_judged(self) -> None:
        adaptation = self.controller.adaptation
        self.verdict.show_verdict(adaptation.verdict if adaptation is not None else None)
        accepted = adaptation is not None and adaptation.verdict.accepted
        self.saving.setVisible(accepted)
        if accepted and adaptation is not None:
            self.name.setText(f"{adaptation.start.model.name}-adapted")

    # ---- doing ---------------------------------------------------------------------------------------------

    def _on_save(self) -> None:
        if self.controller.save(self.name.text()):
            self.revert.setText(f"Count with {self.controller.source} again")
            self.revert.setVisible(True)

    def _label_next(self) -> None:
        _, review = self.workspace.viewer.window.add_plugin_dock_widget("napari-wbc", "Review cells")
        review.show_order("teaching")

    def _on_cell_wanted(self, name: str) -> None:
        if not self.controller.go_to_cell(name):
            self.lines.tell(f"{name}: open its review to look at it.", False)

    def _add_review(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "A review (*.wbcreview)", self._folder())
        self._add(chosen)

    def _add_table(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "A table of cells", self._folder(), "Tables (*.csv)")
        self._add(chosen)

    def _add_class_folders(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "A folder with a folder per class", self._folder())
        if not chosen:
            return
        scale, ok = QInputDialog.getDouble(
            self, "Scale", "µm per px of these images:", _USUAL_SCALE, 0.01, 2.0, 4
        )
        if ok:
            self._add(chosen, scale)

    def _add(self, chosen: str, um_per_px: float | None = None) -> None:
        if chosen:
            self.controller.add_place(Path(chosen), um_per_px)

    def _folder(self) -> str:
        return str(remembered()["open_folder"])

    # ---- coming and going ----------------------------------------------------------------------------------

    def connect_all(self) -> None:
        """Begin to listen."""
        self.controller.connect()

    def disconnect_all(self) -> None:
        """End every job and stop listening."""
        self.preview.setChecked(False)
        self.controller.disconnect()


def _line(widget: QWidget, *parts: Any) -> None:
    layout = QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part)
