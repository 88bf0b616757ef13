"""Two processes on the same output, begun at almost the same time."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np

from . import same
from .aftermath import judge_end
from .jobs import edit_review, edits_made
from .kill import begun_review, jobs
from .outcome import Outcome
from .victim import Victim, ended


def side_by_side(name: str, work: Path, times: int, seed: int) -> Outcome:
    """Start a command twice; one of them, or both one after the other, give the result."""
    job, random, say = jobs(work)[name](), np.random.default_rng(seed), work / "said"
    outcome = Outcome("two processes on the same output", job.name)
    first, out = work / "whole" / name, work / "twice" / name
    shutil.rmtree(first, ignore_errors=True)
    whole = ended(Victim(job.work, job.arguments(first, again=False), first, say))
    expected = same.holds(first)
    while outcome.injected < times:
        shutil.rmtree(out, ignore_errors=True)
        apart = float(random.uniform(0, whole.seconds)) * float(random.integers(0, 2))
        told = f"{apart:.2f} s apart"
        one = Victim(job.work, job.arguments(out, again=False), out, say)
        time.sleep(apart)
        other = Victim(
            job.work, job.arguments(out, again=bool(random.integers(0, 2))), out, work / "said-too"
        )
        outcome.injected += 1
        results = [ended(one), ended(other)]
        for result in results:
            line = result.complained.strip()
            outcome.say(line.replace(str(work), "..."))
            if result.code not in (0, 1, 2) or "unexpected" in line.lower():
                outcome.broke(f"{told}: ended with {result.code}: {line}")
        if all(result.code for result in results):
            outcome.broke(f"{told}: neither of them gave a result")
        judge_end(outcome, told, out, expected)
        print(f"{name}: {outcome.injected} of {times} pairs, {len(outcome.broken)} broken", flush=True)
    return outcome


def two_reviews(work: Path, times: int, seed: int) -> Outcome:
    """Edit a review in two processes; the second one is told, and no change of either is lost."""
    from napari_wbc.review.folder import open_session

    outcome, say = Outcome("two processes on the same review", "review, edits at random"), work / "said"
    begun, folder = begun_review(work), work / "twice.wbcreview"
    while outcome.injected < times:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(begun, folder)
        pair = [
            Victim(edit_review, (str(folder), seed + outcome.injected, 60), folder, place)
            for place in (say, work / "said-too")
        ]
        outcome.injected += 1
        made, told = 0, f"pair {outcome.injected}"
        for result in map(ended, pair):
            made += len(result.said.splitlines())
            line = result.complained.strip()
            outcome.say(line.replace(str(work), "..."))
            if result.code and "another program has changed this review" not in line:
                outcome.broke(f"{told}: ended with {result.code}: {line}")
        there = edits_made(open_session(folder))
        if there != made:
            outcome.broke(f"{told}: {made} edits were made, {there} are there")
    return outcome
