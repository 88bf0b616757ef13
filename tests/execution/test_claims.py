"""A place is held by one process at a time, and by none that has ended."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from napari_wbc.errors import OutputError
from napari_wbc.execution.claims import claimed
from skips import needs_posix_signals


def hold(lock: Path) -> str:
    with claimed(lock, lock.parent):
        return "held"


def test_others_are_held_off_until_the_end(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    with ThreadPoolExecutor(1) as another:
        with claimed(lock, tmp_path):
            with pytest.raises(
                OutputError, match="another process is writing there; wait until it has ended"
            ) as caught:
                another.submit(hold, lock).result()
            assert "\n" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []
        assert another.submit(hold, lock).result() == "held"
    assert hold(lock) == "held"
    assert list(tmp_path.iterdir()) == []


_KILLED = """
import os, sys
from pathlib import Path
from napari_wbc.execution.claims import claimed
with claimed(Path(sys.argv[1], ".lock"), Path(sys.argv[1])):
    os.kill(os.getpid(), 9)
"""


@needs_posix_signals
def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False).returncode == -9
    assert (tmp_path / ".lock").exists()
    assert hold(tmp_path / ".lock") == "held"
    assert list(tmp_path.iterdir()) == []


def test_a_place_without_locks_holds_nobody_off(tmp_path: Path) -> None:
    assert hold(tmp_path / "gone" / ".lock") == "held"
