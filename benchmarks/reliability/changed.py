"""An image that is written to or replaced while it is counted."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np

from . import same
from .aftermath import go_on
from .jobs import counting, tiled_slide
from .outcome import Outcome
from .victim import Victim, ended

_WAYS = ("replaced", "written over", "written over and put back")


def change_image(work: Path, times: int, seed: int) -> Outcome:
    """Change the image at a random moment: the count refuses, or was of one of the two images and of no mixture."""
    random, outcome, say = (
        np.random.default_rng(seed),
        Outcome("file changed on the way", "count a tiled TIFF"),
        work / "said",
    )
    images = [tiled_slide(work / "tiled", seed=number) for number in (3, 4)]
    slide, out = work / "changed" / "slide.tif", work / "changed-out"
    slide.parent.mkdir(exist_ok=True)
    whole, seconds = [], 0.0
    for image in images:
        shutil.copy2(image, slide)
        shutil.rmtree(out, ignore_errors=True)
        job = counting("", [slide], *(("--workers", "2") if seed % 2 else ()))
        seconds = ended(Victim(job.work, job.arguments(out, again=False), out, say)).seconds
        whole.append(same.holds(out))
    refused = 0
    while outcome.injected < times:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copy2(images[0], slide)
        way, moment = _WAYS[outcome.injected % len(_WAYS)], float(random.uniform(0, seconds))
        told = f"{way} after {moment:.2f} s"
        victim = Victim(job.work, job.arguments(out, again=False), out, say)
        time.sleep(moment)
        _change(way, slide, images)
        outcome.injected += 1
        result = ended(victim)
        line = result.complained.strip()
        outcome.say(line.replace(str(work), "..."))
        refused += result.code == 1
        if result.code not in (0, 1) or len(line.splitlines()) != result.code or "unexpected" in line.lower():
            outcome.broke(f"{told}: ended with {result.code}: {line}")
        if result.code == 0 and same.holds(out) not in whole:
            outcome.broke(f"{told}: the result is of neither image")
        now = whole[0] if way == _WAYS[2] else whole[1]
        go_on(outcome, f"{told}, counted again", job, out, say, now)
        print(f"{outcome.injected} of {times} changes, {len(outcome.broken)} broken", flush=True)
    outcome.note = f"{refused} refused, the others were over or had not begun"
    return outcome


def _change(way: str, slide: Path, images: list[Path]) -> None:
    if way == "replaced":
        new = slide.with_name("new.tif")
        shutil.copyfile(images[1], new)
        os.replace(new, slide)  # noqa: PTH105
        return
    shutil.copyfile(images[1], slide)
    if way == _WAYS[2]:
        time.sleep(0.3)
        shutil.copyfile(images[0], slide)
