"""A command of napari-wbc in a process of its own, that can be killed at any moment, or before any change of a file."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Imported once, so that a kill costs the time of the command and not that of its libraries.
PRELOADED = (
    "benchmarks.reliability.jobs", "napari_wbc.cli.main", "napari_wbc.pipeline", "napari_wbc.batch",
    "napari_wbc.cohort",
    "napari_wbc.cohort.page", "napari_wbc.differential.report", "napari_wbc.exchange.formats", "torch",
    "onnxruntime", "napari_wbc.segmentation.segment", "napari_wbc.segmentation.kernels", "skimage.measure",
    "napari_wbc.training.train", "napari_wbc.adaptation.adapt", "napari_wbc.review.session", "napari_wbc.review.folder",
)  # fmt: skip
#: Calls that change what a folder holds, as Python's audit events name them.
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"}
#: How often to look at the workers of a command, and how long until it is taken to hang, s.
_LOOK_S, _HANGS_S = 0.2, 600.0
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass
class Ended:
    """How a command ended.

    Attributes
    ----------
    code : int
        Exit status; -9 where it was killed.
    said, complained : str
        What it wrote to stdout and stderr.
    seconds : float
        From its beginning to its end.
    changes : int
        Changes of files below the watched folder; 0 where it was killed from outside.
    """

    code: int
    said: str
    complained: str
    seconds: float
    changes: int


class Victim:
    """A command that was started.

    Parameters
    ----------
    work : callable
        A function of a module; what it returns is the exit status.
    arguments : tuple
        Of the function.
    watched : Path
        The folder whose changes are counted.
    folder : Path
        For what it says.
    die_at : int, optional
        Die before this change, counted from 1; 0 never.
    largest_file : int, optional
        Bytes; a longer file cannot be written (RLIMIT_FSIZE). 0: no limit.
    """

    def __init__(
        self,
        work: Any,
        arguments: tuple[Any, ...],
        watched: Path,
        folder: Path,
        *,
        die_at: int = 0,
        largest_file: int = 0,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(PRELOADED))
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("out", "err", "changes"):
            (folder / name).write_text("")
        self._ready, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_run,
            args=(work, arguments, str(watched.absolute()), str(folder), die_at, largest_file, theirs),
        )
        self._process.start()
        theirs.close()
        with contextlib.suppress(EOFError):
            self._ready.recv()
        self._began = time.perf_counter()

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill it without a warning."""
        self._process.kill()

    def wait(self, timeout: float) -> Ended | None:
        """Wait so many seconds for its end; None where it still runs then."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            return None
        said, complained, changes = (
            (self._folder / name).read_text(encoding="utf-8") for name in ("out", "err", "changes")
        )
        return Ended(code, said, complained, time.perf_counter() - self._began, int(changes or 0))


def ended(victim: Victim) -> Ended:
    """Wait for the end of a command that ends by itself."""
    result = victim.wait(_HANGS_S)
    if result is None:
        victim.kill()
        raise TimeoutError("the command hangs")
    return result


def _run(
    work: Any,
    arguments: tuple[Any, ...],
    watched: str,
    folder: str,
    die_at: int,
    largest_file: int,
    ready: Any,
) -> None:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_APPEND), number)
    changes = 0

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal changes
        if event == "open":
            if not (isinstance(args[2], int) and args[2] & _WRITES):
                return
        elif event not in _CHANGES:
            return
        place = args[0]
        if isinstance(place, int):
            with contextlib.suppress(OSError):
                place = Path(f"/proc/self/fd/{place}").readlink()
        if isinstance(place, int) or not str(Path(os.fsdecode(place)).absolute()).startswith(watched):
            return
        changes += 1
        if changes == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    ready.send(None)
    code = 1
    try:
        code = work(*arguments)
    finally:
        if largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        Path(folder, "changes").write_text(str(changes))
        sys.stdout.flush()
        sys.stderr.flush()
    sys.exit(code)


def descendants(pid: int) -> list[Any]:
    """Worker processes of a command."""
    import psutil

    try:
        every = psutil.Process(pid).children(recursive=True)
        return [p for p in every if "resource_tracker" not in " ".join(p.cmdline())]
    except psutil.NoSuchProcess:
        return []


def outliving(victim: Victim, *, kill: bool) -> int:
    """Wait for the end of a command, which is killed now or ends by itself, and count the workers that go on.

    Those that do not end within half a minute are killed.
    """
    import psutil

    workers = {process.pid: process for process in descendants(victim.pid)}
    if kill:
        victim.kill()
    end = time.monotonic() + _HANGS_S
    while victim.wait(_LOOK_S) is None and time.monotonic() < end:
        # Nobody knows afterwards whose they were.
        workers |= {process.pid: process for process in descendants(victim.pid)}
    alive = psutil.wait_procs(list(workers.values()), timeout=30)[1]
    for process in alive:
        process.kill()
    return len(alive)
