"""A full disk at random points: a small file system in memory that fills up, and is enlarged afterwards."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from . import same
from .kill import jobs, left_behind, left_over
from .outcome import Outcome
from .victim import Victim, ended

#: How often a job meets a full disk before it is given room.
_TIMES_OF_A_JOB = 3


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """Mount a file system of so many bytes; only root can."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def resize(folder: Path, size: int) -> None:
    """Make the file system larger or smaller; never smaller than what it holds."""
    subprocess.run(
        ["mount", "-o", f"remount,size={size}", str(folder)], check=False, stderr=subprocess.DEVNULL
    )


def bytes_of(folder: Path) -> int:
    """Give the room that files take in whole pages of 4 KiB."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


def fill_disk(name: str, work: Path, times: int, seed: int) -> Outcome:
    """Let a command meet a full disk ``times`` times; it goes on when there is room again."""
    job, random = jobs(work)[name](), np.random.default_rng(seed)
    outcome, say = Outcome("disk full", job.name), work / "said"
    first, disk = work / "whole" / name, work / "disk"
    shutil.rmtree(first, ignore_errors=True)
    whole = ended(Victim(job.work, job.arguments(first, again=False), first, say))
    if whole.code != 0:
        raise RuntimeError(whole.complained)
    expected, needed = same.holds(first), bytes_of(first)
    while outcome.injected < times:
        with small_disk(disk, 1 << 16):
            out, told = disk / name, []
            for again in range(_TIMES_OF_A_JOB):
                size = int(random.uniform(1 << 14, 1.5 * needed))
                resize(disk, size)
                result = ended(Victim(job.work, job.arguments(out, again=again > 0), out, say))
                told.append(f"{size >> 10} KiB")
                if result.code == 0:
                    break
                outcome.injected += 1
                outcome.say(result.complained.replace(str(work), "..."))
                if result.code not in (1, 2) or len(result.complained.splitlines()) != 1:
                    outcome.broke(f"{told}: ended with {result.code}: {result.complained.strip()}")
                elif "full" not in result.complained:
                    outcome.broke(f"{told}: does not say that the disk is full: {result.complained.strip()}")
                for line in [*left_over(out, expected, job), *left_behind(out)]:
                    outcome.broke(f"{told}: {line}")
            resize(disk, 1 << 30)
            if result.code != 0:
                result = ended(Victim(job.work, job.arguments(out, again=True), out, say))
            if result.code != 0 or result.complained:
                outcome.broke(f"{told}: going on ended with {result.code}: {result.complained.strip()}")
            for line in same.differences(expected, same.holds(out)):
                outcome.broke(f"{told}: {line}")
        print(f"{name}: {outcome.injected} of {times} times full, {len(outcome.broken)} broken", flush=True)
    return outcome
