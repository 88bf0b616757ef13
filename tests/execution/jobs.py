"""Work for the tests of the engines: workers import it, so it lies in a file of its own."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any


def note(shared: Path, task: int) -> tuple[int, int]:
    """Leave a file that says who did a task, and for the how manieth time."""
    times = len(list(shared.glob(f"{task}.*"))) + 1
    (shared / f"{task}.{times}").write_text(str(os.getpid()))
    return task, os.getpid()


def note_slowly(shared: Path, task: int) -> tuple[int, int]:
    noted = note(shared, task)
    time.sleep(0.05)
    return noted


def die_over_first(shared: Path, task: int) -> int:
    """Kill the worker when it does task 3 for the first time."""
    note(shared, task)
    if task == 3 and not (shared / "3.2").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def die_over_third(shared: Path, task: int) -> int:
    """Kill the worker whenever it does task 3."""
    note(shared, task)
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def want_too_much(shared: Path, task: int) -> int:
    """Ask for more memory than there is."""
    return len(bytearray(1 << 60)) if task == 3 else task


def sleep_long(shared: Path, task: int) -> int:
    note(shared, task)
    time.sleep(60)
    return task


def sleep_a_while(shared: Path, task: int) -> int:
    note(shared, task)
    time.sleep(4)
    return task


def fail(shared: Path, task: int) -> int:
    if task == 3:
        raise ZeroDivisionError("task 3")
    return task


def surroundings(shared: Any, task: int) -> tuple[str | None, str | None]:
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("DASK_SCHEDULER")
