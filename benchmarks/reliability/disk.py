"""A full disk at random points: a small file system in memory that fills up, and is enlarged afterwards."""

from __future__ import annotations

import contextlib
import csv
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_wbc.batch_table import COUNTS_FILE
from napari_wbc.cohort.files import FILES as TABLES

from . import same
from .aftermath import go_on, judge_end, left_behind, left_over
from .kill import jobs
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
    # Tables of several images are about those that there was room for.
    but_tables = replace(job, leaves=(*job.leaves, *TABLES))
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
                lines = result.complained.splitlines()
                plain = all(line.startswith("napari-wbc: ") for line in lines)
                if result.code not in (1, 2) or not plain or not 1 <= len(lines) <= job.most_lines:
                    outcome.broke(f"{told}: ended with {result.code}: {result.complained.strip()}")
                elif "full" not in result.complained:
                    outcome.broke(f"{told}: does not say that the disk is full: {result.complained.strip()}")
                wrong = [*left_over(out, expected, but_tables), *wrong_tables(out, first), *left_behind(out)]
                for line in wrong:
                    outcome.broke(f"{told}: {line}")
            resize(disk, 1 << 30)
            if result.code != 0:
                go_on(outcome, str(told), job, out, say, expected)
            else:
                judge_end(outcome, str(told), out, expected)
        print(f"{name}: {outcome.injected} of {times} times full, {len(outcome.broken)} broken", flush=True)
    return outcome


def wrong_tables(out: Path, whole: Path) -> list[str]:
    """Look at the tables of several images of which some found no room: whole files, and right where there was room.

    Parameters
    ----------
    out : Path
        The folder of results.
    whole : Path
        The same, written where there was room for all.
    """
    wrong = []
    for name in TABLES:
        if not (out / name).is_file():
            continue
        text = (out / name).read_text(encoding="utf-8")
        if name.endswith(".html"):
            wrong += [] if text.rstrip().endswith("</html>") else [f"{name} is cut off"]
            continue
        rows, right = _rows(text), _rows((whole / name).read_text(encoding="utf-8"))
        if not text.endswith("\n") or not all(None not in row and None not in row.values() for row in rows):
            wrong.append(f"{name} is cut off")
        elif name == COUNTS_FILE:
            if [row["image"] for row in rows] != [row["image"] for row in right]:
                wrong.append(f"{name} is not about all images")
                continue
            for row, of_whole in zip(rows, right, strict=True):
                # Without one of the images a class may have no column.
                as_whole = row == {column: of_whole[column] for column in row}
                # An image that found no room in an earlier run may be there by now, but no room for the table.
                if not row["problem"] and not (as_whole and (out / row["results"] / "run.json").is_file()):
                    wrong.append(f"{name}: the row of {row['image']} is wrong")
    return wrong


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))
