"""Progress events and the token that cancels a job: what every long job shares."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from napari_wbc.errors import Cancelled


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage of a job is.

    Attributes
    ----------
    stage : str
        What is going on, in words for a user ("Finding cells").
    done, total : int
        Units finished and in all; ``total`` 0 means that it is not known.
    unit : str
        What is counted ("tile", "cell", "step").
    """

    stage: str
    done: int
    total: int
    unit: str = "step"


ProgressCallback = Callable[[Progress], None]


class CancelToken:
    """Set from any thread to stop a job at its next tile or batch."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the job to stop."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise :class:`~napari_wbc.errors.Cancelled` when the job was asked to stop."""
        if self._event.is_set():
            raise Cancelled
