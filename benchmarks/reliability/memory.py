"""Too little memory at a random moment: no more than what the process has by then (RLIMIT_AS, set from outside)."""

from __future__ import annotations

import contextlib
import resource
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from . import same
from .aftermath import go_on, judge_end, left_behind, left_over
from .jobs import counting, draw_fields
from .outcome import Outcome
from .victim import Victim, descendants, ended

#: What a process still gets, bytes.
_ROOM = 4 << 20


def starve(work: Path, times: int, seed: int, *, worker: bool) -> Outcome:
    """Give a worker, or the process itself, no more memory; then let the count go on with all it wants."""
    import psutil

    random, say = np.random.default_rng(seed), work / "said"
    images = draw_fields(work / "wide", 1, 1600, 2400)
    more = ("--workers", "2") if worker else ()
    outcome = Outcome(
        f"out of memory in {'a worker' if worker else 'the process'}", " ".join(["count an image", *more])
    )
    job, out = counting("", images, *more), work / "memory-out"
    shutil.rmtree(out, ignore_errors=True)
    undisturbed = ended(Victim(job.work, job.arguments(out, again=False), out, say)).seconds
    expected = same.holds(out)
    while outcome.injected < times:
        shutil.rmtree(out, ignore_errors=True)
        victim, moment = (
            Victim(job.work, job.arguments(out, again=False), out, say),
            random.uniform(0, undisturbed),
        )
        told = f"after {moment:.2f} s"
        time.sleep(moment)
        starved: list[Any] = descendants(victim.pid) if worker else [psutil.Process(victim.pid)]
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            for process in starved[: 1 if worker else None]:
                most = process.memory_info().vms + _ROOM
                resource.prlimit(process.pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
                outcome.injected += 1
        result = ended(victim)
        line = result.complained.strip()
        outcome.say(line.replace(str(work), "..."))
        if (result.code, len(line.splitlines())) not in ((0, 0), (1, 1)) or "unexpected" in line.lower():
            outcome.broke(f"{told}: ended with {result.code}: {line}")
        if result.code:
            # One that the system ended could not clear up.
            hidden = left_behind(out) if result.code > 0 else []
            for wrong in [*left_over(out, expected, job), *hidden]:
                outcome.broke(f"{told}: {wrong}")
            go_on(outcome, told, job, out, say, expected)
        else:
            judge_end(outcome, told, out, expected)
        print(f"{outcome.injected} of {times} times, {len(outcome.broken)} broken", flush=True)
    return outcome
