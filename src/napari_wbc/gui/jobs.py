"""The one job system of the dock widgets: a generator runs in a thread, its events arrive on the GUI thread.

The worker puts plain Python objects into a queue and never sees Qt or the viewer; a timer on the GUI thread
empties the queue. So nothing can be delivered to a widget that is gone, and a flood of progress events
costs one redraw per tick.
"""

from __future__ import annotations

import logging
import threading
import weakref
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal

from napari_wbc.errors import Cancelled, WbcError, one_line
from napari_wbc.execution.progress import CancelToken, Progress
from napari_wbc.gui.job import Job, JobState

__all__ = ["Job", "JobRunner", "JobState"]

_log = logging.getLogger(__name__)
#: How often the queue is emptied.
TICK_MS = 40
#: One tick handles no more than this much, so that the window stays alive while events pour in.
_BUDGET_S = 0.02


class _Outcome(Enum):
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass
class _Running:
    job: Job
    cancel: CancelToken
    queue: SimpleQueue[Any]
    thread: threading.Thread


class JobRunner(QObject):
    """Runs one job at a time.

    Signals
    -------
    state_changed(JobState)
        Idle, running or cancelling.
    arrived(object)
        What the generator yielded; of several :class:`~napari_wbc.execution.Progress` at once only the last.
    finished(object)
        The last event of a job that ended by itself.
    failed(str)
        One plain line about what went wrong.
    cancelled()
        The job stopped because it was asked to.
    """

    state_changed = Signal(object)
    arrived = Signal(object)
    finished = Signal(object)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: _Running | None = None
        self._state = JobState.IDLE
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._empty_queue)
        # However the widget goes - closed, deleted with its window, or the program ends - the job is told.
        tokens = self._tokens = set[CancelToken]()
        weakref.finalize(self, _cancel_all, tokens)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.shutdown)

    @property
    def state(self) -> JobState:
        """Idle, running or cancelling."""
        return self._state

    @property
    def job(self) -> Job | None:
        """The current job."""
        return self._running.job if self._running else None

    def start(self, job: Job) -> None:
        """Run a job.

        Parameters
        ----------
        job : Job
            What to do.

        Raises
        ------
        RuntimeError
            Another one is running.
        """
        if self._running is not None:
            raise RuntimeError(f"{self._running.job.title!r} is still running")
        cancel, queue = CancelToken(), SimpleQueue[Any]()
        thread = threading.Thread(
            target=_work, args=(job, cancel, queue), name=f"napari-wbc job {job.id}", daemon=True
        )
        self._running = _Running(job, cancel, queue, thread)
        self._tokens.add(cancel)
        thread.start()
        self._timer.start()
        self._set_state(JobState.RUNNING)

    def cancel(self) -> None:
        """Ask the current job to stop; ``cancelled`` tells when it has."""
        if self._running is not None:
            self._running.cancel.cancel()
            self._set_state(JobState.CANCELLING)

    def shutdown(self, wait_s: float = 2.0) -> None:
        """Stop and forget the current job; none of its events arrives any more.

        Parameters
        ----------
        wait_s : float, optional
            How long to wait for its thread; it is left to end by itself after that.
        """
        running = self._end()
        if running is not None:
            running.cancel.cancel()
            running.thread.join(wait_s)
            self._set_state(JobState.IDLE)

    def _end(self) -> _Running | None:
        running, self._running = self._running, None
        self._timer.stop()
        if running is not None:
            self._tokens.discard(running.cancel)
        return running

    def _set_state(self, state: JobState) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    def _empty_queue(self) -> None:
        """Hand on what has come; a slot may start the next job or shut this runner down at any point."""
        deadline = perf_counter() + _BUDGET_S
        running, progress = self._running, None
        while running is not None and self._running is running and perf_counter() < deadline:
            try:
                kind, payload = running.queue.get_nowait()
            except Empty:
                break
            if kind is None and isinstance(payload, Progress):
                progress = payload
                continue
            if progress is not None:
                self._hand_on(running, progress)
                progress = None
            if kind is None:
                self._hand_on(running, payload)
            else:
                self._finish(running, kind, payload)
                return
        if progress is not None and running is not None and self._running is running:
            self._hand_on(running, progress)

    def _hand_on(self, running: _Running, event: Any) -> None:
        if not running.cancel.cancelled and self._running is running:
            self.arrived.emit(event)

    def _finish(self, running: _Running, outcome: _Outcome, payload: Any) -> None:
        # A job that ended before it noticed the cancel counts as cancelled: that is what the user asked for.
        if running.cancel.cancelled:
            outcome = _Outcome.CANCELLED
        self._end()
        self._set_state(JobState.IDLE)
        if outcome is _Outcome.FINISHED:
            self.finished.emit(payload)
        elif outcome is _Outcome.CANCELLED:
            self.cancelled.emit()
        else:
            self.failed.emit(one_line(payload))


def _cancel_all(tokens: set[CancelToken]) -> None:
    for token in tokens:
        token.cancel()


def _work(job: Job, cancel: CancelToken, queue: SimpleQueue[Any]) -> None:
    """Drain the generator; what comes out of it and how it ended goes into the queue."""
    last = None
    try:
        with closing(job.steps(cancel)) as steps:
            for last in steps:
                cancel.check()
                queue.put((None, last))
    except Cancelled:
        queue.put((_Outcome.CANCELLED, None))
    except Exception as error:  # noqa: BLE001 - whatever happens in the thread must reach the user
        if not isinstance(error, WbcError):
            _log.exception("%s failed", job.title)
        queue.put((_Outcome.FAILED, error))
    else:
        queue.put((_Outcome.FINISHED, last))
