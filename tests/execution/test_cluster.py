"""Tasks on a real dask scheduler with two real workers on loopback, and what happens when they die."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jobs
import numpy as np
import pytest
from loopback import Loopback, loopback
from numpy.typing import NDArray
from PIL import Image

import napari_wbc as wbc
from napari_wbc.count_result import CountResult
from napari_wbc.errors import Cancelled, WorkerError
from napari_wbc.execution import CancelToken, Progress
from napari_wbc.execution import cluster as cluster_module
from napari_wbc.execution.tasks import run_tasks
from napari_wbc.pipeline import CountOptions, count_events

pytest.importorskip("distributed")
UM_PER_PX = 0.1


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    with loopback(tmp_path_factory.mktemp("dask"), workers=2) as started:
        yield started


@pytest.fixture
def two_workers(cluster: Loopback) -> Loopback:
    """The cluster, with those replaced that a test before killed."""
    if cluster.scheduler is None or cluster.scheduler.poll() is not None:
        cluster.stop()
        cluster.start_scheduler()
    while len(cluster.workers) < 2:
        cluster.start_worker()
    return cluster


@pytest.fixture(scope="module")
def expected(smear_file: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """``cells.csv`` of the smear, counted by this process in one tile."""
    folder = tmp_path_factory.mktemp("expected") / "smear"
    return (wbc.count(smear_file, um_per_px=UM_PER_PX).write(folder) / "cells.csv").read_bytes()


def cells_csv(result: CountResult, tmp_path: Path) -> bytes:
    return (result.write(tmp_path / "smear") / "cells.csv").read_bytes()


def test_every_task_is_done_once_by_two_workers(two_workers: Loopback, tmp_path: Path) -> None:
    results = list(run_tasks(jobs.note_slowly, tmp_path, list(range(30)), scheduler=two_workers.address))
    assert sorted(task for task, _ in results) == list(range(30))
    assert {pid for _, (_, pid) in results} == {worker.pid for worker in two_workers.workers}
    assert len(list(tmp_path.iterdir())) == 30


def test_killed_worker_loses_nothing_and_counts_nothing_twice(two_workers: Loopback, tmp_path: Path) -> None:
    results = run_tasks(jobs.note_slowly, tmp_path, list(range(40)), scheduler=two_workers.address)
    done = [next(results) for _ in range(4)]
    two_workers.kill(two_workers.workers[0])
    done += results
    assert sorted(task for task, _ in done) == list(range(40))


def test_few_tasks_are_handed_out_at_a_time(two_workers: Loopback, tmp_path: Path) -> None:
    results = run_tasks(jobs.note, tmp_path, list(range(100)), scheduler=two_workers.address)
    for _ in range(5):
        next(results)
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) <= 5 + 4
    results.close()


def test_cancel_within_a_second(two_workers: Loopback, tmp_path: Path) -> None:
    cancel, pressed = CancelToken(), []

    def press() -> None:
        while not list(tmp_path.iterdir()):
            time.sleep(0.02)
        pressed.append(time.perf_counter())
        cancel.cancel()

    threading.Thread(target=press).start()
    tasks = run_tasks(
        jobs.sleep_a_while, tmp_path, list(range(9)), scheduler=two_workers.address, cancel=cancel
    )
    with pytest.raises(Cancelled):
        list(tasks)
    # A second is what a user is promised; a busy test machine gets three.
    assert time.perf_counter() - pressed[0] < 3


def test_count_with_a_worker_killed_in_the_middle(
    two_workers: Loopback, small_tiles: None, smear_file: Path, expected: bytes, tmp_path: Path
) -> None:
    options = CountOptions(um_per_px=UM_PER_PX, scheduler=two_workers.address)
    result, tiles_done = None, []
    for event in count_events(smear_file, options):
        if isinstance(event, Progress) and event.unit == "tile":
            tiles_done.append(event.done)
            if event.done == 3:
                two_workers.kill(two_workers.workers[0])
        result = event
    assert isinstance(result, CountResult)
    assert tiles_done == list(range(24 + 1))
    assert result.run["engine"] == "dask"
    assert cells_csv(result, tmp_path) == expected


def test_count_of_an_array_with_all_workers_killed_and_others_coming(
    two_workers: Loopback, small_tiles: None, smear_image: NDArray[np.uint8], expected: bytes, tmp_path: Path
) -> None:
    """The pixels are lost with the workers that held them, and given out again."""
    slide = wbc.open_slide(smear_image, name="smear")
    options = CountOptions(um_per_px=UM_PER_PX, scheduler=two_workers.address)
    result = None
    for event in count_events(slide, options):
        if isinstance(event, Progress) and event.unit == "tile" and event.done == 3:
            for worker in list(two_workers.workers):
                two_workers.kill(worker)
            two_workers.start_worker()
        result = event
    assert isinstance(result, CountResult)
    assert cells_csv(result, tmp_path) == expected


def test_scheduler_that_dies_and_a_journal_that_goes_on_without_it(
    two_workers: Loopback,
    small_tiles: None,
    smear_file: Path,
    expected: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster_module, "_CONNECT_S", 3)
    journal = tmp_path / "smear.journal"
    options = CountOptions(um_per_px=UM_PER_PX, scheduler=two_workers.address, journal=journal)
    events = count_events(smear_file, options)
    while not (isinstance(event := next(events), Progress) and event.done == 18):
        pass
    two_workers.kill(two_workers.scheduler)
    with pytest.raises(WorkerError, match=r"scheduler went away|died"):
        list(events)
    result = wbc.count(smear_file, um_per_px=UM_PER_PX, workers=2, journal=journal)
    assert result.run["tiles_resumed"] > 0
    assert cells_csv(result, tmp_path) == expected
    assert not journal.exists()


def test_file_that_workers_cannot_open(
    two_workers: Loopback, small_tiles: None, smear_image: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / "here.png"
    Image.fromarray(smear_image).save(path)
    slide = wbc.open_slide(path)  # decoded when it is opened
    path.unlink()
    complaint = r"worker at tcp://127.* cannot open the slide .*here\.png: no such file.*same path"
    with pytest.raises(WorkerError, match=complaint) as caught:
        wbc.segment(slide, um_per_px=UM_PER_PX, scheduler=two_workers.address)
    assert "\n" not in str(caught.value)


def test_relative_path_is_found_by_workers_elsewhere(
    two_workers: Loopback, smear_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(smear_file.parent)
    assert len(wbc.segment(smear_file.name, UM_PER_PX, scheduler=two_workers.address).table) > 5


def test_worker_of_another_version(two_workers: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "__version__", "0.0.7")
    with pytest.raises(WorkerError, match=r"this computer has 0\.0\.7; install the same version"):
        list(run_tasks(jobs.fail, None, [1], scheduler=two_workers.address))


def test_error_of_a_task_arrives(two_workers: Loopback) -> None:
    with pytest.raises(ZeroDivisionError, match="task 3"):
        list(run_tasks(jobs.fail, None, list(range(9)), scheduler=two_workers.address))


def test_a_task_that_a_worker_cannot_load_is_a_matter_of_what_is_installed_there(
    two_workers: Loopback,
) -> None:
    complaint = r"scheduler or a worker cannot load napari-wbc .*no_such_module.*same version is installed"
    with pytest.raises(WorkerError, match=complaint) as caught:
        list(run_tasks(jobs.import_what_is_not_there, None, [1], scheduler=two_workers.address))
    assert "\n" not in str(caught.value)
    with pytest.raises(WorkerError, match="ran out of memory"):
        list(run_tasks(jobs.find_no_room_for_a_library, None, [1], scheduler=two_workers.address))
    with pytest.raises(RuntimeError, match=r"^no luck$"):
        list(run_tasks(jobs.have_no_luck, None, [1], scheduler=two_workers.address))


def test_a_connection_that_fails_without_a_word_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*args: object, **options: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("distributed.comm.connect", nobody)
    with pytest.raises(
        WorkerError, match=r"tcp://nobody:1: no dask scheduler answers there \(TimeoutError\)"
    ):
        cluster_module.check_scheduler("tcp://nobody:1")


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_CONNECT_S", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(WorkerError, match=r"no dask scheduler answers there .*dask scheduler") as caught:
            list(run_tasks(jobs.fail, None, [1], scheduler=address))
    assert "\n" not in str(caught.value)


def test_scheduler_without_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Loopback
) -> None:
    monkeypatch.setattr(cluster_module, "_NO_WORKER_S", 1)
    with (
        loopback(tmp_path, workers=0) as lonely,
        pytest.raises(WorkerError, match=r"has no workers; start some with: dask worker"),
    ):
        list(run_tasks(jobs.fail, None, [1], scheduler=lonely.address))
