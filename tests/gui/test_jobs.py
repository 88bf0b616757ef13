"""The job system: events in order, cancel, errors as one line, nothing from a job that is over."""

import gc
import threading
import time

import pytest

from napari_wbc.errors import InputError
from napari_wbc.execution.progress import Progress
from napari_wbc.gui.jobs import Job, JobRunner, JobState

pytestmark = pytest.mark.gui


@pytest.fixture
def runner(qapp):
    runner = JobRunner()
    yield runner
    runner.shutdown()


def record(runner):
    heard = []
    runner.arrived.connect(lambda event: heard.append(("event", event)))
    runner.finished.connect(lambda result: heard.append(("finished", result)))
    runner.failed.connect(lambda line: heard.append(("failed", line)))
    runner.cancelled.connect(lambda: heard.append(("cancelled", None)))
    return heard


def until_idle(qtbot, runner):
    qtbot.waitUntil(lambda: runner.state is JobState.IDLE, timeout=20_000)


def test_events_come_in_order_and_the_last_is_the_result(runner, qtbot):
    heard = record(runner)
    threads = []

    def steps(cancel):
        threads.append(threading.current_thread())
        yield "one"
        yield "two"

    runner.arrived.connect(lambda _: threads.append(threading.current_thread()))
    runner.start(Job("count", steps))
    assert runner.state is JobState.RUNNING
    until_idle(qtbot, runner)
    assert heard == [("event", "one"), ("event", "two"), ("finished", "two")]
    assert threads[0] is not threading.main_thread()
    assert set(threads[1:]) == {threading.main_thread()}


def test_a_flood_of_progress_is_thinned_and_its_last_one_arrives(runner, qtbot):
    heard = record(runner)

    def steps(cancel):
        for i in range(20_000):
            yield Progress("Finding cells", i + 1, 20_000, "tile")

    runner.start(Job("flood", steps))
    until_idle(qtbot, runner)
    events = [event for kind, event in heard if kind == "event"]
    assert len(events) < 2_000
    assert events[-1].done == 20_000
    assert [e.done for e in events] == sorted(e.done for e in events)


def test_cancel_ends_a_job_and_drops_what_it_still_sends(runner, qtbot):
    heard = record(runner)
    closed = []

    def steps(cancel):
        try:
            while True:
                yield "tile"
                time.sleep(0.01)
        finally:
            closed.append(True)

    runner.start(Job("endless", steps))
    qtbot.waitUntil(lambda: len(heard) > 2)
    runner.cancel()
    assert runner.state is JobState.CANCELLING
    before = len(heard)
    started = time.perf_counter()
    until_idle(qtbot, runner)
    assert time.perf_counter() - started < 1
    assert heard[before:] == [("cancelled", None)]
    assert closed == [True]


def test_a_job_that_ends_before_it_notices_the_cancel_is_cancelled(runner, qtbot):
    heard = record(runner)
    go_on = threading.Event()

    def steps(cancel):
        yield "begin"
        go_on.wait(10)

    runner.start(Job("late", steps))
    qtbot.waitUntil(lambda: bool(heard))
    runner.cancel()
    go_on.set()
    until_idle(qtbot, runner)
    assert heard[-1] == ("cancelled", None)


def test_errors_are_one_line(runner, qtbot, caplog):
    heard = record(runner)

    def ours(cancel):
        yield "begin"
        raise InputError("smear.png: the file is empty (0 bytes)")

    def others(cancel):
        yield "begin"
        raise KeyError("y_px\nand more")

    runner.start(Job("ours", ours))
    until_idle(qtbot, runner)
    assert heard[-1] == ("failed", "smear.png: the file is empty (0 bytes)")
    assert not caplog.records
    runner.start(Job("others", others))
    until_idle(qtbot, runner)
    kind, line = heard[-1]
    assert kind == "failed"
    assert line.startswith("Unexpected error (KeyError)")
    assert "\n" not in line
    # What nobody foresaw is kept with its traceback for a report.
    assert caplog.records[-1].exc_info is not None


def test_one_at_a_time(runner, qtbot):
    go_on = threading.Event()

    def steps(cancel):
        go_on.wait(10)
        yield "done"

    runner.start(Job("first", steps))
    with pytest.raises(RuntimeError, match="first"):
        runner.start(Job("second", steps))
    go_on.set()
    until_idle(qtbot, runner)
    runner.start(Job("second", steps))
    until_idle(qtbot, runner)


def test_a_job_that_was_shut_down_is_heard_of_no_more(runner, qtbot):
    heard = record(runner)
    go_on = threading.Event()

    def steps(cancel):
        go_on.wait(10)
        yield "stale"

    runner.start(Job("old", steps))
    runner.shutdown(wait_s=0)
    assert runner.state is JobState.IDLE
    runner.start(Job("new", lambda cancel: iter_of("fresh")))
    go_on.set()
    until_idle(qtbot, runner)
    qtbot.wait(100)
    assert heard == [("event", "fresh"), ("finished", "fresh")]


def iter_of(*events):
    yield from events


def test_a_slot_may_start_the_next_job(runner, qtbot):
    heard = record(runner)
    started = []

    def again(result):
        if not started:
            started.append(result)
            runner.start(Job("second", lambda cancel: iter_of(2)))

    runner.finished.connect(again)
    runner.start(Job("first", lambda cancel: iter_of(1)))
    qtbot.waitUntil(lambda: ("finished", 2) in heard)
    assert started == [1]


def test_a_runner_that_is_gone_cancels_its_job(qapp, qtbot):
    tokens = []

    def steps(cancel):
        tokens.append(cancel)
        while not cancel.cancelled:
            time.sleep(0.005)
            yield "tile"

    runner = JobRunner()
    runner.start(Job("orphan", steps))
    qtbot.waitUntil(lambda: bool(tokens))
    del runner
    gc.collect()
    qtbot.waitUntil(lambda: tokens[0].cancelled)
