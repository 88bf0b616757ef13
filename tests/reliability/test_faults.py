"""A bounded part of ``python -m benchmarks.reliability``: nothing is lost or counted twice, and one line says why."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import napari_wbc as wbc
from napari_wbc.cli import main
from napari_wbc.errors import InputError, OutputError
from napari_wbc.execution import Progress
from napari_wbc.execution.claims import claimed, lock_beside
from napari_wbc.execution.journal import Journal
from napari_wbc.pipeline import CountOptions, count_events
from napari_wbc.results import journal_of
from napari_wbc.review.log import ChangeLog
from napari_wbc.slides.unchanged import FileChangedError

pytest.importorskip("resource", reason="limits of a process are those of POSIX")
pytest.importorskip("psutil")
if "forkserver" not in multiprocessing.get_all_start_methods():
    pytest.skip("the campaign forks", allow_module_level=True)

from benchmarks.reliability import same
from benchmarks.reliability.jobs import counting, draw_fields
from benchmarks.reliability.kill import kill_command
from benchmarks.reliability.victim import Victim, ended

UM_PER_PX = 0.1


@pytest.fixture
def slide(smear_image: NDArray[np.uint8], tmp_path: Path) -> Path:
    """A part of the smear as a tiled TIFF, of which a count reads a part at a time."""
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, smear_image[:600, :800], tile=(64, 64), compression="deflate", photometric="rgb")
    return path


def until_tile(slide: Path, journal: Path, tile: int) -> Iterator[object]:
    """Count until so many tiles are done; what is taken from then on comes after that."""
    events = count_events(slide, CountOptions(um_per_px=UM_PER_PX, journal=journal))
    for event in events:
        if isinstance(event, Progress) and event.unit == "tile" and event.done == tile:
            break
    return events


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Let no file of this process grow larger: what a full disk does, for a moment."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_count_that_is_killed_again_and_again_gives_the_same_bytes(tmp_path: Path) -> None:
    outcome = kill_command("count", tmp_path, times=2, seed=5)
    assert outcome.injected == 2
    assert outcome.broken == []


def test_a_disk_that_is_full_is_told_and_the_count_goes_on(tmp_path: Path) -> None:
    job, out = counting("", draw_fields(tmp_path / "fields", 1)), tmp_path / "out"
    full = ended(
        Victim(job.work, job.arguments(out, again=False), out, tmp_path / "said", largest_file=60_000)
    )
    assert full.code == 1
    assert len(full.complained.splitlines()) == 1
    assert "out/field0/overlay.png: the file would be larger than files may be here" in full.complained
    assert full.complained.endswith("start again; with --resume the same command goes on from here\n")
    assert [path.name for path in out.iterdir()] == ["field0.journal"]
    whole = ended(Victim(job.work, job.arguments(out, again=True), out, tmp_path / "said"))
    assert (whole.code, whole.complained) == (0, "")
    ended(Victim(job.work, job.arguments(tmp_path / "alone", again=False), out, tmp_path / "said"))
    assert same.holds(out) == same.holds(tmp_path / "alone")


def test_a_journal_on_a_full_disk_says_so(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.journal", "abc") as journal:
        journal.add(b"first")
        with (
            no_file_above(400),
            pytest.raises(
                OutputError, match=r"journal cannot be written \(the file would be larger"
            ) as caught,
        ):
            journal.add(os.urandom(100_000))
        assert "\n" not in str(caught.value)
    with Journal(tmp_path / "a.journal", "abc") as journal:
        assert list(journal.records()) == [b"first"]


def test_a_change_of_a_review_that_finds_no_room_is_not_made_and_the_next_one_is(tmp_path: Path) -> None:
    log = ChangeLog(tmp_path / "changes.jsonl")
    log.append({"do": "first"})
    with (
        no_file_above((tmp_path / "changes.jsonl").stat().st_size + 10),
        pytest.raises(OutputError, match=r"could not be saved .* so it was not made"),
    ):
        log.append({"do": "lost"})
    log.append({"do": "second"})
    assert ChangeLog(tmp_path / "changes.jsonl").entries == [{"do": "first"}, {"do": "second"}]
    assert [path.name for path in tmp_path.iterdir()] == ["changes.jsonl"]


def test_two_processes_do_not_write_the_same_results(
    slide: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out" / "slide"
    folder.parent.mkdir()
    with ThreadPoolExecutor(1) as another:
        held = claimed(lock_beside(folder), folder)
        another.submit(held.__enter__).result()
        argv = ["count", str(slide), "--out", str(folder.parent), "--um-per-px", str(UM_PER_PX), "--quiet"]
        assert main(argv) == 1
        another.submit(held.__exit__, None, None, None).result()
    complaint = capsys.readouterr().err
    assert complaint.endswith(
        "slide: another process is writing there; wait until it has ended, or give another place\n"
    )
    assert len(complaint.splitlines()) == 1
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("way", ["written over", "replaced"])
def test_no_result_is_of_two_images(slide: Path, small_tiles: None, tmp_path: Path, way: str) -> None:
    journal = journal_of(tmp_path / "slide")
    events = until_tile(slide, journal, 3)
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.full((600, 800, 3), 240, np.uint8), tile=(64, 64), photometric="rgb")
    if way == "replaced":
        other.replace(slide)
    else:
        slide.write_bytes(other.read_bytes())
    with pytest.raises(InputError) as caught:
        list(events)
    if way == "replaced":
        assert isinstance(caught.value, FileChangedError)
        assert str(caught.value).startswith(
            f"{slide}: the file was changed or replaced while it was read; start again"
        )
    assert "\n" not in str(caught.value)
    result = wbc.count(slide, um_per_px=UM_PER_PX, journal=journal)
    assert result.run["tiles_resumed"] == 0
    assert len(result.cells) == 0


def test_an_image_that_was_only_touched_is_the_same(slide: Path, small_tiles: None, tmp_path: Path) -> None:
    events = until_tile(slide, tmp_path / "slide.journal", 3)
    os.utime(slide, ns=(1, 1))
    *_, result = events
    assert result.write(tmp_path / "slide").is_dir()


def test_a_slide_that_is_cut_off_is_named_and_goes_on_when_it_is_back(
    slide: Path, small_tiles: None, tmp_path: Path
) -> None:
    whole, journal = slide.read_bytes(), tmp_path / "slide.journal"
    expected = wbc.count(slide, um_per_px=UM_PER_PX).cells
    events = until_tile(slide, journal, 2)
    os.truncate(slide, len(whole) // 3)
    with pytest.raises(
        InputError, match=r"slide\.tif: the file (is truncated|is broken at|was changed)"
    ) as caught:
        list(events)
    assert "\n" not in str(caught.value)
    slide.write_bytes(whole)
    assert wbc.count(slide, um_per_px=UM_PER_PX, journal=journal).cells.equals(expected)
