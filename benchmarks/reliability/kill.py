"""kill -9 at random points: of the command, of its workers, of the dask scheduler, and of a review."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import same
from .aftermath import judge_end, left_over
from .jobs import Job, counting, draw_fields, edit_review, edits, edits_made, fine_tuning, training
from .outcome import Outcome
from .victim import Victim, descendants, ended, outliving

#: A job that was killed so often runs to its end.
_KILLS_OF_A_JOB = 5
#: A review is killed within the time that so many edits take.
_EDITS_OF_A_REVIEW = 20


def jobs(work: Path) -> dict[str, Callable[[], Job]]:
    """Name the jobs that can be killed; each is prepared when it is asked for."""
    fields = lambda n: draw_fields(work / "fields", n)  # noqa: E731
    return {
        "count": lambda: counting("count an image", fields(1)),
        "count-folder": lambda: counting("count three images", fields(3), "--export", "coco,ome-zarr"),
        "count-again": lambda: counting(
            "count over an earlier result", fields(1), "--wbc", "7.2", before=partial(_earlier, work)
        ),
        "count-workers": lambda: counting("count an image, --workers 2", fields(1), "--workers", "2"),
        "train": lambda: training(work / "train"),
        "fine-tune": lambda: fine_tuning(work / "fine-tune"),
    }


def _earlier(work: Path, out: Path) -> None:
    """Put the results of a count with other parameters there."""
    kept = work / "earlier"
    if not kept.is_dir():
        job = counting("", draw_fields(work / "fields", 1))
        ended(Victim(job.work, job.arguments(kept, again=False), kept, work / "said"))
    shutil.copytree(kept, out)


def kill_command(name: str, work: Path, times: int, seed: int) -> Outcome:
    """Kill a command ``times`` times, and let it go on each time until it ends.

    Every other blow falls before a change of a file that is drawn at random, so that no gap between two of them is too
    short to be hit; the others fall at a random moment.
    """
    job, random = jobs(work)[name](), np.random.default_rng(seed)
    outcome = Outcome("kill -9 of the process", job.name)
    say = work / "said"
    first = work / "whole" / name
    shutil.rmtree(first, ignore_errors=True)
    whole = ended(Victim(job.work, job.arguments(first, again=False), first, say))
    if whole.code != 0:
        raise RuntimeError(whole.complained)
    expected = same.holds(first)
    out = work / "out" / name
    while outcome.injected < times:
        shutil.rmtree(out, ignore_errors=True)
        earlier = {}
        if job.before is not None:
            job.before(out)
            earlier = same.holds(out)
        told, killed = [], 0
        while killed < min(_KILLS_OF_A_JOB, times - outcome.injected):
            by_file = bool(random.integers(0, 2))
            moment = float(random.uniform())
            at = 1 + int(moment * whole.changes) if by_file else 0
            victim = Victim(job.work, job.arguments(out, again=killed > 0), out, say, die_at=at)
            if not by_file:
                time.sleep(moment * whole.seconds)
            told.append(f"change {at}" if by_file else f"{moment * whole.seconds:.2f} s")
            left = outliving(victim, kill=not by_file)
            result = ended(victim)
            if left:
                outcome.broke(f"{told}: {left} worker(s) outlived the process that was killed")
            if result.code == 0:
                told[-1] += " (it had ended)"
                break
            if result.code != -9:
                outcome.broke(f"{told}: ended with {result.code}: {result.complained.strip()}")
                break
            killed += 1
            for line in left_over(out, expected, job, earlier):
                outcome.broke(f"{told}: {line}")
        last = ended(Victim(job.work, job.arguments(out, again=killed > 0), out, say))
        outcome.injected += killed
        if "(it had ended)" in told[-1] and name in ("train",):
            # A model that is there is not trained again.
            last.code, last.complained = 0, ""
        if last.code != 0 or last.complained:
            outcome.broke(f"{told}: going on ended with {last.code}: {last.complained.strip()}")
        judge_end(outcome, str(told), out, expected)
        print(f"{name}: {outcome.injected} of {times} kills, {len(outcome.broken)} broken", flush=True)
    return outcome


def kill_workers(work: Path, times: int, seed: int) -> Outcome:
    """Kill workers of a pool of processes while a count goes on; the count itself has to end well."""
    images, random = draw_fields(work / "wide", 1, 1600, 2400), np.random.default_rng(seed)
    job = counting("count an image, --workers 2", images, "--workers", "2")
    outcome, say = Outcome("kill -9 of a worker process", job.name), work / "said"
    alone = counting("alone", images)
    first, out = work / "whole" / "workers", work / "out" / "workers"
    shutil.rmtree(first, ignore_errors=True)
    ended(Victim(alone.work, alone.arguments(first, again=False), first, say))
    expected = same.holds(first)
    shutil.rmtree(out, ignore_errors=True)
    undisturbed = ended(Victim(job.work, job.arguments(out, again=False), out, say)).seconds
    while outcome.injected < times:
        shutil.rmtree(out, ignore_errors=True)
        told = []
        victim = Victim(job.work, job.arguments(out, again=False), out, say)
        for moment in np.sort(random.uniform(0, undisturbed, 2)):
            time.sleep(max(0.0, moment - sum(told)))
            told.append(round(float(moment), 2))
            workers = descendants(victim.pid)
            if workers:
                workers[int(random.integers(len(workers)))].kill()
                outcome.injected += 1
        result = ended(victim)
        if result.code != 0 or result.complained:
            outcome.broke(f"{told} s: ended with {result.code}: {result.complained.strip()}")
        judge_end(outcome, f"{told} s", out, expected)
        print(f"workers: {outcome.injected} of {times} kills, {len(outcome.broken)} broken", flush=True)
    return outcome


def kill_dask(work: Path, times: int, seed: int, *, scheduler: bool) -> Outcome:
    """Kill dask workers, or the scheduler, while a count goes on: another comes in their place."""
    from tests.execution.loopback import loopback

    images, random = draw_fields(work / "wide", 1, 1600, 2400), np.random.default_rng(seed)
    what = "scheduler" if scheduler else "worker"
    outcome, say = Outcome(f"kill -9 of the dask {what}", "count an image, --scheduler"), work / "said"
    alone = counting("alone", images)
    first, out = work / "whole" / "workers", work / "out" / "dask"
    shutil.rmtree(first, ignore_errors=True)
    ended(Victim(alone.work, alone.arguments(first, again=False), first, say))
    expected = same.holds(first)
    place = work / "dask"
    place.mkdir(exist_ok=True)
    with loopback(place, workers=2) as cluster:

        def start(again: bool) -> Victim:
            job = counting("", images, "--scheduler", cluster.address)
            return Victim(job.work, job.arguments(out, again=again), out, say)

        shutil.rmtree(out, ignore_errors=True)
        undisturbed = ended(start(False)).seconds
        while outcome.injected < times:
            shutil.rmtree(out, ignore_errors=True)
            victim, told = start(False), f"{random.uniform(0.05, 0.95) * undisturbed:.2f} s"
            time.sleep(float(told.split()[0]))
            outcome.injected += 1
            if scheduler:
                cluster.kill(cluster.scheduler)
                result = ended(victim)
                if result.code not in (0, 1) or len(result.complained.splitlines()) != result.code:
                    outcome.broke(f"{told}: ended with {result.code}: {result.complained.strip()}")
                outcome.say(result.complained)
                cluster.stop()
                cluster.start_scheduler()
                cluster.start_worker()
                cluster.start_worker()
                result = ended(start(True))
            else:
                cluster.kill(cluster.workers[0])
                cluster.start_worker()
                result = ended(victim)
            if result.code != 0 or result.complained:
                outcome.broke(f"{told}: ended with {result.code}: {result.complained.strip()}")
            judge_end(outcome, told, out, expected)
            print(
                f"dask {what}: {outcome.injected} of {times} kills, {len(outcome.broken)} broken", flush=True
            )
    return outcome


def kill_review(work: Path, times: int, seed: int) -> Outcome:
    """Kill a review while a person edits; every change that was on the screen has to be there afterwards."""
    from napari_wbc.review.folder import open_session

    outcome, say, random = (
        Outcome("kill -9 of a review", "review, edits at random"),
        work / "said",
        np.random.default_rng(seed),
    )
    begun = begun_review(work)

    def anew(name: str) -> Path:
        """Give a review in which nothing is changed yet."""
        folder = work / f"{name}.wbcreview"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(begun, folder)
        return folder

    def after(n: int) -> Any:
        """Give the table after so many edits that nobody disturbed."""
        session = open_session(anew("undisturbed"))
        for _ in edits(session, seed, n):
            pass
        return session.cells

    # On a busy computer a review takes longer to open: the blows fall before, among and after so many edits.
    trial = anew("trial")
    seconds = ended(Victim(edit_review, (str(trial), seed, _EDITS_OF_A_REVIEW), trial, say)).seconds
    folder, made = anew("killed"), 0
    while outcome.injected < times:
        victim = Victim(edit_review, (str(folder), seed, 10**6), folder, say)
        time.sleep(float(random.uniform(0.0, seconds)))
        victim.kill()
        told = f"after {made} edits"
        result = ended(victim)
        outcome.injected += 1
        said = [int(line) for line in result.said.splitlines()]
        last = max(said, default=made)
        if result.code != -9 or result.complained:
            outcome.broke(f"{told}: ended with {result.code}: {result.complained.strip()}")
        here = open_session(folder)
        made = edits_made(here)
        # One more may be in the log than was told: it was killed between the two.
        if made not in (last, last + 1):
            outcome.broke(f"{told}: {last} edits were made, {made} are there")
        if outcome.injected % 10 == 0 or outcome.injected == times:
            if not here.cells.equals(after(made)):
                outcome.broke(f"{told}: the cells are others than without a kill")
            print(
                f"review: {outcome.injected} of {times} kills, {made} edits, {len(outcome.broken)} broken",
                flush=True,
            )
    outcome.note = f"{made} edits"
    return outcome


def begun_review(work: Path) -> Path:
    """Count a field and begin its review, in which nothing is changed yet."""
    import napari_wbc as wbc
    from napari_wbc.review.folder import save_session

    folder = work / "begun.wbcreview"
    if not folder.is_dir():
        save_session(wbc.count(draw_fields(work / "fields", 1)[0], um_per_px=0.1), folder)
    return folder
