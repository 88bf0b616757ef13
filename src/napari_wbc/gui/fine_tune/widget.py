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

from napari_wbc.adaptation.adapter import SUFFIX
from napari_wbc.adaptation.label_places import LabelPlace
from napari_wbc.adaptation.own_models import free_name
from napari_wbc.gui import tooltips
from napari_wbc.gui.docked import DockedWidget, open_widget
from napari_wbc.gui.fine_tune.controller import GOAL_PER_CLASS, FineTuneController
from napari_wbc.gui.fine_tune.curves import LearningCurves
from napari_wbc.gui.fine_tune.import_dialog import ask_import
from napari_wbc.gui.fine_tune.label_bars import LabelBars
from napari_wbc.gui.fine_tune.label_sources import LabelSources
from napari_wbc.gui.fine_tune.own_models_panel import OwnModelsPanel
from napari_wbc.gui.fine_tune.shelf import ModelShelf
from napari_wbc.gui.fine_tune.source_rows import SourceRows
from napari_wbc.gui.fine_tune.verdict_panel import VerdictPanel
from napari_wbc.gui.jobs import JobRunner, JobState
from napari_wbc.gui.message_lines import MessageLines, research_line
from napari_wbc.gui.model_card import show_card
from napari_wbc.gui.plain_text import asked
from napari_wbc.gui.run_bar import RunBar
from napari_wbc.gui.settings import remember, remembered
from napari_wbc.gui.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    import napari.viewer

    from napari_wbc.gui.review.widget import ReviewWidget

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
        self.shelf = ModelShelf(self.workspace, self.runner)
        self.controller = FineTuneController(
            self.workspace, self.runner, self.side_runner, LabelSources(JobRunner(self))
        )
        self._build()
        self._wire()
        self.go_live()

    def _build(self) -> None:
        self.source = WrappedLabel(kind="note")
        self.see = QPushButton()
        self.see.setToolTip(tooltips.SEE_MODEL)
        self.labels = LabelBars(GOAL_PER_CLASS)
        self.labels.setToolTip(tooltips.LABEL_GOAL.format(goal=GOAL_PER_CLASS))
        self.places = SourceRows()
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
        self.no_curves = WrappedLabel(kind="note")
        self.verdict = VerdictPanel()
        self.name = QLineEdit()
        self.name.setToolTip(tooltips.MODEL_NAME)
        self.save = QPushButton("Save and use")
        self.save.setToolTip(tooltips.SAVE_MODEL)
        self.own = OwnModelsPanel()
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
            self.see,
            self.labels,
            self.places,
            adding,
            labelling,
            self.preview_line,
            self.bar,
            self.lines.message,
            self.lines.error,
            self.curves,
            self.no_curves,
            self.verdict,
            self.saving,
            self.own,
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
        self._on_judged()

    def _wire(self) -> None:
        control, shelf, own = self.controller, self.shelf, self.own
        self.clear.clicked.connect(lambda *_: control.sources.clear())
        self.places.remove_wanted.connect(control.sources.remove)
        self.next.clicked.connect(lambda *_: self._review().show_order("teaching"))
        self.preview.toggled.connect(control.show_preview)
        self.bar.run_wanted.connect(self._on_run)
        self.bar.cancel_wanted.connect(control.cancel)
        self.save.clicked.connect(lambda *_: self._on_save())
        self.see.clicked.connect(lambda *_: shelf.see(shelf.counting))
        self.verdict.cell_wanted.connect(self._on_cell_wanted)
        self.verdict.class_wanted.connect(lambda name: self._review().show_likely(name))
        own.use_wanted.connect(shelf.use)
        own.card_wanted.connect(lambda name: show_card(self, name))
        own.export_wanted.connect(self._on_export)
        own.delete_wanted.connect(self._on_delete)
        own.import_wanted.connect(self._on_import)
        control.labels_changed.connect(self._on_labels)
        control.reason_changed.connect(self.bar.set_reason)
        control.state_changed.connect(self._on_state)
        control.progress_changed.connect(self.bar.set_progress)
        control.learned.connect(self.curves.add)
        control.judged.connect(self._on_judged)
        control.previewed.connect(lambda line: self.preview_line.set_lines([line]))
        control.preview_failed.connect(lambda _: self.preview.setChecked(False))
        control.message.connect(self.lines.tell)
        shelf.message.connect(self.lines.tell)
        shelf.started.connect(lambda: self.lines.tell("", False))
        shelf.changed.connect(self._on_shelf)

    # ---- showing -------------------------------------------------------------------------------------------

    def _on_labels(self) -> None:
        control = self.controller
        start = f"Starts from the model {control.parent}"
        adapted = (
            "" if control.parent == control.source else f", which {control.source} came from, with all labels"
        )
        self.source.set_lines([f"{start}{adapted}."])
        self.labels.set_counts(control.labels)
        places = control.sources.shown(control.open_folders)
        self.places.show_sources(places)
        self.clear.setVisible(bool(places))
        for part in (self.next, self.preview):
            part.setEnabled(control.session is not None)

    def _on_state(self, state: JobState) -> None:
        self.bar.set_state(state)
        idle = state is JobState.IDLE
        self.own.set_idle(idle)
        for part in (self.save, self.see):
            part.setEnabled(idle)

    def _on_judged(self) -> None:
        adaptation = self.controller.adaptation
        verdict = adaptation.verdict if adaptation is not None else None
        self.verdict.show_verdict(verdict)
        self.verdict.show_lacking(self.controller.lacking)
        self.no_curves.set_lines([])
        if verdict is not None and not self.curves.runs:
            macro = verdict.measures["macro_f1"]
            self.no_curves.set_lines(
                [
                    "Only the last layer was fitted, in one go, so there are no steps to draw. Macro-F1 of cells set "
                    f"aside: {macro.before.value:.2f} before, {macro.after.value:.2f} after."
                ]
            )
        accepted = verdict is not None and verdict.accepted
        self.saving.setVisible(accepted)
        if accepted and adaptation is not None:
            self.name.setText(free_name(f"{adaptation.start.model.name}-adapted"))

    def _on_shelf(self) -> None:
        shelf = self.shelf
        # What was said of another model or image is not true any more.
        self.lines.tell("", False)
        self.own.show_models(shelf.models, shelf.counting)
        seen = shelf.seen_with
        self.see.setText(f"See this review with {shelf.counting} (now: {seen})")
        self.see.setVisible(bool(seen) and seen != shelf.counting)

    # ---- doing ---------------------------------------------------------------------------------------------

    def _on_run(self) -> None:
        self.curves.clear()
        self.controller.run(remembered()["device"])

    def _on_save(self) -> None:
        name = self.controller.save(self.name.text())
        if name:
            self.saving.setVisible(False)
            self.own.fold.expand(animate=False)
            self.shelf.use(name)
            self.own.choose(name)

    def _on_export(self, name: str) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self, f"Export {name}", str(Path(self._folder()) / f"{name}{SUFFIX}"), f"Lab adapters (*{SUFFIX})"
        )
        if chosen:
            file = Path(chosen)
            self.shelf.export(name, file if file.suffix == SUFFIX else file.with_name(file.name + SUFFIX))

    def _on_import(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Import a lab adapter", self._folder(), f"Lab adapters (*{SUFFIX})"
        )
        adapter = self.shelf.read(Path(chosen)) if chosen else None
        if adapter is None:
            return
        answer = ask_import(self, adapter, free_name(adapter.name or adapter.file.stem))
        if answer is not None:
            self.shelf.install(adapter, answer[0], use=answer[1])

    def _on_delete(self, name: str) -> None:
        if asked(self, "Delete a model", f"Delete {name} for good? Reviews and labels stay where they are."):
            self.shelf.delete(name)

    def _review(self) -> ReviewWidget:
        review: ReviewWidget = open_widget(self.workspace.viewer, "Review cells")
        return review

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
            self.controller.sources.add(LabelPlace(Path(chosen), um_per_px))
            self.controller.sources.remember()

    def _folder(self) -> str:
        return str(remembered()["open_folder"])

    # ---- coming and going ----------------------------------------------------------------------------------

    def connect_all(self) -> None:
        """Begin to listen."""
        self.workspace.model_wanted.connect(_remember_model)
        self.shelf.connect()
        self.controller.connect()
        self._on_shelf()

    def disconnect_all(self) -> None:
        """End every job and stop listening."""
        self.preview.setChecked(False)
        self.controller.disconnect()
        self.shelf.disconnect()
        self.workspace.model_wanted.disconnect(_remember_model)


def _remember_model(name: str) -> None:
    remember(model=name)


def _line(widget: QWidget, *parts: Any) -> None:
    layout = QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part)
