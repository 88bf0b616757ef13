"""Files and folders are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_wbc.execution.atomic import atomic_folder, atomic_path


def interrupt_after(writing: Path) -> None:
    writing.write_text("half")
    raise KeyboardInterrupt


def test_file_takes_its_place_at_the_end(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.csv") as temporary:
        temporary.write_text("new")
        assert temporary.name.endswith("a.csv")
        assert not (tmp_path / "a.csv").exists()
    assert (tmp_path / "a.csv").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1


def test_failed_file_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "a.csv") as temporary:
        interrupt_after(temporary)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("earlier", [False, True])
def test_folder_takes_its_place_at_the_end(tmp_path: Path, earlier: bool) -> None:
    folder = tmp_path / "result"
    if earlier:
        folder.mkdir()
        (folder / "old.txt").touch()
    with atomic_folder(folder) as temporary:
        (temporary / "new.txt").touch()
        assert not (folder / "new.txt").exists()
    assert [p.name for p in folder.iterdir()] == ["new.txt"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("earlier", [False, True])
def test_failed_folder_leaves_no_trace(tmp_path: Path, earlier: bool) -> None:
    folder = tmp_path / "result"
    if earlier:
        folder.mkdir()
        (folder / "old.txt").touch()
    with pytest.raises(KeyboardInterrupt), atomic_folder(folder) as temporary:
        interrupt_after(temporary / "half.txt")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == (["old.txt"] if earlier else [])
    assert list(tmp_path.iterdir()) == ([folder] if earlier else [])


def test_results_can_be_read_by_others(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "result"), atomic_path(tmp_path / "file"):
        pass
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain.txt").touch()
    assert (tmp_path / "result").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode
