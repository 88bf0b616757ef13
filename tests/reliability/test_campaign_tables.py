"""The campaign tells what differs from what is only of another time, and tables without an image from wrong ones."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="limits of a process are those of POSIX")
if "forkserver" not in multiprocessing.get_all_start_methods():
    pytest.skip("the campaign forks", allow_module_level=True)

from benchmarks.reliability import same
from benchmarks.reliability.disk import wrong_tables

WHOLE = "image,results,percent_basophil,percent_monocyte,problem\na.png,a,1.0,99.0,\nb.png,b,,100.0,\n"


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "whole", WHOLE, "a", "b")


def folder_of(folder: Path, counts: str, *images: str, page: str = "<html>...</html>\n") -> Path:
    for image in images:
        (folder / image).mkdir(parents=True)
        (folder / image / "run.json").touch()
    (folder / "counts.csv").write_text(counts)
    (folder / "cohort.html").write_text(page)
    return folder


@pytest.mark.parametrize(
    ("counts", "images"),
    [
        (WHOLE, ("a", "b")),
        # The image that had basophils found no room, so that nobody has a column for them.
        ("image,results,percent_monocyte,problem\na.png,a,,disk full\nb.png,b,100.0,\n", ("b",)),
        # Both are there by now, but there was no room for their table.
        ("image,results,problem\na.png,a,disk full\nb.png,b,disk full\n", ("a", "b")),
    ],
)
def test_tables_of_the_images_that_found_room_are_right(
    tmp_path: Path, whole: Path, counts: str, images: tuple[str, ...]
) -> None:
    assert wrong_tables(folder_of(tmp_path / "out", counts, *images), whole) == []


@pytest.mark.parametrize(
    ("counts", "images", "page", "wrong"),
    [
        (WHOLE[:-1], ("a", "b"), "</html>", "counts.csv is cut off"),
        (WHOLE[:-6] + "\n", ("a", "b"), "</html>", "counts.csv is cut off"),
        (WHOLE, ("a", "b"), "<html>", "cohort.html is cut off"),
        (WHOLE, ("a",), "</html>", "counts.csv: the row of b.png is wrong"),
        (WHOLE.replace("99.0", "98.0"), ("a", "b"), "</html>", "counts.csv: the row of a.png is wrong"),
        (WHOLE.replace("b.png,b,,100.0,\n", ""), ("a", "b"), "</html>", "counts.csv is not about all images"),
    ],
)
def test_tables_that_are_cut_off_or_wrong_are_found(
    tmp_path: Path, whole: Path, counts: str, images: tuple[str, ...], page: str, wrong: str
) -> None:
    assert wrong_tables(folder_of(tmp_path / "out", counts, *images, page=page), whole) == [wrong]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("counted 2026-11-23 by", "counted 2026-11-24 by", True),
        ("at 2026-11-23 23:59 UTC.", "at 2026-11-24 00:00 UTC.", True),
        ("2026-11-23T23:59:59+00:00", "2026-11-24T00:00:01+00:00", True),
        ("counted 2026-11-23: 12 cells", "counted 2026-11-23: 13 cells", False),
    ],
)
def test_the_day_of_a_report_is_no_difference(tmp_path: Path, one: str, other: str, alike: bool) -> None:
    for name, text in (("one.html", one), ("other.html", other)):
        (tmp_path / name).write_text(text)
    assert (same.plain(tmp_path / "one.html") == same.plain(tmp_path / "other.html")) == alike
