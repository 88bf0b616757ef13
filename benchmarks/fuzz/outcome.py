"""What a reader made of an input: read, refused in one clear line, or one of the ways to fail."""

from __future__ import annotations

import signal
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.fuzz.target import Target

from napari_wbc.errors import WbcError

READ, REFUSED = "read", "refused in one line"
CRASHED, UNCLEAR, WRONG, HUNG, MEMORY = "crashed", "unclear refusal", "wrong", "hung", "out of memory"
FAILURES = (CRASHED, UNCLEAR, WRONG, HUNG, MEMORY)
#: An honest reader of these small files is done in a fraction of it, on any machine.
LIMIT_S = 20


class _Late(BaseException):
    """Raised by the alarm, past every ``except Exception``."""


@contextmanager
def _limit(seconds: int) -> Iterator[None]:
    if not seconds:
        yield
        return

    def late(*_: object) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(target: Target, content: bytes, folder: Path, *, limit_s: int = LIMIT_S) -> tuple[str, str]:
    """Give the kind of the outcome, and where it failed or what was said; a limit of 0 is none."""
    try:
        with _limit(limit_s), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.read(content, folder)
    except WbcError as error:
        text = str(error)
        clear = bool(text.strip()) and "\n" not in text.replace(str(folder), "") and len(text) < 1500
        return (REFUSED, text) if clear else (UNCLEAR, text[:2000])
    except AssertionError as error:
        return WRONG, f"{error} @ {_place(error)}"
    except _Late as error:
        return HUNG, _place(error)
    except MemoryError as error:
        return MEMORY, _place(error)
    except Exception as error:  # noqa: BLE001 - finding any is the purpose
        return CRASHED, f"{type(error).__name__}: {str(error)[:160]!r} @ {_place(error)}"
    return READ, ""


def _place(error: BaseException) -> str:
    """Give the innermost line of ours, and the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "napari_wbc" in f.filename]
    last = frames[-1]
    own = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
    return f"{own} ({Path(last.filename).name}:{last.lineno})"
