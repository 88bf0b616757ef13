"""How time and memory of a whole count grow with the slide, from 10^7 to 8 x 10^9 pixels.

    python benchmarks/slide_growth.py measure --folder SLIDES --workers 2
    python benchmarks/slide_growth.py table
    python benchmarks/slide_growth.py plot

``measure`` draws synthetic slides at 0.25 µm per px (Aperio-style SVS, JPEG; the largest has 2 GB) into a folder,
unless they are there already, and counts each with the command line: decoding, finding, classifying, report. It looks
at the memory of every process (resident, four times a second), and at the CPU seconds of all of them, which say more
than the minutes where other work shares the machine: where the load (processes that want a core, on average, while
it ran) is far above the number of workers, the minutes tell nothing, and the table leaves them out. The figures are
kept in slide_growth.json beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "slide_growth.json"
PICTURE = HERE.parent / "docs" / "images" / "slide_growth.svg"
#: Width and height, px.
SIZES = [(4000, 2500), (12500, 8000), (40000, 25000), (100000, 80000)]
UM_PER_PX, SEED, LEUKOCYTES_PER_MM2 = 0.25, 5, 35.0


def draw(folder: Path, width: int, height: int) -> Path:
    """Draw a slide, unless it is there."""
    from napari_wbc.slides.synthetic import SmearParameters, write_sample

    path = folder / f"smear-{width}x{height}.svs"
    if not path.exists():
        parameters = SmearParameters(
            height=height,
            width=width,
            um_per_px=UM_PER_PX,
            seed=SEED,
            leukocytes_per_mm2=LEUKOCYTES_PER_MM2,
        )
        write_sample(path, parameters)
    return path


def count(path: Path, workers: int, folder: Path) -> dict[str, Any]:
    """Count a slide in a process of its own and watch it and its workers."""
    results = folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("napari-wbc")), "count", str(path), "--out", str(results)]
    command += ["--workers", str(workers), "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    load = []
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    main, peak, seconds = psutil.Process(process.pid), {}, {}
    while process.poll() is None:
        try:
            family = [main, *main.children(recursive=True)]
        except psutil.Error:
            break
        for member in family:
            try:
                peak[member.pid] = max(peak.get(member.pid, 0), member.memory_info().rss)
                times = member.cpu_times()
                seconds[member.pid] = times.user + times.system
            except psutil.Error:
                continue
        load.append(psutil.getloadavg()[0])
        time.sleep(0.25)
    if process.wait() != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    minutes = (time.perf_counter() - start) / 60
    run = json.loads(next(results.glob("*/run.json")).read_text(encoding="utf-8"))
    cells = pd.read_csv(next(results.glob("*/cells.csv")))
    truth = pd.read_csv(path.with_suffix("").with_suffix(".truth.csv"))
    # Helpers of multiprocessing that hold no slide stay far below this.
    others = [size for pid, size in peak.items() if pid != process.pid and size > 60 << 20]
    return {
        "minutes": minutes,
        "load": float(np.mean(load)),
        "cpu_seconds": sum(seconds.values()),
        "cpu_seconds_main": seconds[process.pid],
        "peak_main_mb": peak[process.pid] / 2**20,
        "peak_worker_mb": max(others, default=0) / 2**20,
        "cells": len(cells),
        "drawn": len(truth),
        "found": found(cells, truth),
        "seconds": run["seconds"],
        "file_mb": path.stat().st_size / 2**20,
    }


def found(cells: pd.DataFrame, truth: pd.DataFrame) -> float:
    """Share of the drawn leukocytes in whose box the centre of a cell lies."""
    order = np.argsort(cells["y_px"].to_numpy())
    y, x = cells["y_px"].to_numpy()[order], cells["x_px"].to_numpy()[order]
    hits = 0
    for y0, x0, y1, x1 in truth[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy(float):
        near = slice(*np.searchsorted(y, [y0, y1]))
        hits += bool(((x[near] >= x0) & (x[near] < x1)).any())
    return hits / max(1, len(truth))


def measure(folder: Path, workers: int, most_px: float) -> None:
    """Measure every size; what was measured before is replaced size by size."""
    known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    for width, height in SIZES:
        if width * height > most_px:
            continue
        path = draw(folder, width, height)
        with tempfile.TemporaryDirectory() as scratch:
            row = count(path, workers, Path(scratch))
        known[f"{width} x {height}"] = {"px": width * height, "workers": workers, **row}
        FIGURES.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        print(f"{width} x {height}: {row['minutes']:.2f} min, {row['cpu_seconds']:.0f} CPU s", flush=True)


def rows() -> list[tuple[str, dict[str, Any]]]:
    known = json.loads(FIGURES.read_text(encoding="utf-8"))
    return sorted(known.items(), key=lambda item: item[1]["px"])


def table() -> None:
    """Print what was measured."""
    print(
        "| slide, px | file, MB | cells | drawn ones found | workers | CPU s | Mpx per CPU s "
        "| peak of the main process, MB | of a worker, MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, row in rows():
        print(
            f"| {name} | {row['file_mb']:.0f} | {row['cells']} | {row['found']:.4f} | {row['workers']} "
            f"| {row['cpu_seconds']:.0f} | {row['px'] / 1e6 / row['cpu_seconds']:.1f} "
            f"| {row['peak_main_mb']:.0f} | {row['peak_worker_mb']:.0f} |"
        )


def plot() -> None:
    """Draw time and memory over the number of px."""
    import matplotlib as mpl

    mpl.use("svg")
    # The same file for the same figures.
    mpl.rcParams["svg.hashsalt"] = "slide_growth"
    import matplotlib.pyplot as plt

    measured = [row for _, row in rows()]
    px = np.array([row["px"] for row in measured])
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.loglog(px, [row["cpu_seconds"] for row in measured], "o-", color="#7b3294", label="all processes")
    left.axhline(720, color="0.6", lw=1, ls=":")
    left.text(px[0], 760, "6 minutes of two cores", color="0.4", fontsize=8)
    left.set(xlabel="pixels of the slide", ylabel="CPU seconds", ylim=(5, 1500))
    right.semilogx(px, [row["peak_main_mb"] for row in measured], "o-", color="#7b3294", label="main process")
    workers = np.array([row["peak_worker_mb"] for row in measured])
    shown = workers > 0
    right.semilogx(px[shown], workers[shown], "s--", color="#008837", label="a worker")
    right.axhline(1024, color="0.6", lw=1, ls=":")
    right.text(px[0], 1035, "1 GB", color="0.4", fontsize=8)
    right.set(xlabel="pixels of the slide", ylabel="peak memory, MB", ylim=(0, None))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["measure", "table", "plot"])
    parser.add_argument("--folder", type=Path, help="where the drawn slides are kept")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--most-px", type=float, default=1e10, help="leave out larger slides")
    options = parser.parse_args()
    if options.what == "measure":
        with tempfile.TemporaryDirectory() as scratch:
            measure(options.folder or Path(scratch), options.workers, options.most_px)
    elif options.what == "table":
        table()
    else:
        plot()


if __name__ == "__main__":
    main()
