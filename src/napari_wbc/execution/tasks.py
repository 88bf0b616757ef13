"""Many pieces of work, done in this process, in several, or on a dask cluster: one interface to all three.

:func:`run_tasks` hands out tasks, never more than the workers need to stay busy, so that memory does not grow with
their number. It gives back results as they finish, and does a task again whose worker died.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Literal, Protocol, TypeVar

from napari_wbc.errors import WorkerError, is_memory_error
from napari_wbc.execution.progress import CancelToken, cancelled_by

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")

#: How long a cancel may go unnoticed, s.
_PATIENCE_S = 0.2
#: A task is given up when its worker has died this often: then it is the task that kills them.
_MOST_DEATHS = 3


class Engine(Protocol):
    """A place where tasks are done."""

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """What the future of a task raises when its worker died: the task can be done again."""
        ...

    @property
    def slots(self) -> int:
        """How many tasks to hand out before waiting for one."""
        ...

    def submit(self, task: Any) -> Future[Any]:
        """Begin a task."""
        ...

    def check(self) -> None:
        """Raise WorkerError when there is nobody left to do the tasks."""
        ...

    def close(self, *, at_once: bool) -> None:
        """Let go of the workers; ``at_once`` drops what they are doing."""
        ...


def run_tasks(
    work: Callable[[Shared, Task], Result],
    shared: Shared,
    tasks: Sequence[Task],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    cancel: CancelToken | None = None,
) -> Generator[tuple[Task, Result], None, None]:
    """Do tasks, here or elsewhere.

    Parameters
    ----------
    work : callable
        ``work(shared, task)`` gives the result of a task. A function of a module, so that workers can import it;
        it may be called again for a task whose worker died.
    shared : object
        What all tasks need; sent to every worker once.
    tasks : sequence
        What to do, in the order of beginning.
    workers : int, optional
        Processes on this computer; 1 works in this one.
    scheduler : str, optional
        Address of a dask scheduler, ``tcp://host:8786``; its workers do the tasks then.
    cancel : CancelToken, optional
        Looked at several times a second while others work, and before every task that is done here; such a task can
        look for itself with :func:`~napari_wbc.execution.progress.check_cancelled`.

    Yields
    ------
    tuple of task and result
        In the order of finishing; each task once.

    Raises
    ------
    Cancelled
        When ``cancel`` was set.
    WorkerError
        Workers cannot be reached, have not enough memory, or the same task killed several of them.

    Examples
    --------
    >>> import operator
    >>> list(run_tasks(operator.add, 10, [1, 2]))
    [(1, 11), (2, 12)]
    """
    cancel = cancel or CancelToken()
    cancel.check()
    if not tasks:
        return
    engine = _engine(work, shared, min(workers, len(tasks)), scheduler, cancel)
    waiting, running = deque(tasks), dict[Future[Result], Task]()
    deaths = Counter[int]()
    finished = False
    try:
        while waiting or running:
            while waiting and len(running) < engine.slots:
                task = waiting.popleft()
                running[engine.submit(task)] = task
            cancel.check()
            engine.check()
            if not running:
                time.sleep(_PATIENCE_S)  # no worker has come yet
            for future in wait(running, _PATIENCE_S, FIRST_COMPLETED).done:
                cancel.check()
                task = running.pop(future)
                try:
                    result = future.result()
                except engine.lost:
                    deaths[id(task)] += 1
                    if deaths[id(task)] == _MOST_DEATHS:
                        raise WorkerError(
                            f"worker processes died {_MOST_DEATHS} times over the same piece of work: give fewer "
                            "workers if memory is short; a script needs: if __name__ == '__main__':"
                        ) from None
                    waiting.appendleft(task)
                except Exception as error:
                    if not is_memory_error(error):
                        raise
                    raise WorkerError(
                        "a worker ran out of memory: give fewer workers, or close other programs"
                    ) from None
                else:
                    yield task, result
        finished = True
    finally:
        engine.close(at_once=not finished)


def engine_name(workers: int, scheduler: str | None) -> Literal["this process", "processes", "dask"]:
    """Tell where :func:`run_tasks` does tasks with these options."""
    if scheduler is not None:
        return "dask"
    return "processes" if workers > 1 else "this process"


def _engine(
    work: Callable[[Any, Any], Any], shared: Any, workers: int, scheduler: str | None, cancel: CancelToken
) -> Engine:
    # Each engine brings libraries of its own.
    match engine_name(workers, scheduler):
        case "dask":
            from napari_wbc.execution.cluster import Cluster

            assert scheduler is not None
            return Cluster(work, shared, scheduler)
        case "processes":
            from napari_wbc.execution.processes import Processes

            return Processes(work, shared, workers)
        case "this process":
            return ThisProcess(work, shared, cancel)


class ThisProcess:
    """Does a task at once."""

    lost = ()
    slots = 1

    def __init__(self, work: Callable[[Any, Any], Any], shared: Any, cancel: CancelToken) -> None:
        self._work, self._shared, self._cancel = work, shared, cancel

    def submit(self, task: Any) -> Future[Any]:
        """Do a task."""
        future: Future[Any] = Future()
        with cancelled_by(self._cancel):
            future.set_result(self._work(self._shared, task))
        return future

    def check(self) -> None:
        """Do nothing: there is always this process."""

    def close(self, *, at_once: bool) -> None:
        """Do nothing: nobody else is at work."""
