"""Many fields in one process: its memory over time."""

from __future__ import annotations

import csv
import json
import os
import resource
import time
from pathlib import Path

import numpy as np

from .jobs import draw_fields
from .outcome import RESULTS, ROOT

#: Fields until libraries have loaded what they load and memory is the one of work.
_WARM = 50


def soak(work: Path, fields: int, real: int) -> int:
    """Count so many fields in one process, as the viewer does with a folder, and take its memory after each."""
    from napari_wbc.batch import BatchFinished, ImageCounted, ImageFailed, count_images
    from napari_wbc.pipeline import CountOptions

    drawn = draw_fields(work / "small", 20, 300, 400)
    images = _named(work / "soak", fields, drawn, real_fields(real))
    rss, seconds, problems = [], [], []
    began = time.perf_counter()
    page = os.sysconf("SC_PAGE_SIZE")
    for event in count_images(images, work / "soak-out", CountOptions(um_per_px=0.1)):
        if isinstance(event, ImageFailed):
            problems.append(event.line)
        if isinstance(event, ImageCounted | ImageFailed):
            rss.append(int(Path("/proc/self/statm").read_text().split()[1]) * page)
            seconds.append(round(time.perf_counter() - began, 2))
            if len(rss) % 20 == 0:
                _write(rss, seconds, problems, fields, real)
                print(f"{len(rss)} fields, {rss[-1] >> 20} MiB", flush=True)
        if isinstance(event, BatchFinished):
            _write(rss, seconds, problems, fields, real)
    return 0


def real_fields(n: int) -> list[Path]:
    """Give fields of the development images, as many of each laboratory."""
    folder = Path(os.environ.get("NAPARI_WBC_DATA", ROOT.parent / "shared" / "data"))
    if n == 0:
        return []
    with (folder / "fields.csv").open(encoding="utf-8") as file:
        by_domain: dict[str, list[Path]] = {}
        for row in csv.DictReader(file):
            by_domain.setdefault(row["domain"], []).append(folder / row["path"])
    return [paths[i] for i in range(n) for paths in by_domain.values() if i < len(paths)][:n]


def _named(folder: Path, n: int, drawn: list[Path], real: list[Path]) -> list[str]:
    """Name n fields: links, since each needs a name of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for i in range(n):
        one = real[(i // 10) % len(real)] if real and i % 10 == 9 else drawn[i % len(drawn)]
        link = folder / f"{i:04d}{one.suffix}"
        if not link.exists():
            link.symlink_to(one.resolve())
        names.append(str(link))
    return names


def _write(rss: list[int], seconds: list[float], problems: list[str], fields: int, real: int) -> None:
    warm = np.array(rss[min(_WARM, len(rss) // 2) :], float) / 2**20
    growth = float(np.polyfit(np.arange(len(warm)), warm, 1)[0] * 1000) if len(warm) > 2 else float("nan")
    record = {
        "fault": "soak: many fields in one process",
        "fields": len(rss),
        "wanted": fields,
        "real_fields_every": 10 if real else 0,
        "failed": problems,
        "warm_up_fields": _WARM,
        "rss_mib_after_warm_up": round(float(warm[0]), 1),
        "rss_mib_at_the_end": round(rss[-1] / 2**20, 1),
        "rss_mib_highest": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "growth_mib_per_1000_fields": round(growth, 2),
        "rss_mib": [round(x / 2**20, 1) for x in rss],
        "seconds": seconds,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "soak.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
