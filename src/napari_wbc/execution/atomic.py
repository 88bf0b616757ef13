"""Files and folders that are either whole or not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its place when the block ends without an error.

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
    handle, name = tempfile.mkstemp(prefix=".", suffix="".join(["-", path.name]), dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files that only their owner can read; results follow the user's umask.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` that takes its place when the block ends without an error.

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
    parent = path.absolute().parent
    temporary = Path(tempfile.mkdtemp(prefix=".", suffix=f"-{path.name}", dir=parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if not path.exists():
            temporary.rename(path)
            return
        # A folder cannot be renamed over another: the old one steps aside, and back if the new one fails to arrive.
        with tempfile.TemporaryDirectory(prefix=".", suffix=f"-{path.name}", dir=parent) as aside:
            old = Path(aside) / "old"
            path.rename(old)
            try:
                temporary.rename(path)
            except OSError:
                old.rename(path)
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
