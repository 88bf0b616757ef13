"""Several images: each has its turn, one that fails stops no other, and what was stopped goes on."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import napari_wbc as wbc
from napari_wbc.batch import (
    BatchEvent,
    BatchFinished,
    CountedBefore,
    ImageCounted,
    ImageFailed,
    ImageStarted,
    count_images,
)
from napari_wbc.errors import Cancelled, ModelError, OutputError
from napari_wbc.execution import CancelToken, Progress
from napari_wbc.pipeline import CountOptions
from napari_wbc.results import FILES, result_folders

OPTIONS = CountOptions(um_per_px=0.1)


@pytest.fixture
def images(smear_image: NDArray[np.uint8], tmp_path: Path) -> list[str]:
    """Two halves of a smear, and between them a file that is cut off."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, part in (("left", np.s_[:, :600]), ("right", np.s_[:, 600:])):
        Image.fromarray(smear_image[part]).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes((folder / "left.png").read_bytes()[:5000])
    return [str(folder / f"{name}.png") for name in ("left", "broken", "right")]


def without_progress(events: list[BatchEvent]) -> list[BatchEvent]:
    return [event for event in events if not isinstance(event, Progress)]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Give what does not tell the time."""
    return {name: (folder / name).read_bytes() for name in FILES if name not in ("run.json", "report.html")}


def cancel_at(events: Iterator[BatchEvent], cancel: CancelToken, image: str, tile: int) -> None:
    """Cancel at a tile of an image, and go on until the batch has noticed."""
    current = ""
    for event in events:
        if isinstance(event, ImageStarted):
            current = event.image
        elif isinstance(event, Progress) and event.unit == "tile" and current == image:
            assert event.done <= tile
            if event.done == tile:
                cancel.cancel()


def test_each_image_has_its_turn(images: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    events = list(count_images(images, out, OPTIONS))
    kinds = [ImageStarted, ImageCounted, ImageStarted, ImageFailed, ImageStarted, ImageCounted, BatchFinished]
    told = without_progress(events)
    assert [type(event) for event in told] == kinds
    assert [event.image for event in told if isinstance(event, ImageStarted)] == images
    assert told[-1] == BatchFinished(counted=2, before=0, failed=1)
    assert sorted(item.name for item in out.iterdir()) == ["left", "right"]

    failed = told[3]
    assert isinstance(failed, ImageFailed)
    assert "broken" in failed.line
    assert failed.line.count("\n") == 0
    assert images[1] not in failed.line

    counted = told[1]
    assert isinstance(counted, ImageCounted)
    single = wbc.count(images[0], um_per_px=0.1)
    assert counted.n_cells == len(single.cells) > 0
    assert counted.differential.to_dict() == single.differential.to_dict()
    assert counted.run["parameters"] == single.run["parameters"]
    assert bytes_of(counted.folder) == bytes_of(single.write(tmp_path / "single" / "left"))


def test_what_was_cancelled_goes_on_and_gives_the_same_bytes(
    images: list[str], small_tiles: None, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    list(count_images(images, whole, OPTIONS))

    cancel = CancelToken()
    with pytest.raises(Cancelled):
        cancel_at(count_images(images, out, OPTIONS, cancel=cancel), cancel, images[2], tile=5)
    there = {item.name for item in out.iterdir()}
    assert there - {"right.journal"} == {"left"}

    kept = (out / "left" / "run.json").read_bytes()
    again = without_progress(list(count_images(images, out, OPTIONS, resume=True)))
    assert [type(event) for event in again[1::2]] == [CountedBefore, ImageFailed, ImageCounted]
    assert again[-1] == BatchFinished(counted=1, before=1, failed=1)
    assert (out / "left" / "run.json").read_bytes() == kept
    assert sorted(item.name for item in out.iterdir()) == ["left", "right"]
    for name in ("left", "right"):
        assert bytes_of(out / name) == bytes_of(whole / name)


def test_without_resume_everything_is_counted_anew(images: list[str], tmp_path: Path) -> None:
    first = without_progress(list(count_images(images[:1], tmp_path / "out", OPTIONS)))
    second = without_progress(list(count_images(images[:1], tmp_path / "out", OPTIONS)))
    assert first[-1] == second[-1] == BatchFinished(counted=1, before=0, failed=0)


def test_other_parameters_are_another_count(images: list[str], tmp_path: Path) -> None:
    list(count_images(images[:1], tmp_path / "out", OPTIONS))
    other = CountOptions(um_per_px=0.11)
    ended = list(count_images(images[:1], tmp_path / "out", other, resume=True))[-1]
    assert ended == BatchFinished(counted=1, before=0, failed=0)


def test_results_that_cannot_be_read_are_counted_again(images: list[str], tmp_path: Path) -> None:
    list(count_images(images[:1], tmp_path / "out", OPTIONS))
    (tmp_path / "out" / "left" / "differential.json").write_text("{", encoding="utf-8")
    ended = list(count_images(images[:1], tmp_path / "out", OPTIONS, resume=True))[-1]
    assert ended == BatchFinished(counted=1, before=0, failed=0)


def test_single_images_can_have_options_of_their_own(images: list[str], tmp_path: Path) -> None:
    both = [images[0], images[2]]
    own = {images[2]: CountOptions(um_per_px=0.1, wbc_per_l=7.2e9)}
    ended = [e for e in count_images(both, tmp_path / "out", OPTIONS, own=own) if isinstance(e, ImageCounted)]
    assert [event.run["parameters"]["wbc_per_l"] for event in ended] == [None, 7.2e9]
    again = list(count_images(both, tmp_path / "out", OPTIONS, own=own, resume=True))[-1]
    assert again == BatchFinished(counted=0, before=2, failed=0)


def test_what_all_images_share_is_said_before_anything_is_begun(images: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ModelError, match="rubust"):
        list(count_images(images, out, CountOptions(model="rubust")))
    assert list(out.iterdir()) == []
    with pytest.raises(OutputError, match="file is in the way"):
        list(count_images(images, images[0], OPTIONS))


def test_a_name_that_begins_like_a_home_folder_is_a_name(tmp_path: Path) -> None:
    assert result_folders(["~nobody.png", "~$lock.png"], tmp_path) == {
        "~nobody.png": tmp_path / "~nobody",
        "~$lock.png": tmp_path / "~$lock",
    }


def test_a_disk_without_room_for_anything_says_so(
    images: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OutputError, match=r"cannot be written there \(the disk is full; make room on it"):
        list(count_images(images, tmp_path / "out", OPTIONS))
