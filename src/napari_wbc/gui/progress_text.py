"""How a running job is put into words: stage, count, rate and time left."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from napari_wbc.execution.progress import Progress

# Rates of the first moments jump about; nothing is foretold before this.
_SETTLE_S = 1.0


class ProgressText:
    """Turns progress events into a line of text.

    Parameters
    ----------
    clock : callable, optional
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._stage = ""
        self._started = 0.0
        self._first_done = 0

    def line(self, progress: Progress) -> str:
        """Give the line for an event.

        Parameters
        ----------
        progress : Progress
            The newest event.

        Returns
        -------
        str
            ``"Finding cells · 12 of 40 tiles · 3.1 tiles/s · 9 s left"``; rate and time left come when they
            are known.

        Examples
        --------
        >>> seconds = iter([0.0, 4.0])
        >>> text = ProgressText(lambda: next(seconds))
        >>> text.line(Progress("Finding cells", 0, 40, "tile"))
        'Finding cells · 0 of 40 tiles'
        >>> text.line(Progress("Finding cells", 10, 40, "tile"))
        'Finding cells · 10 of 40 tiles · 2.5 tiles/s · 12 s left'
        """
        now = self._clock()
        if progress.stage != self._stage:
            self._stage, self._started, self._first_done = progress.stage, now, progress.done
        if progress.total <= 0:
            return f"{progress.stage} …"
        unit = progress.unit if progress.total == 1 else f"{progress.unit}s"
        parts = [progress.stage, f"{progress.done:,} of {progress.total:,} {unit}"]
        seconds, done = now - self._started, progress.done - self._first_done
        if seconds >= _SETTLE_S and done > 0:
            rate = done / seconds
            parts.append(
                f"{rate:.1f} {progress.unit}s/s" if rate >= 0.1 else f"{1 / rate:.0f} s per {progress.unit}"
            )
        left = time_left(seconds, done, progress.total - self._first_done)
        return " · ".join([*parts, left] if left else parts)


def time_left(seconds: float, done: float, total: float) -> str:
    """Say how much longer a job takes that goes on as it went so far; empty where that is not known yet.

    Parameters
    ----------
    seconds : float
        That it took so far.
    done, total : float
        Units finished and in all; parts of a unit count.

    Examples
    --------
    >>> time_left(30.0, 1.5, 6.0), time_left(0.2, 1.5, 6.0), time_left(30.0, 0.0, 6.0)
    ('1 min 30 s left', '', '')
    """
    if seconds < _SETTLE_S or not 0 < done < total:
        return ""
    return f"{duration((total - done) / done * seconds)} left"


def duration(seconds: float) -> str:
    """Give a duration in the coarsest unit that still says something.

    Examples
    --------
    >>> duration(9.4), duration(130), duration(7400)
    ('9 s', '2 min 10 s', '2 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
