"""What a blow left behind, and whether the job goes on from there to what it gives when nobody disturbs it."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path

from . import same
from .jobs import Job
from .outcome import Outcome
from .victim import Victim, ended


def left_over(
    out: Path, expected: dict[str, str], job: Job, earlier: Mapping[str, str] | None = None
) -> list[str]:
    """Look at what a job that was stopped left: results that are there are whole, the earlier or the new ones."""
    if not out.is_dir():
        return []
    found, wrong = same.holds(out), []

    def below(files: Mapping[str, str], name: str) -> dict[str, str]:
        return {k: v for k, v in files.items() if k.split("/")[0] == name}

    for entry in out.iterdir():
        if entry.name.startswith(".") or any(fnmatch.fnmatch(entry.name, leave) for leave in job.leaves):
            continue
        here = below(found, entry.name)
        if not earlier or here != below(earlier, entry.name):
            wrong += [f"half written: {x}" for x in same.differences(below(expected, entry.name), here)]
    wrong += [
        f"lost: {name}" for name in {k.split("/")[0] for k in earlier or {}} if not (out / name).exists()
    ]
    return wrong


def left_behind(out: Path) -> list[str]:
    """Name what nobody should find in a folder of results: hidden files and folders."""
    return [
        f"left behind: {p.relative_to(out).as_posix()}"
        for p in out.rglob(".*")
        if p.name not in (".zattrs", ".zgroup", ".zarray")
    ]


def judge_end(outcome: Outcome, told: str, out: Path, expected: dict[str, str]) -> None:
    """Take note of everything in which a finished job differs from an undisturbed one."""
    for line in [*same.differences(expected, same.holds(out)), *left_behind(out)]:
        outcome.broke(f"{told}: {line}")


def go_on(outcome: Outcome, told: str, job: Job, out: Path, say: Path, expected: dict[str, str]) -> None:
    """Start a job that was stopped again; it has to end without a word, as an undisturbed one."""
    result = ended(Victim(job.work, job.arguments(out, again=True), out, say))
    if result.code or result.complained:
        outcome.broke(f"{told}: going on ended with {result.code}: {result.complained.strip()}")
    judge_end(outcome, told, out, expected)
