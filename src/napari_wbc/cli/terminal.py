"""What the commands say: tables on stdout, progress and errors on stderr."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from napari_wbc.errors import WbcError, expected_line, printable
from napari_wbc.execution.progress import Progress

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class BadUsage(Exception):  # noqa: N818 - a wish that cannot be met, no failure of the program
    """What was asked for cannot be started; ``str(error)`` is one plain line."""


@contextmanager
def before_the_work() -> Iterator[None]:
    """Turn errors into :class:`BadUsage`: nothing has been touched yet, what was asked for has to change."""
    try:
        yield
    except WbcError as error:
        raise BadUsage(str(error)) from error


def report_error(error: Exception, *, about: str | None = None, debug: bool = False) -> None:
    """Say what went wrong in one line; with ``debug`` after the traceback.

    Parameters
    ----------
    error : Exception
        One of ours says itself what to do; any other is named and called unexpected.
    about : str, optional
        The input.
    debug : bool, optional
        Whether to show the traceback.
    """
    if debug:
        traceback.print_exception(error)
    line = str(error) if isinstance(error, WbcError | BadUsage) else expected_line(error)
    if line is not None:
        error_line(line, about=about)
        return
    lines = str(error).strip().splitlines()
    name = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    error_line(f"unexpected {name}; run with --debug for the details, and please report it", about=about)


def error_line(message: str, *, about: str | None = None) -> None:
    """Say one plain line on stderr.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    about : str, optional
        The input; put before the message unless that begins with it already.
    """
    message = printable(" ".join(message.splitlines()))
    if about is not None and not message.startswith(printable(about)):
        message = f"{printable(about)}: {message}"
    _write(f"napari-wbc: {message}", sys.stderr)


def say(text: str) -> None:
    """Write a text to stdout, past any progress bar; names in it act on no terminal."""
    _write("\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n")), sys.stdout)


def _write(text: str, stream: Any) -> None:
    tqdm = sys.modules.get("tqdm")
    if tqdm is not None:
        tqdm.tqdm.write(text, file=stream)
    else:
        print(text, file=stream)
    stream.flush()


class Bars:
    """Progress bars on stderr: one over the inputs where there are several, one for the stage of the current one.

    Parameters
    ----------
    shown : bool
        Whether to draw anything.
    inputs : int, optional
        How many images there are.
    """

    def __init__(self, shown: bool, inputs: int = 1) -> None:
        self._shown = shown
        self._stage: str | None = None
        self._bar: Any = None
        self._inputs = self._new(inputs, "image", "", 0) if inputs > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_stage()
        if self._inputs is not None:
            self._inputs.close()

    def __call__(self, progress: Progress) -> None:
        """Show how far a stage is."""
        if not self._shown:
            return
        if progress.stage != self._stage or (self._bar.total or 0) != progress.total:
            self._end_stage()
            self._stage = progress.stage
            self._bar = self._new(
                progress.total, progress.unit, progress.stage, 1 if self._inputs is not None else 0
            )
        self._bar.update(progress.done - self._bar.n)

    def next_input(self) -> None:
        """Count an input as finished, well or not."""
        self._end_stage()
        if self._inputs is not None:
            self._inputs.update()

    def _new(self, total: int, unit: str, stage: str, position: int) -> Any:
        if not self._shown:
            return None
        from tqdm import tqdm

        return tqdm(
            total=total or None,
            unit=unit,
            desc=stage or None,
            # Without a total there is nothing to draw a bar of.
            bar_format=None if total else "{desc} ...",
            position=position,
            leave=position == 0 and not stage,
            dynamic_ncols=True,
            file=sys.stderr,
        )

    def _end_stage(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, None


def wants_progress(*, asked: bool, quiet: bool) -> bool:
    """Tell whether to draw progress: on a terminal or when asked for, never when quiet."""
    return not quiet and (asked or sys.stderr.isatty())
