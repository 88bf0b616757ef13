"""Files and folders are whole or not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_wbc.execution import atomic
from napari_wbc.execution.atomic import atomic_folder, atomic_path
from skips import needs_posix_signals


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


#: Is killed while it writes a file and a folder.
_KILLED = """
import os, sys
from pathlib import Path
from napari_wbc.execution.atomic import atomic_folder, atomic_path
with atomic_path(Path(sys.argv[1], "a.csv")) as a, atomic_folder(Path(sys.argv[1], "result")) as b:
    a.write_text("half")
    (b / "half.txt").touch()
    os.kill(os.getpid(), 9)
"""


@needs_posix_signals
def test_what_a_killed_process_left_is_cleared_away_and_what_a_live_one_writes_is_not(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False).returncode == -9
    left = set(tmp_path.iterdir())
    assert len(left) == 2
    with atomic_path(tmp_path / "b.csv"):
        pass
    assert left < set(tmp_path.iterdir()), "what is left of other files is none of our business"
    with atomic_path(tmp_path / "a.csv") as ours, atomic_folder(tmp_path / "result") as our_folder:
        assert left.isdisjoint(tmp_path.iterdir())
        with atomic_path(tmp_path / "a.csv") as theirs, atomic_folder(tmp_path / "result") as their_folder:
            assert {ours, our_folder, theirs, their_folder} < set(tmp_path.iterdir())
            theirs.write_text("first")
        ours.write_text("last")
    assert (tmp_path / "a.csv").read_text() == "last"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv", "result"]


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system on which two folders cannot change places in one step."""
    monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)


@pytest.mark.usefixtures("no_exchange")
def test_without_an_exchange_the_old_folder_steps_aside(tmp_path: Path) -> None:
    test_folder_takes_its_place_at_the_end(tmp_path, earlier=True)


@pytest.mark.usefixtures("no_exchange")
def test_a_folder_that_cannot_arrive_leaves_the_old_one_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, rename = tmp_path / "result", Path.rename
    folder.mkdir()
    (folder / "old.txt").touch()

    def refused(source: Path, target: Path) -> Path:
        if source.name.startswith(".wbc-"):
            raise PermissionError("no")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(PermissionError), atomic_folder(folder) as temporary:
        (temporary / "new.txt").touch()
    assert [path.name for path in folder.iterdir()] == ["old.txt"]
    assert list(tmp_path.iterdir()) == [folder]


@needs_posix_signals
def test_a_link_to_a_folder_is_replaced_and_what_it_leads_to_is_not(tmp_path: Path) -> None:
    there, link = tmp_path / "there", tmp_path / "result"
    there.mkdir()
    (there / "old.txt").touch()
    link.symlink_to(there)
    with atomic_folder(link) as temporary:
        (temporary / "new.txt").touch()
    assert [path.name for path in link.iterdir()] == ["new.txt"]
    assert [path.name for path in there.iterdir()] == ["old.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result", "there"]


@needs_posix_signals
def test_a_folder_that_is_replaced_is_there_at_every_moment(tmp_path: Path) -> None:
    folder, seen = tmp_path / "result", []
    folder.mkdir()

    def look(event: str, args: tuple[object, ...]) -> None:
        if event == "os.rename" and str(tmp_path) in str(args[0]):
            seen.append(args)

    sys.addaudithook(look)
    with atomic_folder(folder) as temporary:
        (temporary / "new.txt").touch()
    assert [path.name for path in folder.iterdir()] == ["new.txt"]
    if sys.platform == "linux":
        assert seen == [], "no moment without the folder: the two change places in one step"
