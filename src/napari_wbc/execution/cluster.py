"""The workers of a dask scheduler (extra ``distributed``), on this computer or on others.

Dask hands a task whose worker died to another one, and computes a result again that was lost with its worker.
"""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from napari_wbc.errors import InputError, WbcError, WorkerError, first_line, is_memory_error
from napari_wbc.version import __version__

if TYPE_CHECKING:
    import distributed

#: A scheduler that does not answer within this time is not there, s.
_CONNECT_S = 10
#: How long to wait for a worker to come, at the beginning or after all have gone, s.
_NO_WORKER_S = 30.0
#: How often to look at the workers, s.
_LOOK_S = 2.0
#: More than this is put on the workers once; less travels with every task, and no death of a worker can lose it.
_LARGE_BYTES = 1 << 20


class _Lost(Exception):  # noqa: N818 - said to run_tasks only
    """What a task needed went away with the workers that held it."""


class Cluster:
    """Does tasks on a dask cluster.

    Parameters
    ----------
    work : callable
        ``work(shared, task)``.
    shared : object
        Pickled; each worker opens it once.
    address : str
        Of the scheduler.

    Raises
    ------
    InputError
        dask.distributed is not installed.
    WorkerError
        No scheduler answers.
    """

    lost = (_Lost,)

    def __init__(self, work: Callable[[Any, Any], Any], shared: Any, address: str) -> None:
        self._client = _connected(address)
        self._address = address
        self._job: Any = (work, shared)
        self._pickled = pickle.dumps(self._job)
        self._scattered: Any = None
        self._futures: dict[Future[Any], distributed.Future] = {}
        self._threads, self._looked, self._seen = 0, 0.0, time.monotonic()
        self._look()

    @property
    def slots(self) -> int:
        """Enough for every thread of the cluster to have a task and one to go on with."""
        self._look()
        return 2 * self._threads if self._client.status == "running" else 0

    def submit(self, task: Any) -> Future[Any]:
        """Begin a task."""
        mine: Future[Any] = Future()
        # Pickled, because the scheduler unpacks what it sees, and need not see the slide.
        theirs = self._client.submit(_do, __version__, self._shared(), pickle.dumps(task), pure=False)
        # Dask forgets a task whose future nobody holds.
        self._futures[mine] = theirs
        theirs.add_done_callback(partial(self._hand_over, mine))
        return mine

    def check(self) -> None:
        """Raise WorkerError when the scheduler has gone or has had no worker for a while."""
        if self._client.status in ("closed", "closing"):
            raise WorkerError(f"{self._address}: the scheduler went away; start it and its workers again")
        self._look()
        if self._threads == 0 and time.monotonic() - self._seen > _NO_WORKER_S:
            raise WorkerError(
                f"{self._address}: the scheduler has no workers; start some with: "
                f"dask worker {self._address} --nthreads 1"
            )

    def close(self, *, at_once: bool) -> None:
        """Take back what was not begun, and leave the cluster as it was."""
        futures, self._futures = list(self._futures.values()), {}
        if self._client.status == "running":
            if at_once and futures:
                self._client.cancel(futures)
            self._scattered = None
        self._client.close(timeout=2)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_S or self._client.status != "running":
            return
        try:
            self._threads = sum(self._client.nthreads(callback_timeout=1).values())
        except OSError:
            self._threads = 0
        self._looked = now
        if self._threads:
            self._seen = now

    def _shared(self) -> Any:
        if len(self._pickled) <= _LARGE_BYTES:
            return self._pickled
        if self._scattered is None or self._scattered.status != "finished":
            (self._scattered,) = self._client.scatter([self._job], broadcast=True, hash=False)
        return self._scattered

    def _hand_over(self, mine: Future[Any], theirs: distributed.Future) -> None:
        """Pass on how a task ended; called by a thread of dask's."""
        from distributed import CancelledError, KilledWorker
        from distributed.comm import CommClosedError

        try:
            result = theirs.result()
        except (CancelledError, CommClosedError):
            mine.set_exception(_Lost())
        except KilledWorker:
            mine.set_exception(
                WorkerError(
                    f"{self._address}: several workers died over the same piece of work, perhaps for want of "
                    "memory; start fewer of them on a computer"
                )
            )
        except (ImportError, RuntimeError) as error:
            mine.set_exception(self._explained(error))
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            mine.set_exception(error)
        else:
            mine.set_result(result)
        self._futures.pop(mine, None)

    def _explained(self, error: Exception) -> Exception:
        """Say what a scheduler or worker means that cannot unpack a task."""
        if is_memory_error(error):
            return error
        if isinstance(error, ImportError) or "deserializ" in str(error):
            cause = error.__cause__ or error
            return WorkerError(
                f"{self._address}: the scheduler or a worker cannot load napari-wbc {__version__} ({cause}); "
                "start them where the same version is installed"
            )
        return error


def check_scheduler(address: str) -> None:
    """Make sure that a scheduler answers.

    Parameters
    ----------
    address : str
        ``tcp://host:8786`` or ``host:8786``.

    Raises
    ------
    InputError
        dask.distributed is not installed.
    WorkerError
        No scheduler answers.
    """
    try:
        from distributed.comm import connect
        from distributed.security import Security
    except ImportError:
        raise InputError(
            "a scheduler needs dask.distributed; install it with: pip install 'napari-wbc[distributed]'"
        ) from None

    async def knock() -> None:
        keys = Security().get_connection_args("client")
        await (await connect(address, timeout=_CONNECT_S, **keys)).close()

    try:
        # In a thread of its own: a notebook has an event loop in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, knock()).result()
    except (OSError, ValueError, TypeError) as error:
        raise WorkerError(
            f"{address}: no dask scheduler answers there ({first_line(error)[:120]}); "
            "start one with: dask scheduler"
        ) from None


def _connected(address: str) -> distributed.Client:
    # A client that finds nobody would keep the program waiting at its end.
    check_scheduler(address)
    import distributed

    # Not the default: dask arrays of the caller are computed where they were before.
    return distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)


# What runs on a worker.


def _do(version: str, shared: Any, task: bytes) -> Any:
    import dask
    from distributed import get_worker

    where = f"the worker at {get_worker().address}"
    if version != __version__:
        raise WorkerError(
            f"{where} has napari-wbc {__version__}, this computer has {version}; install the same version"
        )
    try:
        work, opened = _unpickled(shared) if isinstance(shared, bytes) else shared
    except (WbcError, OSError) as error:
        raise WorkerError(
            f"{where} cannot open the slide ({error}); put the file where every worker finds it under the same path"
        ) from None
    # Dask arrays are computed by the thread that needs them, not sent back to the cluster.
    with dask.config.set(scheduler="synchronous"):
        return work(opened, pickle.loads(task))  # noqa: S301 - from the client, as the code that runs is


@lru_cache(maxsize=2)
def _unpickled(shared: bytes) -> Any:
    return pickle.loads(shared)  # noqa: S301 - from the client, as the code that runs is
