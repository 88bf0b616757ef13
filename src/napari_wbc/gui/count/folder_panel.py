"""The window that counts a folder of images: the view; what it does is in :mod:`.folder_counts`."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QUrl, Signal
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_wbc.batch_table import COUNTS_FILE
from napari_wbc.cohort import PAGE_FILE
from napari_wbc.differential.wording import cells_text
from napari_wbc.exchange.patient_names import patient_name_warning
from napari_wbc.execution.progress import Progress
from napari_wbc.gui import tooltips
from napari_wbc.gui.count.choices import Choices
from napari_wbc.gui.count.folder_counts import (
    FolderCounts,
    ImageRow,
    ImageState,
    choices_text,
    folder_options,
    folder_steps,
)
from napari_wbc.gui.count.folder_table import FolderTable
from napari_wbc.gui.count.together_line import TogetherLine
from napari_wbc.gui.jobs import Job, JobRunner, JobState
from napari_wbc.gui.message_lines import research_line
from napari_wbc.gui.progress_text import ProgressText
from napari_wbc.gui.settings import remember, remembered
from napari_wbc.gui.theme_colours import Ink, ink
from napari_wbc.gui.wrapped_label import WrappedLabel

_BUTTON = {JobState.IDLE: "Count", JobState.RUNNING: "Cancel", JobState.CANCELLING: "Cancelling…"}
#: Thousandths, so that the bar moves also within an image.
_BAR_STEPS = 1000


class FolderPanel(QDialog):
    """Counts every image of a folder.

    Signals
    -------
    open_wanted(str, pathlib.Path)
        The path of an image that is to be opened in the viewer, and the folder of its results.
    """

    open_wanted = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.counts = FolderCounts()
        self.runner = JobRunner(self)
        self._choices = Choices()
        self._text = ProgressText()
        self._build()
        self._wire()
        self._on_state(self.runner.state)
        self._tell()

    def _build(self) -> None:
        self.setWindowTitle("Count a folder of images")
        self.resize(900, 620)
        self.images = _place(tooltips.FOLDER_IMAGES, "Folder of the images")
        self.out = _place(tooltips.FOLDER_RESULTS, "Folder for the results")
        self.choose_images = QPushButton("Choose…")
        self.choose_out = QPushButton("Choose…")
        self.choices_line = WrappedLabel(kind="note")
        self.choices_line.setToolTip(tooltips.FOLDER_CHOICES)
        self.resume = QCheckBox("Go on where an earlier count left off")
        self.resume.setToolTip(tooltips.FOLDER_RESUME)
        self.resume.setChecked(True)
        self.names = WrappedLabel(kind="warning")
        self.table = FolderTable()
        self.together = TogetherLine()
        self.link = QLabel()
        self.link.setTextFormat(Qt.TextFormat.RichText)
        self.link.setOpenExternalLinks(True)
        self.link.setWordWrap(True)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(8)
        self.progress.setRange(0, _BAR_STEPS)
        self.total_line = WrappedLabel()
        self.stage_line = WrappedLabel(kind="note")
        self.reason = WrappedLabel(kind="note")
        self.error = WrappedLabel(kind="error")
        self.run = QPushButton()
        self.run.setMinimumHeight(28)
        self.copy = QPushButton("Copy as text")
        self.copy.setToolTip(tooltips.FOLDER_COPY)
        self.leave = QPushButton("Close")

        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for title, field, button in (
            ("Images", self.images, self.choose_images),
            ("Results", self.out, self.choose_out),
        ):
            row = QHBoxLayout()
            row.addWidget(field, 1)
            row.addWidget(button)
            form.addRow(title, row)
        buttons = QHBoxLayout()
        buttons.addWidget(self.run, 1)
        buttons.addWidget(self.copy)
        buttons.addWidget(self.leave)
        for button in (self.run, self.copy, self.leave, self.choose_images, self.choose_out):
            # Enter in a field ends the typing; it must not start a count or close the window.
            button.setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.choices_line)
        layout.addWidget(self.resume)
        layout.addWidget(self.names)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.together)
        for widget in (self.link, self.progress, self.total_line, self.stage_line, self.reason, self.error):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(research_line())

    def _wire(self) -> None:
        self.choose_images.clicked.connect(self._ask_images)
        self.choose_out.clicked.connect(self._ask_out)
        self.images.editingFinished.connect(self._on_images)
        self.out.textChanged.connect(lambda *_: self._tell())
        self.run.clicked.connect(self._on_run)
        self.copy.clicked.connect(lambda *_: QApplication.clipboard().setText(self.counts.text()))
        self.leave.clicked.connect(self.reject)
        self.table.opened.connect(self._open)
        self.table.itemSelectionChanged.connect(self._show_chosen)
        self.runner.state_changed.connect(self._on_state)
        self.runner.arrived.connect(self._on_event)
        self.runner.finished.connect(lambda _: self._on_end())
        self.runner.cancelled.connect(lambda: self._on_end("Cancelled."))
        self.runner.failed.connect(lambda line: self._on_end(error=line))

    # ---- choosing ------------------------------------------------------------------------------------------

    def set_choices(self, choices: Choices) -> None:
        """Take the choices of the form; a count that runs goes on with those that it began with, and says so."""
        self._choices = choices
        self._tell()

    def set_folders(self, images: str, out: str = "") -> None:
        """Choose the folder of the images, and the one for the results; without it, ``counts`` within the first."""
        self.images.setText(images)
        self.out.setText(out or str(Path(images) / "counts"))
        self._on_images()

    def _ask_images(self) -> None:
        start = self.images.text() or remembered()["open_folder"]
        chosen = QFileDialog.getExistingDirectory(self, "Folder of the images", start)
        if chosen:
            self.set_folders(chosen)

    def _ask_out(self) -> None:
        start = self.out.text() or remembered()["save_folder"]
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the results", start)
        if chosen:
            self.out.setText(chosen)

    def _on_images(self) -> None:
        self.counts.look_at(self.images.text().strip())
        self.names.set_lines([patient_name_warning([row.path for row in self.counts.rows])])
        self._fill()
        self._tell()

    # ---- running -------------------------------------------------------------------------------------------

    def _on_run(self) -> None:
        if self.runner.state is JobState.RUNNING:
            self.runner.cancel()
            return
        # Files may have come and gone since the folder was chosen.
        self.counts.look_at(self.images.text().strip())
        self._tell()
        if self.runner.state is not JobState.IDLE or self.reason.text():
            return
        images, out = [str(row.path) for row in self.counts.rows], Path(self.out.text().strip())
        remember(open_folder=self.images.text().strip(), save_folder=str(out))
        options, resume = folder_options(self._choices), self.resume.isChecked()
        self._text = ProgressText()
        self.error.set_lines([])
        self.counts.begin()
        self._fill()
        self.runner.start(
            Job(
                f"Counting {self.images.text()}",
                lambda cancel: folder_steps(images, out, options, resume, cancel),
            )
        )
        self._show_total()

    def _on_event(self, event: Any) -> None:
        number = self.counts.take(event)
        if isinstance(event, Progress):
            self.stage_line.set_lines([self._text.line(event)])
        if number is not None:
            self.table.show_row(number, self.counts.rows[number])
            if self.counts.rows[number].state is ImageState.COUNTING and not isinstance(event, Progress):
                self._text = ProgressText()
                self._show_together()
                self.table.bring_to_sight(number)
        self._show_total()

    def _on_end(self, line: str = "", error: str = "") -> None:
        self.counts.stop()
        for number in range(len(self.counts.rows)):
            self.table.show_row(number, self.counts.rows[number])
        self._show_total()
        self.stage_line.set_lines([line])
        self.error.set_lines([error])
        self._show_chosen()

    def _on_state(self, state: JobState) -> None:
        busy = state is not JobState.IDLE
        self.run.setText(_BUTTON[state])
        self.run.setToolTip(tooltips.CANCEL if busy else tooltips.FOLDER_RUN)
        for widget in (self.images, self.out, self.choose_images, self.choose_out, self.resume):
            widget.setEnabled(not busy)
        self.progress.setVisible(busy)
        if state is JobState.CANCELLING:
            self.stage_line.set_lines(["stopping …"])
        self._tell()

    def _tell(self) -> None:
        """Say why the count cannot start."""
        state = self.runner.state
        reason = self.counts.reason(self.images.text().strip(), self.out.text().strip(), self._choices)
        self.reason.set_lines([reason] if state is JobState.IDLE else [])
        if state is JobState.IDLE:
            self.choices_line.set_lines([choices_text(self._choices)])
        self.run.setEnabled(state is JobState.RUNNING or (state is JobState.IDLE and not reason))

    # ---- showing -------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        rows = self.counts.rows
        self.table.set_rows(rows)
        self.total_line.set_lines([cells_text(len(rows), "image")] if rows else [])
        self.copy.setEnabled(False)
        self._show_chosen()

    def _show_total(self) -> None:
        rows = self.counts.rows
        running = self.runner.state is not JobState.IDLE
        self.total_line.set_lines([self.counts.total_line(running=running)])
        part = self.counts.ended + sum(row.share for row in rows if row.state is ImageState.COUNTING)
        self.progress.setValue(round(_BAR_STEPS * part / max(1, len(rows))))
        self.copy.setEnabled(any(row.summary is not None for row in rows))

    def _show_chosen(self) -> None:
        self._show_together()
        self._show_link()

    def _show_together(self) -> None:
        result, selected = self.counts.together(self.table.selected)
        self.together.show_together(result, selected=selected)

    def _show_link(self) -> None:
        """Link to the results of the chosen image, and to the table of all."""
        parts = []
        row = self._chosen()
        if row is not None and row.folder is not None:
            name = escape(row.path.name)
            report = self._link_to(row.folder / "report.html", "report")
            parts += [f"{name}: {self._link_to(row.folder, 'results')}, {report}"]
        table = Path(self.out.text().strip()) / COUNTS_FILE
        if self.counts.ended and self.runner.state is JobState.IDLE and table.is_file():
            folder = self._link_to(table.parent, "results")
            page = self._link_to(table.parent / PAGE_FILE, "side by side")
            parts += [f"All images: {folder}, {page}, {self._link_to(table, COUNTS_FILE)}"]
        self.link.setText(" &nbsp;·&nbsp; ".join(parts))
        self.link.setVisible(bool(parts))

    def _link_to(self, path: Path, text: str) -> str:
        place = escape(QUrl.fromLocalFile(str(path)).toString())
        # Qt's own blue cannot be read on the dark theme.
        return f'<a href="{place}" style="color: {ink(Ink.LINK, self).name()}">{escape(text)}</a>'

    def _chosen(self) -> ImageRow | None:
        number = self.table.currentRow()
        return self.counts.rows[number] if 0 <= number < len(self.counts.rows) else None

    def _open(self, number: int) -> None:
        row = self.counts.rows[number] if 0 <= number < len(self.counts.rows) else None
        if row is not None and row.folder is not None:
            self.open_wanted.emit(str(row.path), row.folder)

    # ---- going ---------------------------------------------------------------------------------------------

    def reject(self) -> None:
        """Close the window; a count that runs is cancelled when the user says so."""
        if self.runner.state is not JobState.IDLE:
            answer = QMessageBox.question(
                self,
                "Count a folder of images",
                "Stop counting? Images that are counted keep their results, and the next count can go on from there.",
            )
            if answer != QMessageBox.StandardButton.Yes:
                return
        self.stop()
        super().reject()

    def stop(self) -> None:
        """End the count, without asking."""
        if self.runner.state is not JobState.IDLE:
            self.runner.shutdown()
            self._on_end("Cancelled.")


def _place(tooltip: str, hint: str) -> QLineEdit:
    field = QLineEdit()
    field.setPlaceholderText(hint)
    field.setToolTip(tooltip)
    return field
