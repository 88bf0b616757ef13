"""What takes seconds when it is used for the first time, done beside the GUI thread before it is needed."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache

import numpy as np

from napari_wbc.execution.progress import CancelToken

_LOOK_S = 0.05


def compile_colours() -> None:
    """Compile what napari keeps the colours of labels in: a dictionary of numba's, where that is installed."""
    if importlib.util.find_spec("numba") is not None:
        from numba import typed, types

        colours = typed.Dict.empty(types.uint8, types.uint8)
        colours[np.uint8(0)] = np.uint8(0)


def import_torch() -> None:
    """Import what the classifier runs on."""
    # One after the other, for both hold up the GUI thread a little.
    _thread(compile_colours).join()
    # Where that fails, the count tells why.
    with suppress(ImportError, OSError):
        import torch  # noqa: F401


def prepare() -> None:
    """Begin with all of it, unless that was done."""
    _thread(import_torch)


def wait_for(what: Callable[[], None], cancel: CancelToken) -> None:
    """Wait in a worker until something of it is done; begin with it where nobody did.

    Parameters
    ----------
    what : callable
        :func:`compile_colours` or :func:`import_torch`.
    cancel : CancelToken
        Nothing can stop an import, but the waiting for it stops at once.

    Raises
    ------
    Cancelled
        ``cancel`` was set.
    """
    thread = _thread(what)
    while thread.is_alive():
        cancel.check()
        thread.join(_LOOK_S)


@cache
def _thread(what: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=what, name=f"napari-wbc {what.__name__}", daemon=True)
    thread.start()
    return thread
