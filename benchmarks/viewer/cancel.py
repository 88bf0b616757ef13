"""From a click on Cancel to idle, at several moments of a count in a real viewer.

One run after the other on a drawn slide in a fresh process; the first is cancelled while the libraries of the
classifier are loaded. A moment is a function that the worker is in. "cpu_ms" is the work of the whole process
meanwhile: what else the machine does leaves it as it is.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.viewer._count_scene import MOMENTS, in_fresh_process
from benchmarks.viewer.counting import drawn_slide

SLIDE_PX = 4000


def run() -> dict[str, Any]:
    """Cancel at every moment."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        slide = drawn_slide(home / "drawn.svs", SLIDE_PX)
        figures = in_fresh_process(home, "cancel", slide)
    longest = max(moment["ms"] for moment in figures.values())
    return {
        "slide_px": [SLIDE_PX, SLIDE_PX],
        "moments": MOMENTS,
        "cancel_to_idle": figures,
        "longest_ms": longest,
    }
