"""Files and folders that are either whole or not there."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = ".wbc-"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its place when the block ends without an error.

    What a process that was killed left of the same file is cleared away.

    Parameters
    ----------
    path : str or Path
        The file to write. Its folder must exist.

    Yields
    ------
    pathlib.Path
        Where to write; it has the same suffixes as ``path``, so that writers can go by them.
    """
    path = Path(path)
    _clear(path)
    temporary, mark = _marked(path, folder=False)
    try:
        yield temporary
        # It was made so that only its owner can read it; results follow the user's umask.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        _let_go(mark)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` that takes its place when the block ends without an error.

    What a process that was killed left of the same folder is cleared away.

    Parameters
    ----------
    path : str or Path
        The folder to write. Its parent must exist. A folder that is there already is replaced, with all that is
        in it: the caller decides whether that may be.

    Yields
    ------
    pathlib.Path
        Where to write.
    """
    path = Path(path)
    _clear(path)
    temporary, mark = _marked(path, folder=True)
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        _take_place(temporary, path)
    finally:
        # Also an old folder, or a link to one, that changed places with the new one.
        if temporary.is_symlink():
            temporary.unlink()
        shutil.rmtree(temporary, ignore_errors=True)
        _let_go(mark)


def _take_place(temporary: Path, path: Path) -> None:
    """Put a folder where another one may be."""
    if not path.exists():
        temporary.rename(path)
        return
    if _exchange(temporary, path):
        return
    # Without the system's help the old one steps aside, and back if the new one fails to arrive.
    with tempfile.TemporaryDirectory(
        prefix=_PREFIX, suffix=f"-{path.name}", dir=path.absolute().parent
    ) as aside:
        old = Path(aside) / "old"
        path.rename(old)
        try:
            temporary.rename(path)
        except OSError:
            old.rename(path)
            raise


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places at once, so that a kill finds one of them there; False where that is not possible.

    Linux: renameat2 with RENAME_EXCHANGE, 2; macOS: renamex_np with RENAME_SWAP, 2.
    """
    names = os.fsencode(one.absolute()), os.fsencode(other.absolute())
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return bool(library.renamex_np(*names, 2) == 0)
        here = -100  # AT_FDCWD
        return bool(library.renameat2(here, names[0], here, names[1], 2) == 0)
    except (AttributeError, OSError, TypeError):
        return False


def _marked(path: Path, *, folder: bool) -> tuple[Path, int | None]:
    """Make a temporary file or folder and lock it: the lock ends with this process, however it ends."""
    suffix, parent = f"-{path.name}", path.absolute().parent
    while True:
        if folder:
            temporary = Path(tempfile.mkdtemp(suffix, _PREFIX, parent))
            mark = None if sys.platform == "win32" else os.open(temporary, os.O_RDONLY)
        else:
            mark, name = tempfile.mkstemp(suffix, _PREFIX, parent)
            temporary = Path(name)
            if sys.platform == "win32":  # a file that is open cannot be renamed there
                os.close(mark)
                mark = None
        # Another process may have cleared it away before it was locked.
        if mark is None or not _locked(mark, wait=True) or temporary.exists():
            return temporary, mark
        os.close(mark)


def _let_go(mark: int | None) -> None:
    if mark is not None:
        os.close(mark)


def _locked(handle: int, *, wait: bool) -> bool:
    """Lock an open file or folder; False where another process has it, or the file system knows no locks."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _clear(path: Path) -> None:
    """Remove what writers of a file or folder left that are no more."""
    ours = re.compile(rf"{re.escape(_PREFIX)}[a-z0-9_]{{8}}-{re.escape(path.name)}")
    with suppress(OSError), os.scandir(path.absolute().parent) as entries:
        for left in [Path(entry.path) for entry in entries if ours.fullmatch(entry.name)]:
            with suppress(OSError):
                handle = os.open(left, os.O_RDONLY)
                try:
                    if not _locked(handle, wait=False):
                        continue
                    if left.is_dir():
                        shutil.rmtree(left, ignore_errors=True)
                    else:
                        left.unlink(missing_ok=True)
                finally:
                    os.close(handle)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
