"""Tasks here and in processes: each once, few at a time, whatever dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import jobs
import psutil
import pytest

from napari_wbc.errors import Cancelled, InputError, WorkerError
from napari_wbc.execution import CancelToken, processes
from napari_wbc.execution.progress import check_cancelled
from napari_wbc.execution.tasks import run_tasks
from skips import needs_posix_signals

here_and_there = pytest.mark.parametrize("workers", [1, 2])


def wait_until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def children() -> list[psutil.Process]:
    """Processes that this one started, without those of the multiprocessing library itself."""
    own = ("resource_tracker", "forkserver")
    return [p for p in psutil.Process().children() if not any(name in " ".join(p.cmdline()) for name in own)]


@here_and_there
def test_every_task_is_done_once(tmp_path: Path, workers: int) -> None:
    results = list(run_tasks(jobs.note, tmp_path, list(range(20)), workers=workers))
    assert sorted(task for task, _ in results) == list(range(20))
    assert all(task == done for task, (done, _) in results)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{n}.1" for n in range(20))
    pids = {pid for _, (_, pid) in results}
    assert pids == {os.getpid()} if workers == 1 else os.getpid() not in pids
    assert children() == []


def test_no_task_starts_nothing() -> None:
    assert list(run_tasks(jobs.note, None, [], workers=4, scheduler="tcp://nobody:1")) == []


def test_few_tasks_are_handed_out_at_a_time(tmp_path: Path) -> None:
    """Memory does not grow with the number of tasks: results wait to be taken before others are begun."""
    results = run_tasks(jobs.note, tmp_path, list(range(100)), workers=2)
    for _ in range(5):
        next(results)
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) <= 5 + 4
    results.close()
    assert children() == []


def test_workers_have_one_thread_and_this_process_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("DASK_SCHEDULER", raising=False)
    seen = {result for _, result in run_tasks(jobs.surroundings, None, [1, 2, 3], workers=2)}
    assert seen == {("1", "synchronous")}
    assert (os.environ["OMP_NUM_THREADS"], os.environ.get("DASK_SCHEDULER")) == ("7", None)


@here_and_there
def test_an_error_arrives_and_ends_the_work(workers: int) -> None:
    with pytest.raises(ZeroDivisionError, match="task 3"):
        list(run_tasks(jobs.fail, None, list(range(9)), workers=workers))
    assert children() == []


@needs_posix_signals
def test_a_process_that_dies_is_replaced(tmp_path: Path) -> None:
    results = list(run_tasks(jobs.die_over_first, tmp_path, list(range(12)), workers=2))
    assert sorted(task for task, _ in results) == list(range(12))
    assert (tmp_path / "3.2").exists()
    assert children() == []


@needs_posix_signals
def test_a_process_that_somebody_kills_is_replaced(tmp_path: Path) -> None:
    results = run_tasks(jobs.note_slowly, tmp_path, list(range(30)), workers=2)
    done = [next(results)]
    children()[0].kill()
    done += results
    assert sorted(task for task, _ in done) == list(range(30))


@needs_posix_signals
def test_a_task_that_kills_every_worker_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="died 3 times"):
        list(run_tasks(jobs.die_over_third, tmp_path, list(range(12)), workers=2))
    assert len(list(tmp_path.glob("3.*"))) == 3
    assert children() == []


def test_a_worker_without_memory_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="ran out of memory: give fewer workers"):
        list(run_tasks(jobs.want_too_much, tmp_path, list(range(6)), workers=2))
    assert children() == []


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (InputError("smear.svs: no such file"), InputError, "smear.svs: no such file"),
        # What libraries say that find no memory while a worker loads them.
        (ImportError("libx.so: failed to map segment from shared object"), WorkerError, "give fewer workers"),
        (MemoryError(), WorkerError, "ran out of memory: give fewer workers"),
    ],
)
def test_what_goes_wrong_while_a_worker_starts_is_told_by_this_process_alone(
    error: Exception, kind: type[Exception], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(kind, match=message):
        list(run_tasks(jobs.surroundings, jobs.Unopened(error), [1, 2, 3], workers=2))
    with pytest.raises(kind, match=message):
        list(run_tasks(jobs.surroundings, None, [jobs.Unopened(error)] * 2, workers=2))
    assert capfd.readouterr().err == "", "a worker printed its own traceback"
    assert children() == []


def test_a_worker_without_memory_for_a_thread_ends_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ended: list[int] = []
    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(processes.os, "_exit", ended.append)
    monkeypatch.setattr(processes, "_job", None)
    processes._start(processes._Job(jobs.fail, None))
    assert ended == [1]


def test_cancel_stops_workers_within_a_second(tmp_path: Path) -> None:
    cancel, pressed = CancelToken(), []

    def press() -> None:
        wait_until(lambda: any(tmp_path.iterdir()))
        pressed.append(time.perf_counter())
        cancel.cancel()

    threading.Thread(target=press).start()
    with pytest.raises(Cancelled):
        list(run_tasks(jobs.sleep_long, tmp_path, list(range(9)), workers=2, cancel=cancel))
    # A second is what a user is promised; a busy test machine gets three.
    assert time.perf_counter() - pressed[0] < 3
    assert children() == []


def test_cancelled_before_it_begins(tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(run_tasks(jobs.note, tmp_path, [1], cancel=cancel))
    assert list(tmp_path.iterdir()) == []


_PARENT = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
import jobs
from napari_wbc.execution.progress import check_cancelled
from napari_wbc.execution.tasks import run_tasks
if __name__ == "__main__":
    list(run_tasks(jobs.sleep_long, Path(sys.argv[2]), [1, 2, 3], workers=2))
"""


@needs_posix_signals
def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script, notes = tmp_path / "parent.py", tmp_path / "notes"
    script.write_text(_PARENT)
    notes.mkdir()
    parent = subprocess.Popen([sys.executable, str(script), str(Path(__file__).parent), str(notes)])
    wait_until(lambda: len(list(notes.iterdir())) == 2)
    workers = [psutil.Process(int(path.read_text())) for path in notes.iterdir()]
    parent.kill()
    parent.wait()
    gone, alive = psutil.wait_procs(workers, timeout=10)
    assert len(gone) == 2
    assert alive == []


def test_a_task_that_is_done_here_can_be_stopped_in_the_middle() -> None:
    cancel, reached = CancelToken(), []

    def work(_: None, task: int) -> None:
        check_cancelled()
        reached.append(task)
        cancel.cancel()
        check_cancelled()
        reached.append(-task)

    with pytest.raises(Cancelled):
        list(run_tasks(work, None, [1, 2], cancel=cancel))
    assert reached == [1]
    # What is done afterwards is another job.
    check_cancelled()
