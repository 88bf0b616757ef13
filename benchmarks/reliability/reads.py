"""A slide that cannot be read on any more: cut off, or on a disk that fails, in the middle of a count."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np

from . import same
from .aftermath import go_on, judge_end, left_behind, left_over
from .jobs import counting, tiled_slide
from .outcome import Outcome
from .victim import Victim, ended


def cut_off(work: Path, times: int, seed: int) -> Outcome:
    """Cut a slide off at a random place at a random moment of its count; bring it back, and go on."""
    random, outcome, say = (
        np.random.default_rng(seed),
        Outcome("slide cut off", "count a tiled TIFF"),
        work / "said",
    )
    whole, slide, out = tiled_slide(work / "tiled"), work / "cut" / "slide.tif", work / "cut-out"
    slide.parent.mkdir(exist_ok=True)
    shutil.copy2(whole, slide)
    job = counting("", [slide])
    shutil.rmtree(out, ignore_errors=True)
    undisturbed = ended(Victim(job.work, job.arguments(out, again=False), out, say)).seconds
    expected = same.holds(out)
    while outcome.injected < times:
        shutil.rmtree(out, ignore_errors=True)
        moment, size = random.uniform(0, undisturbed), int(random.uniform(0, whole.stat().st_size))
        told = f"cut to {size >> 10} KiB after {moment:.2f} s"
        victim = Victim(job.work, job.arguments(out, again=False), out, say)
        time.sleep(moment)
        with slide.open("r+b") as file:
            file.truncate(size)
        outcome.injected += 1
        result = ended(victim)
        _judge(outcome, told, result.code, result.complained, work)
        shutil.copy2(whole, slide)
        if result.code:
            for line in [*left_over(out, expected, job), *left_behind(out)]:
                outcome.broke(f"{told}: {line}")
            go_on(outcome, told, job, out, say, expected)
        else:
            judge_end(outcome, told, out, expected)
        print(f"{outcome.injected} of {times} cuts, {len(outcome.broken)} broken", flush=True)
    return outcome


def failing_disk(work: Path, times: int, seed: int) -> Outcome:
    """Let the system answer a random read of the slide with EIO, as a disk with a bad sector does (needs strace)."""
    random, outcome, say = (
        np.random.default_rng(seed),
        Outcome("read error (EIO)", "count a tiled TIFF"),
        work / "said",
    )
    slide, out = tiled_slide(work / "tiled"), work / "eio-out"
    job = counting("", [slide])
    shutil.rmtree(out, ignore_errors=True)
    ended(Victim(job.work, job.arguments(out, again=False), out, say))
    expected = same.holds(out)
    reads = _reads(job.arguments(out, again=False), work)
    while outcome.injected < times:
        shutil.rmtree(out, ignore_errors=True)
        number = int(random.integers(1, reads + 1))
        done = _traced(job.arguments(out, again=False), work, f"inject=pread64:error=EIO:when={number}")
        outcome.injected += 1
        told = f"read {number} of {reads}"
        _judge(outcome, told, done.returncode, done.stderr, work)
        go_on(outcome, told, job, out, say, expected)
        print(f"{outcome.injected} of {times} read errors, {len(outcome.broken)} broken", flush=True)
    return outcome


def _traced(arguments: tuple[list[str]], work: Path, what: str) -> subprocess.CompletedProcess[str]:
    """Run a count below strace, which watches reads at a place only (they are those of the slide)."""
    code = f"import sys; from benchmarks.reliability.jobs import command; sys.exit(command({arguments[0]!r}))"
    return subprocess.run(
        ["strace", "-f", "-qq", "--seccomp-bpf", "-o", str(work / "reads.log"), "-e", "trace=pread64", "-e", what,
         "-P", arguments[0][1], "python", "-c", code],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def _reads(arguments: tuple[list[str]], work: Path) -> int:
    _traced(arguments, work, "trace=pread64")
    return sum("pread64(" in line for line in (work / "reads.log").read_text().splitlines())


def _judge(outcome: Outcome, told: str, code: int, complained: str, work: Path) -> None:
    """A count that cannot go on says why, in one line; one that had read all it needs ends well."""
    line = complained.strip()
    outcome.say(line.replace(str(work), "..."))
    if code == 0 and not line:
        return
    if code != 1 or len(line.splitlines()) != 1 or "unexpected" in line.lower():
        outcome.broke(f"{told}: ended with {code}: {line}")
