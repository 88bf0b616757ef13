"""A stop watch for what the viewer does with cells by chance."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import napari
from benchmarks.asv.chance_cells import CLASSES, random_cells
from qtpy.QtWidgets import QApplication

__all__ = ["CLASSES", "draw", "milliseconds", "random_cells"]


def milliseconds(
    action: Callable[[], object], times: int = 5, after: Callable[[], object] | None = None
) -> float:
    """Median of the time that an action takes in the GUI thread.

    Parameters
    ----------
    action : callable
        What is measured.
    times : int, optional
        How often.
    after : callable, optional
        Measured with it. Without, what waits for the thread is done in between, and not measured.
    """
    taken = []
    for _ in range(times):
        before = time.perf_counter()
        action()
        if after is not None:
            after()
        taken.append(1000 * (time.perf_counter() - before))
        QApplication.processEvents()
    return statistics.median(taken)


def draw(viewer: napari.Viewer) -> Callable[[], object]:
    """Give what draws a viewer's canvas at once."""
    return lambda: viewer.screenshot(canvas_only=True, flash=False)
