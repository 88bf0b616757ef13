"""A place that one process writes at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from napari_wbc.errors import OutputError


def lock_beside(place: Path) -> Path:
    """Give the hidden file beside a place that stands for the process that writes there.

    Examples
    --------
    >>> lock_beside(Path("results", "smear")).name
    '.smear.lock'
    """
    return place.with_name(f".{place.name}.lock")


@contextmanager
def claimed(lock: Path, place: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold a place against other processes while a job writes there.

    The system takes the claim back when the process ends, however it ends. On a file system that knows no locks it
    holds nobody off.

    Parameters
    ----------
    lock : Path
        An empty file that stands for the place while it is held; its folder must exist.
    place : Path
        What is held, for the message.
    wait_s : float, optional
        How long to wait for another process to let go, s.

    Raises
    ------
    OutputError
        It is held already, by another process or by this one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, claimed(Path(folder, ".lock"), Path(folder)):
    ...     print([path.name for path in Path(folder).iterdir()])
    ['.lock']
    """
    held = FileLock(lock, thread_local=False)
    claim: BaseFileLock | None = held
    try:
        held.acquire(timeout=wait_s)
    except Timeout:
        raise OutputError(
            f"{place}: another process is writing there; wait until it has ended, or give another place"
        ) from None
    except (OSError, NotImplementedError):
        # No locks there: the job goes on as it would without a claim.
        claim = None
    try:
        yield
    finally:
        if claim is not None:
            # While it is held: whoever opened it in the meantime finds it gone and makes a new one.
            with suppress(OSError):
                lock.unlink()
            claim.release()
