"""Work beside the GUI thread as controllers know it: what it is, how far it is, and what runs it. No Qt."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from napari_wbc.execution.progress import CancelToken

_ids = itertools.count(1)

#: Calls a function after so many ms, on the GUI thread: ``QTimer.singleShot``.
Later = Callable[[int, Callable[[], None]], None]


@dataclass(frozen=True)
class Job:
    """Work to do beside the GUI thread.

    Attributes
    ----------
    title : str
        For people: "Counting smear.png".
    steps : callable
        Takes a :class:`~napari_wbc.execution.CancelToken` and gives a generator of events, the last of which is
        the result. It runs in the worker thread and must not touch viewer, layers or widgets.
    id : int
        Counts up; events of any job but the current one are dropped.
    """

    title: str
    steps: Callable[[CancelToken], Generator[Any]]
    id: int = field(default_factory=lambda: next(_ids))


class JobState(Enum):
    """What the Run button goes by."""

    IDLE = "idle"
    RUNNING = "running"
    CANCELLING = "cancelling"


class Runner(Protocol):
    """Runs one job at a time; :class:`~napari_wbc.gui.jobs.JobRunner` says more.

    The signals have a method ``connect``.
    """

    state_changed: Any
    arrived: Any
    finished: Any
    failed: Any
    cancelled: Any

    @property
    def state(self) -> JobState:
        """Idle, running or cancelling."""
        ...

    def start(self, job: Job) -> None:
        """Run a job."""
        ...

    def cancel(self) -> None:
        """Ask the current job to stop."""
        ...

    def shutdown(self, wait_s: float = 2.0) -> None:
        """Stop and forget the current job."""
        ...
