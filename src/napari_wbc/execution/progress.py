"""Progress events and the token that cancels a job: what every long job shares."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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


_present: ContextVar[CancelToken | None] = ContextVar("present cancel token", default=None)


@contextmanager
def cancelled_by(cancel: CancelToken) -> Iterator[None]:
    """Let a token also stop what has none at hand: see :func:`check_cancelled`.

    Parameters
    ----------
    cancel : CancelToken
        Of the job; it holds in this thread only, until the block ends.
    """
    before = _present.set(cancel)
    try:
        yield
    finally:
        _present.reset(before)


def check_cancelled() -> None:
    """Raise :class:`~napari_wbc.errors.Cancelled` when the present job was asked to stop.

    For long steps deep inside a job that is also done elsewhere, where no token can be sent to; there it does nothing.

    Examples
    --------
    >>> cancel = CancelToken()
    >>> cancel.cancel()
    >>> check_cancelled()
    >>> with cancelled_by(cancel):
    ...     check_cancelled()
    Traceback (most recent call last):
    napari_wbc.errors.Cancelled
    """
    cancel = _present.get()
    if cancel is not None:
        cancel.check()
