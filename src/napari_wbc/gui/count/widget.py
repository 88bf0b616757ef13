"""The dock widget "Count leukocytes": the view; what it does is in the controller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_wbc.cell_table import empty_table
from napari_wbc.classification.bundle import list_models
from napari_wbc.differential.profile import profile_names
from napari_wbc.exchange.formats import FORMATS
from napari_wbc.gui import tooltips
from napari_wbc.gui.cell_table_panel import CellTablePanel
from napari_wbc.gui.count.controller import CountController
from napari_wbc.gui.count.folder_panel import FolderPanel
from napari_wbc.gui.count.form import CountForm
from napari_wbc.gui.count.scale_finder import ScaleFinder
from napari_wbc.gui.count.stain_note import stain_details, stain_text
from napari_wbc.gui.differential_panel import DifferentialPanel
from napari_wbc.gui.docked import DockedWidget, open_widget
from napari_wbc.gui.excluded_switch import ExcludedSwitch
from napari_wbc.gui.jobs import JobRunner, JobState
from napari_wbc.gui.legend import Legend
from napari_wbc.gui.marks import Style
from napari_wbc.gui.message_lines import MessageLines, research_line
from napari_wbc.gui.model_card import show_card
from napari_wbc.gui.plain_text import asked
from napari_wbc.gui.region_switch import RegionSwitch
from napari_wbc.gui.run_bar import RunBar
from napari_wbc.gui.settings import remember, remembered
from napari_wbc.gui.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    import napari.viewer

    from napari_wbc.count_result import CountResult
    from napari_wbc.gui.count.choices import ScaleNote
    from napari_wbc.review.edits import Change
    from napari_wbc.segmentation.slide_model import SlideModel

_WIDTH = 400


class CountWidget(DockedWidget):
    """Find, classify and count the leukocytes of an image layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.controller = CountController(self.workspace, JobRunner(self), ScaleFinder(JobRunner(self)))
        self._build()
        self._wire()
        self._recall()
        self.go_live()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """See Qt; on a small screen the dock shrinks and its panels scroll."""
        return super().minimumSizeHint().boundedTo(QSize(_WIDTH, 480))

    def _build(self) -> None:
        self.form = CountForm()
        self.folder = FolderPanel(self)
        self.bar = RunBar("Run", tooltips.RUN)
        self.run, self.reason = self.bar.button, self.bar.reason
        self.progress, self.progress_line = self.bar.progress, self.bar.progress_line
        self.lines = MessageLines()
        self.message, self.error = self.lines.message, self.lines.error
        self.stain = WrappedLabel(kind="note")
        self.stain_warning = WrappedLabel(kind="warning")
        self.name_warning = WrappedLabel(kind="warning")
        self.style_box = QComboBox()
        for style in Style:
            self.style_box.addItem(style.value.capitalize(), style)
        self.style_box.setToolTip(tooltips.STYLE)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(10, 100)
        self.opacity.setToolTip(tooltips.OPACITY)
        self.reopen = QPushButton()
        self.reopen.setToolTip(tooltips.REOPEN)
        self.reopen.setVisible(False)
        self.review = QPushButton("Review cells…")
        self.review.setToolTip(tooltips.REVIEW)
        self.legend = Legend()
        self.excluded = ExcludedSwitch(self.workspace, "Show excluded cells")
        self.regions = RegionSwitch(beside=self.excluded)
        self.results = QWidget()
        self.panel = DifferentialPanel()
        self.cell_list = CellTablePanel()
        self.table = self.cell_list.view
        self.tabs = QTabWidget()
        self.tabs.addTab(self.panel, "Differential")
        self.tabs.addTab(self.cell_list, "Cells")

        self.marks = QWidget()
        marks = QHBoxLayout(self.marks)
        marks.setContentsMargins(0, 0, 0, 0)
        marks.addWidget(QLabel("Marks"))
        marks.addWidget(self.style_box)
        marks.addWidget(self.opacity, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        for widget in (
            self.form,
            self.bar,
            self.reopen,
            self.message,
            self.stain,
            self.stain_warning,
            self.name_warning,
            self.error,
        ):
            layout.addWidget(widget)
        # Without results the place below the form stays empty, and the form at the top.
        layout.addWidget(self.results, 1)
        layout.addWidget(research_line())
        shown = QVBoxLayout(self.results)
        shown.setContentsMargins(0, 0, 0, 0)
        shown.setSpacing(6)
        shown.addWidget(self.marks)
        shown.addWidget(self.legend)
        shown.addWidget(self.regions)
        shown.addWidget(self.review)
        shown.addWidget(self.tabs, 1)
        # Takes the place of the tabs while there is no result yet.
        shown.addStretch(0)
        self.setMinimumWidth(_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._show_results(False)

    def _wire(self) -> None:
        control, form, workspace = self.controller, self.form, self.workspace
        form.changed.connect(self._on_form)
        form.file_chosen.connect(control.opener.open_path)
        form.card_clicked.connect(lambda model: show_card(self, model))
        form.draw_clicked.connect(self._draw_regions)
        form.folder_clicked.connect(self.folder.show)
        form.changed.connect(lambda: self.folder.set_choices(form.choices()))
        self.folder.open_wanted.connect(control.opener.open_counted)
        self.bar.run_wanted.connect(self._on_run)
        self.bar.cancel_wanted.connect(control.cancel)
        self.panel.save_clicked.connect(self._ask_save)
        self.panel.export_wanted.connect(self._ask_export)
        self.legend.hidden_changed.connect(workspace.set_hidden)
        self.style_box.currentIndexChanged.connect(lambda *_: self._on_marks())
        self.opacity.valueChanged.connect(lambda *_: self._on_marks())
        self.regions.toggled.connect(workspace.set_regions)
        self.table.rows_picked.connect(workspace.pick)
        self.table.key_pressed.connect(lambda event: workspace.key_pressed.emit(event, self.table.listed))
        self.review.clicked.connect(self._open_review)
        self.reopen.clicked.connect(lambda: control.reopen())
        workspace.model_wanted.connect(self._on_model_wanted)
        control.layers_changed.connect(lambda: form.set_layers(control.images, control.region_layers))
        control.image_wanted.connect(form.choose_image)
        control.reason_changed.connect(self.bar.set_reason)
        control.scale_changed.connect(self._on_scale)
        control.state_changed.connect(self._on_state)
        control.progress_changed.connect(self.bar.set_progress)
        control.message.connect(self.lines.tell)
        control.stain_changed.connect(self._on_stain)
        control.counts_changed.connect(self._on_counts)
        control.result_changed.connect(self._on_result)
        control.cells_edited.connect(self._on_edited)
        control.selection_changed.connect(self.table.select)
        control.reviews_changed.connect(self._on_reviews)

    # ---- remembering ---------------------------------------------------------------------------------------

    def _recall(self) -> None:
        choices = remembered()
        self.form.open_folder = choices["open_folder"]
        self.form.set_models(list_models(), choices["model"])
        self.form.set_profiles(profile_names(), choices["profile"])
        self.form.device.setCurrentIndex(max(0, self.form.device.findData(choices["device"])))
        self.style_box.setCurrentIndex([s.value for s in Style].index(choices["style"]))
        self.opacity.setValue(round(100 * choices["opacity"]))
        self._on_marks()

    def _remember(self) -> None:
        choices = self.form.choices()
        remember(
            model=choices.model or "robust",
            device=choices.device,
            profile=choices.profile,
            style=self.workspace.style.value,
            opacity=self.workspace.opacity,
            open_folder=self.form.open_folder,
        )

    # ---- the form ------------------------------------------------------------------------------------------

    def _on_form(self) -> None:
        self.controller.choose(self.form.choices())
        self.form.set_note(self.controller.scale_finder.note)
        self.name_warning.set_lines([self.controller.name_warning()])

    def _on_model_wanted(self, name: str) -> None:
        self.form.set_models(list_models(), name)

    def _draw_regions(self) -> None:
        layer = self.controller.draw_regions()
        if layer is not None:
            self.form.choose_regions(layer)

    def _on_scale(self, note: ScaleNote) -> None:
        self.form.set_note(note)

    def _on_run(self) -> None:
        self._remember()
        self.controller.choose(self.form.choices())
        self.controller.run()

    def _on_state(self, state: JobState) -> None:
        self.bar.set_state(state)
        self.bar.set_reason(self.controller.reason())
        busy = state is not JobState.IDLE
        self.form.setEnabled(not busy)
        self.panel.save.setEnabled(not busy)
        self.panel.export.setEnabled(not busy)

    def _on_stain(self, model: SlideModel | None) -> None:
        text, warning = stain_text(model)
        for label, lines in ((self.stain, [] if warning else [text]), (self.stain_warning, [text] * warning)):
            label.set_lines(lines)
            label.setToolTip("" if model is None else stain_details(model))

    # ---- results -------------------------------------------------------------------------------------------

    def _on_counts(self, counts: dict[str, int]) -> None:
        self.legend.set_counts(counts)
        # While cells appear, there is no differential yet.
        for widget in (self.marks, self.legend):
            widget.setVisible(bool(counts) or self.controller.result is not None)

    def _on_result(self, result: CountResult | None) -> None:
        if result is None:
            self.panel.clear()
            self.table.set_cells(empty_table([]))
        else:
            self.panel.show_differential(result.differential)
            self.table.set_cells(result.cells)
        self._show_results(result is not None)

    def _on_edited(self, change: Change) -> None:
        result = self.controller.result
        if result is not None:
            self.panel.show_differential(result.differential)
            self.table.update_rows(result.cells, change.rows)

    def _on_reviews(self, text: str) -> None:
        self.reopen.setText(text)
        self.reopen.setVisible(bool(text))

    def _open_review(self) -> None:
        open_widget(self.workspace.viewer, "Review cells")

    def _show_results(self, there: bool) -> None:
        for widget in (self.marks, self.legend, self.regions, self.review, self.tabs):
            widget.setVisible(there)

    def _on_marks(self) -> None:
        self.workspace.set_marks(self.style_box.currentData(), self.opacity.value() / 100)

    def _ask_save(self) -> None:
        result = self.controller.result
        if result is None:
            return
        start = remembered()["save_folder"] or self.form.open_folder
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the results", start)
        if not chosen:
            return
        remember(save_folder=chosen)
        folder = Path(chosen) / result.slide.name
        if folder.exists() and not asked(self, "Save results", f"Replace the results in {folder}?"):
            return
        self.controller.save(folder)

    def _ask_export(self, name: str) -> None:
        result = self.controller.result
        if result is None:
            return
        fmt = FORMATS[name]
        start = Path(remembered()["save_folder"] or self.form.open_folder) / f"{result.slide.name}.{fmt.file}"
        chosen, _ = QFileDialog.getSaveFileName(self, fmt.title, str(start), f"{fmt.title} (*{start.suffix})")
        if chosen:
            remember(save_folder=str(Path(chosen).parent))
            self.controller.export(fmt, chosen)

    # ---- coming and going ----------------------------------------------------------------------------------

    def connect_all(self) -> None:
        """Begin to listen."""
        self.controller.connect_viewer()

    def disconnect_all(self) -> None:
        """End every job and stop listening."""
        self._remember()
        self.folder.stop()
        self.folder.hide()
        self.controller.shutdown()
