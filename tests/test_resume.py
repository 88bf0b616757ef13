"""Counts that are killed go on where they were, and give the same bytes as one that nobody disturbed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

import napari_wbc as wbc
from napari_wbc.cell_table import write_cells_csv
from napari_wbc.cli import main
from napari_wbc.count_result import CountResult
from napari_wbc.execution import Progress
from napari_wbc.found_cells import Found
from napari_wbc.pipeline import CountOptions, count_events
from napari_wbc.results import FILES
from napari_wbc.segmentation import tiles
from skips import needs_posix_signals

UM_PER_PX = 0.1
pytestmark = needs_posix_signals


@pytest.fixture(scope="module")
def picture(smear_image: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two smears side by side, so that there are cells enough for several batches."""
    path = tmp_path_factory.mktemp("picture") / "wide.png"
    Image.fromarray(np.hstack([smear_image, smear_image[:, ::-1]])).save(path)
    return path


@pytest.fixture(scope="module")
def expected(picture: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """``cells.csv``, counted in one tile."""
    folder = tmp_path_factory.mktemp("expected") / "wide"
    return (wbc.count(picture, um_per_px=UM_PER_PX).write(folder) / "cells.csv").read_bytes()


def cells_csv(result: CountResult, folder: Path) -> bytes:
    return write_cells_csv(result.cells, folder / "cells.csv").read_bytes()


def broken_off(picture: Path, journal: Path, tiles_done: int) -> int:
    """Count until so many tiles are done, then stop as if there was no time to say goodbye."""
    options = CountOptions(um_per_px=UM_PER_PX, journal=journal)
    events = count_events(picture, options)
    for event in events:
        if isinstance(event, Progress) and event.unit == "tile" and event.done == tiles_done:
            break
    events.close()
    return journal.stat().st_size if journal.exists() else 0


@pytest.mark.parametrize(("workers", "core"), [(1, 150), (2, 333)])
def test_tiles_and_workers_do_not_show_in_a_single_byte(
    picture: Path, expected: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: int, core: int
) -> None:
    plan = tiles.plan_tiles
    # From the last tile to the first one: cells come in another order.
    monkeypatch.setattr(tiles, "plan_tiles", lambda shape, um: plan(shape, um, core_px=core)[::-1])
    result = wbc.count(picture, um_per_px=UM_PER_PX, workers=workers)
    assert result.run["tiles"] > 10
    assert cells_csv(result, tmp_path) == expected


def test_going_on_gives_the_same_bytes(
    picture: Path, expected: bytes, small_tiles: None, tmp_path: Path
) -> None:
    journal = tmp_path / "wide.journal"
    assert broken_off(picture, journal, 30) > 1000
    whole = wbc.count(picture, um_per_px=UM_PER_PX)
    result = wbc.count(picture, um_per_px=UM_PER_PX, journal=journal)
    assert 0 < result.run["tiles_resumed"] <= 30
    assert cells_csv(result, tmp_path) == expected
    np.testing.assert_array_equal(result.embeddings, whole.embeddings)
    assert result.region_quality == whole.region_quality
    for one, other in zip(result.masks, whole.masks, strict=True):
        np.testing.assert_array_equal(one.cell, other.cell)
        np.testing.assert_array_equal(one.nucleus, other.nucleus)
    assert journal.exists(), "the result is not written yet"
    result.write(tmp_path / "wide")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["cells.csv", "wide"]


def test_other_tiles_make_no_use_of_a_journal_that_does_not_fit(
    picture: Path, expected: bytes, small_tiles: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "wide.journal"
    broken_off(picture, journal, 30)
    plan = tiles.plan_tiles
    monkeypatch.setattr(tiles, "plan_tiles", lambda shape, um: plan(shape, um * 1.5))
    result = wbc.count(picture, um_per_px=UM_PER_PX, journal=journal)
    assert result.run["tiles_resumed"] == 0
    assert cells_csv(result, tmp_path) == expected


def test_torn_end_is_done_again(picture: Path, expected: bytes, small_tiles: None, tmp_path: Path) -> None:
    journal = tmp_path / "wide.journal"
    size = broken_off(picture, journal, 40)
    os.truncate(journal, size - 100)
    result = wbc.count(picture, um_per_px=UM_PER_PX, journal=journal)
    assert 0 < result.run["tiles_resumed"] < 40
    assert cells_csv(result, tmp_path) == expected


@pytest.mark.parametrize("change", ["image", "region"])
def test_a_journal_of_something_else_is_not_used(
    picture: Path, small_tiles: None, tmp_path: Path, change: str
) -> None:
    journal, other, regions = tmp_path / "wide.journal", tmp_path / "wide.png", None
    broken_off(picture, journal, 30)
    other.write_bytes(picture.read_bytes())
    if change == "image":
        with Image.open(picture) as image:
            image.putpixel((0, 0), (1, 2, 3))
            image.save(other)
    else:
        regions = [(0.0, 0.0, 790.0, 2000.0)]
    result = wbc.count(other, um_per_px=UM_PER_PX, regions=regions, journal=journal)
    assert result.run["tiles_resumed"] == 0


def test_what_the_journal_holds_is_the_same_when_read_back(picture: Path, small_tiles: None) -> None:
    result = wbc.count(picture, um_per_px=UM_PER_PX)
    found = Found(
        tiles=tiles.plan_tiles((800, 2400), UM_PER_PX),
        regions=result.region_quality,
        cells=result.cells,
        masks=result.masks,
        embeddings=result.embeddings,
    )
    again = Found.from_bytes(found.to_bytes())
    assert again.tiles == found.tiles
    assert list(map(repr, again.regions)) == list(map(repr, found.regions))
    assert again.cells.equals(found.cells)
    assert [mask.bbox for mask in again.masks] == [mask.bbox for mask in found.masks]
    assert again.to_bytes() == found.to_bytes()


# The command: it is killed with -9, and the same command goes on.

_COUNT = """
import sys
from napari_wbc.segmentation import tiles
plan = tiles.plan_tiles
tiles.plan_tiles = lambda shape, um_per_px: plan(shape, um_per_px, core_px=200)
from napari_wbc.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""


def command(picture: Path, out: Path, *more: str) -> list[str]:
    return ["count", str(picture), "--out", str(out), "--um-per-px", str(UM_PER_PX), "--quiet", *more]


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_command_that_was_killed_goes_on(
    picture: Path, expected: bytes, small_tiles: None, tmp_path: Path, blow: signal.Signals
) -> None:
    script, out = tmp_path / "count.py", tmp_path / "out"
    script.write_text(_COUNT)
    journal = out / "wide.journal"
    process = subprocess.Popen(
        [sys.executable, str(script), *command(picture, out, "--workers", "2")],
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts background jobs with Ctrl-C ignored, and the tests may be such a job.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        start_new_session=True,
    )
    while not (journal.exists() and journal.stat().st_size > 1000):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children()
    # Ctrl-C reaches every process of a terminal; a kill only one.
    os.killpg(process.pid, blow) if blow is signal.SIGINT else process.send_signal(blow)
    _, complaint = process.communicate(timeout=60)
    if blow is signal.SIGINT:
        assert process.returncode == 130
        assert complaint == "napari-wbc: interrupted; with --resume the same command goes on from here\n"
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    # The empty file that holds others off is free again with the end of the process.
    assert {item.name for item in out.iterdir()} - {".wide.lock"} == {"wide.journal"}

    assert main(command(picture, out, "--resume")) == 0
    assert (out / "wide" / "cells.csv").read_bytes() == expected
    assert sorted(item.name for item in (out / "wide").iterdir()) == sorted(FILES)
    assert [item.name for item in out.iterdir()] == ["wide"]
    run = json.loads((out / "wide" / "run.json").read_text(encoding="utf-8"))
    assert 0 < run["tiles_resumed"] < run["tiles"]


@pytest.mark.parametrize("resume", [True, False])
def test_only_with_resume_the_command_goes_on(
    picture: Path, expected: bytes, small_tiles: None, tmp_path: Path, resume: bool
) -> None:
    broken_off(picture, tmp_path / "wide.journal", 30)
    assert main(command(picture, tmp_path, *["--resume"] * resume)) == 0
    assert (tmp_path / "wide" / "cells.csv").read_bytes() == expected
    run = json.loads((tmp_path / "wide" / "run.json").read_text(encoding="utf-8"))
    assert (run["tiles_resumed"] > 0) is resume
    assert [item.name for item in tmp_path.iterdir()] == ["wide"]


def test_count_with_a_worker_killed_in_the_middle(
    picture: Path, expected: bytes, small_tiles: None, tmp_path: Path
) -> None:
    result, done = None, []
    for event in count_events(picture, CountOptions(um_per_px=UM_PER_PX, workers=2)):
        if isinstance(event, Progress) and event.unit == "tile":
            done.append(event.done)
            if event.done == 5:
                workers = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
                workers[0].kill()
        result = event
    assert isinstance(result, CountResult)
    assert done == list(range(len(done)))
    assert cells_csv(result, tmp_path) == expected
