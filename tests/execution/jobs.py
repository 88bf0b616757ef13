"""Work for the tests of the engines: workers import it, so it lies in a file of its own."""

from __future__ import annotations

import os
import pickle
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


def import_what_is_not_there(shared: Any, task: int) -> None:
    import no_such_module  # noqa: F401


def find_no_room_for_a_library(shared: Any, task: int) -> None:
    raise ImportError("libx.so: failed to map segment from shared object")


def have_no_luck(shared: Any, task: int) -> None:
    raise RuntimeError("no luck")


class Unopened:
    """Something that cannot be opened where it is unpacked, and the error that says so."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _refuse, (pickle.dumps(self.error),)


def _refuse(error: bytes) -> None:
    raise pickle.loads(error)


def surroundings(shared: Any, task: int) -> tuple[str | None, str | None]:
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("DASK_SCHEDULER")
