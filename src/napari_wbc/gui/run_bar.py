"""The Run button of a dock widget, with all that is to be said of its job: why it cannot start, and how far it is."""

from __future__ import annotations

from time import monotonic

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_wbc.gui import tooltips
from napari_wbc.gui.job import JobState
from napari_wbc.gui.progress_text import duration
from napari_wbc.gui.wrapped_label import WrappedLabel


class RunBar(QWidget):
    """A button that runs and cancels, with reason and progress below it.

    Parameters
    ----------
    title : str
        Of the button while nothing runs.
    tooltip : str
        What it does.

    Signals
    -------
    run_wanted()
        The button was pressed while nothing ran.
    cancel_wanted()
        It was pressed while the job ran.
    """

    run_wanted = Signal()
    cancel_wanted = Signal()

    def __init__(self, title: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._tooltip = title, tooltip
        self._state, self._why_not = JobState.IDLE, ""
        self._stage, self._stage_began = "", 0.0
        self.button = QPushButton()
        self.button.setObjectName("wbc-run")
        self.button.setMinimumHeight(30)
        self.reason = WrappedLabel(kind="note")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(8)
        self.progress_line = WrappedLabel(kind="note")
        self._seconds = QTimer(self)
        self._seconds.setInterval(1000)
        self._seconds.timeout.connect(self._tell_seconds)
        self.button.clicked.connect(lambda *_: self._on_clicked())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for widget in (self.button, self.reason, self.progress, self.progress_line):
            layout.addWidget(widget)
        self.set_state(JobState.IDLE)

    def set_reason(self, reason: str) -> None:
        """Say why nothing can be run, which is shown while nothing runs; empty when it can."""
        self._why_not = reason
        idle = self._state is JobState.IDLE
        self.button.setEnabled(self._state is JobState.RUNNING or (idle and not reason))
        self.reason.set_lines([reason] if idle else [])

    def set_state(self, state: JobState) -> None:
        """Follow the job."""
        self._state = state
        names = {JobState.IDLE: self._title, JobState.RUNNING: "Cancel", JobState.CANCELLING: "Cancelling…"}
        self.button.setText(names[state])
        self.button.setToolTip(self._tooltip if state is JobState.IDLE else tooltips.CANCEL)
        self.progress.setVisible(state is not JobState.IDLE)
        if state is not JobState.RUNNING:
            self._seconds.stop()
            self.progress_line.set_lines(["stopping …"] if state is JobState.CANCELLING else [])
        self.set_reason(self._why_not)

    def set_progress(self, line: str, done: int, total: int) -> None:
        """Say how far the job is; with a total of 0, which is not known, how long its stage has been going on."""
        # With a range of 0 to 0 Qt would move the bar all the time, and the whole window with its canvas would be
        # composed anew each time: without a graphics card that takes half of the processor from the job.
        self.progress.setRange(0, total or 1)
        self.progress.setValue(done if total else 0)
        if line != self._stage:
            self._stage, self._stage_began = line, monotonic()
        self.progress_line.set_lines([line])
        if total:
            self._seconds.stop()
        else:
            self._seconds.start()

    def _tell_seconds(self) -> None:
        self.progress_line.set_lines([f"{self._stage} {duration(monotonic() - self._stage_began)}"])

    def _on_clicked(self) -> None:
        if self._state is JobState.RUNNING:
            self.cancel_wanted.emit()
        elif self._state is JobState.IDLE:
            self.run_wanted.emit()
