"""The longest time in which the GUI thread takes no events while a count runs, and while its review is opened.

A real field and a drawn slide are counted in a real viewer, with the widget "Count leukocytes" in its dock, each in a
fresh process; the field twice, for the first time much is loaded and made. The review of the slide is then opened in
another process, and in one more 10,000 chance cells are shown at once, in turns as we do and in one go.
Events are taken in passes, as Qt's own loop does; a pass lasts until Python has the turn again, so that a worker that
keeps the interpreter counts as well. "cpu_ms" is the work of the GUI thread alone: what else the machine does leaves it
as it is. "where" is the place where most of a block was spent, the outermost function of ours first.

"napari_alone" is what it costs the same viewer to take an empty Labels and an empty Points layer and to draw them: what
no count can do without.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.viewer._count_scene import in_fresh_process

from napari_wbc.slides.synthetic import EVERY_CLASS, SmearParameters, write_sample

ROOT = Path(__file__).resolve().parents[2]
IMAGES = Path(os.environ.get("NAPARI_WBC_DATA", ROOT.parent / "shared" / "data"))
FIELD = "fields/chula/B-30_0047.webp"
SLIDE_PX, UM_PER_PX = 5000, 0.32


def run() -> dict[str, Any]:
    """Count both, then open the review of the slide."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        slide = drawn_slide(home / "drawn.svs", SLIDE_PX)
        figures: dict[str, Any] = {"napari_alone": in_fresh_process(home, "plain")}
        figures["field"] = in_fresh_process(home, "count", IMAGES / FIELD, "2")
        figures["slide"] = in_fresh_process(home, "count", slide, "1")
        figures["reopened"] = in_fresh_process(home, "reopen", figures["slide"]["review"])
        figures["10000_cells_shown"] = in_fresh_process(home, "paint")
    for name in ("field", "slide"):
        del figures[name]["review"]
    return {"field_image": FIELD, "slide_px": [SLIDE_PX, SLIDE_PX]} | figures


def drawn_slide(path: Path, side: int) -> Path:
    """Draw a slide that is full of leukocytes."""
    parameters = SmearParameters(
        height=side,
        width=side,
        um_per_px=UM_PER_PX,
        seed=3,
        composition=EVERY_CLASS,
        leukocytes_per_mm2=1500,
    )
    return write_sample(path, parameters)
