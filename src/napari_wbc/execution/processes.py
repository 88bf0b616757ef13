"""A pool of processes on this computer; one that dies is replaced."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from napari_wbc.errors import is_memory_error

#: One thread per process: the processes share the cores, and libraries must not start threads for each of them.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "DASK_SCHEDULER": "synchronous",
    "ZARR_THREADING__MAX_WORKERS": "1",
}


class Processes:
    """Does tasks in processes of this computer.

    Parameters
    ----------
    work : callable
        ``work(shared, task)``.
    shared : object
        Pickled into every process when it starts, and unpacked there with its first task.
    workers : int
        How many processes.
    """

    lost = (BrokenProcessPool,)

    def __init__(self, work: Callable[[Any, Any], Any], shared: Any, workers: int) -> None:
        self._job, self._workers = _Job(work, shared), workers
        self._pool = self._new_pool()

    @property
    def slots(self) -> int:
        """One task per process, and one to go on with."""
        return 2 * self._workers

    def submit(self, task: Any) -> Future[Any]:
        """Begin a task; a pool that lost a process is replaced first."""
        try:
            return self._submit(task)
        except BrokenProcessPool:
            self._pool.shutdown(wait=True)
            self._pool = self._new_pool()
            return self._submit(task)

    def check(self) -> None:
        """Do nothing: processes that died are replaced when the next task comes."""

    def close(self, *, at_once: bool) -> None:
        """End the processes."""
        if at_once:
            # They only read, so what they are doing can be dropped, also in those that are still starting.
            # (From Python 3.14 on, the pool has terminate_workers for this.)
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _new_pool(self) -> ProcessPoolExecutor:
        # Spawned, not forked: a fork of a process with threads (a viewer, torch) may hang.
        return ProcessPoolExecutor(
            self._workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(self._job,),
        )

    def _submit(self, task: Any) -> Future[Any]:
        # The pool starts its processes here.
        with _surroundings_of_workers():
            return self._pool.submit(_do, pickle.dumps(task))


@contextmanager
def _surroundings_of_workers() -> Iterator[None]:
    """Start processes with one thread for numerics, and without Ctrl-C: it reaches all of them, and one decides."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    masks = hasattr(signal, "pthread_sigmask")
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else set()
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Job:
    """Work and what all its tasks share; in a worker process they are unpacked with the first task.

    What goes wrong there (no memory for the libraries, a slide that is gone) is then an error of that task, which
    arrives here: a process that fails while it starts, or while the pool unpacks a task, would print its traceback
    and die.
    """

    def __init__(self, work: Callable[[Any, Any], Any], shared: Any) -> None:
        self._unpacked: tuple[Callable[[Any, Any], Any], Any] | None = (work, shared)
        self._packed = b""

    def __getstate__(self) -> bytes:
        return pickle.dumps(self._unpacked)

    def __setstate__(self, packed: bytes) -> None:
        self._unpacked, self._packed = None, packed

    def do(self, task: bytes) -> Any:
        """Unpack a task and do it."""
        if self._unpacked is None:
            self._unpacked = pickle.loads(self._packed)  # noqa: S301 - from the process that started this one
            self._packed = b""
        work, shared = self._unpacked
        return work(shared, pickle.loads(task))  # noqa: S301 - from there, too


_job: _Job | None = None


def _start(job: _Job) -> None:
    """Prepare a worker process."""
    global _job
    _job = job
    try:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    except RuntimeError:
        # No memory for a thread: the pool would print a traceback, but sees to a worker that ended by itself.
        os._exit(1)


def _end_with_parent() -> None:
    """Wait for the end of the process that started this one: killed, it can tell nobody to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(task: bytes) -> Any:
    assert _job is not None
    try:
        return _job.do(task)
    except Exception as error:
        if not is_memory_error(error):
            raise
    # Out here what the task held is let go of: there is room to say it.
    raise MemoryError
