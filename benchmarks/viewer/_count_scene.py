"""Scenes of a count in a viewer, each in a fresh process with a home of its own; figures are the last line printed.

python -m benchmarks.viewer._count_scene count IMAGE TIMES
python -m benchmarks.viewer._count_scene reopen REVIEW
python -m benchmarks.viewer._count_scene cancel IMAGE
python -m benchmarks.viewer._count_scene plain
python -m benchmarks.viewer._count_scene paint
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_wbc.execution.progress import CancelToken

_WINDOW = (1500, 950)
#: When Cancel is pressed: the function that the worker is in then, and how long it has been there.
MOMENTS = {
    "first_start": ("wait_for", 0.3),
    "stain": ("fit_stain", 0.5),
    "nuclei": ("find_nuclei", 0.2),
    "outlines": ("outline_cell", 0.5),
    "crops": ("crop_cells", 0.1),
    "classification": ("predict_crops", 0.3),
    "differential": ("differential", 0.0),
    "keeping_the_review": ("save_session", 0.1),
}


def in_fresh_process(home: Path, *arguments: str | Path) -> dict[str, Any]:
    """Play a scene and give its figures; settings and reviews lie in ``home``."""
    places = {name: str(home / name.lower()) for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    done = subprocess.run(
        [sys.executable, "-m", __name__, *map(str, arguments)],
        env=os.environ | places | {"NAPARI_CONFIG": str(home / "settings.yaml")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


class Scene:
    """A viewer with the widget that counts."""

    def __init__(self) -> None:
        import napari
        from benchmarks.viewer._gui_thread import GuiThread
        from napari._qt.dialogs.qt_notification import NapariQtNotification

        # Windows that fade in and out beside the viewer are no part of what is measured.
        NapariQtNotification.show_notification = staticmethod(lambda *_: None)
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*_WINDOW)
        _, self.widget = self.viewer.window.add_plugin_dock_widget("napari-wbc", "Count leukocytes")
        self.gui = GuiThread(self._stage)
        self.gui.rest(1.0)

    def open(self, path: str) -> None:
        """Open an image or a review."""
        self.widget.controller.opener.open_path(path)
        self.gui.run(lambda: not self.widget.controller.scale_finder.note.looking)
        self.gui.rest(1.0)
        self.gui.blocks.clear()
        self.gui.passes = 0

    @property
    def idle(self) -> bool:
        """Whether no job runs."""
        return bool(self.widget.controller.runner.state.value == "idle")

    def count(self) -> dict[str, Any]:
        """Count, and watch on until all is drawn."""
        # The first pass is the click.
        self.gui.pass_once(self.widget.run.click)
        seconds = self.gui.run(lambda: self.idle)
        self.gui.rest(1.5)
        return self.figures(seconds)

    def cancel(self, function: str, after_s: float) -> dict[str, float]:
        """Count until the worker has been in a function for a while, press Cancel, and wait until idle."""
        self.widget.run.click()
        self.gui.run(lambda: _in_function(function) or self.idle)
        self.gui.rest(after_s)
        missed = self.idle
        begun, work = time.perf_counter(), time.process_time()
        if not missed:
            self.gui.pass_once(self.widget.run.click)
        self.gui.run(lambda: self.idle)
        figures = {"ms": 1000 * (time.perf_counter() - begun), "cpu_ms": 1000 * (time.process_time() - work)}
        self.gui.rest(0.5)
        return {} if missed else figures

    def figures(self, seconds: float) -> dict[str, Any]:
        """Give the blocks so far, and how many cells there are."""
        result = self.widget.controller.result
        assert result is not None, self.widget.error.text()
        figures = {"cells": len(result.cells), "seconds": seconds, **self.gui.figures()}
        self.gui.blocks.clear()
        self.gui.passes = 0
        return figures

    def _stage(self) -> str:
        line = self.widget.progress_line.text().split(" · ")[0]
        return line or ("idle" if self.idle else "begin")


def count(path: str, times: str) -> dict[str, Any]:
    """Count, the first time with much that is imported and made."""
    scene = Scene()
    scene.open(path)
    figures: dict[str, Any] = {name: scene.count() for name in ("first", "again")[: int(times)]}
    scene.widget.workspace.edit(lambda session: session.accept([0]))
    folder = scene.widget.workspace.session.folder
    scene.viewer.close()
    return figures | {"review": str(folder)}


def reopen(folder: str) -> dict[str, Any]:
    """Open a review."""
    scene = Scene()
    scene.gui.blocks.clear()
    scene.gui.pass_once(lambda: scene.widget.controller.opener.open_path(folder))
    seconds = scene.gui.run(lambda: scene.widget.controller.result is not None)
    scene.gui.rest(3.0)
    figures = scene.figures(seconds)
    scene.viewer.close()
    return figures


def cancel(path: str) -> dict[str, Any]:
    """Cancel at every moment, one run after the other; the first is the first of the process."""
    scene = Scene()
    # Not as a user would: without a look at the form, so that the first run has everything before it.
    scene.widget.controller.opener.open_path(path)
    scene.gui.run(lambda: scene.widget.run.isEnabled())
    figures = {name: scene.cancel(*moment) for name, moment in MOMENTS.items()}
    scene.viewer.close()
    return figures


def plain() -> dict[str, Any]:
    """Add the layers that any overlay needs, with nothing in them, and draw them; then the same once more."""
    import numpy as np

    from napari_wbc.gui import first_use

    scene = Scene()
    first_use.prepare()
    first_use.wait_for(first_use.import_torch, CancelToken())
    scene.viewer.add_image(np.full((1000, 1000, 3), 220, np.uint8), rgb=True)
    scene.gui.rest(1.0)
    figures = {}
    for time_ in ("first", "again"):
        scene.gui.blocks.clear()
        scene.gui.pass_once(lambda: scene.viewer.add_labels(np.zeros((1000, 1000), np.uint8)))
        scene.gui.pass_once(lambda: scene.viewer.add_points(np.zeros((1, 2))))
        scene.gui.rest(1.0)
        figures[time_] = scene.gui.figures()
    scene.viewer.close()
    return figures


def paint() -> dict[str, Any]:
    """Show 10,000 cells: in turns of the event loop, and all in one go."""
    import numpy as np
    from benchmarks.viewer._cells import random_cells
    from qtpy.QtCore import QTimer

    from napari_wbc.gui import first_use
    from napari_wbc.gui.layers import CellLayers

    side, radius, n = 6000, 24, 10_000
    scene = Scene()
    first_use.prepare()
    first_use.wait_for(first_use.import_torch, CancelToken())
    image = scene.viewer.add_image(np.full((side, side, 3), 220, np.uint8), rgb=True)
    cells, masks = random_cells(n, side, radius)

    def in_one_go(_: int, what: Callable[[], None]) -> None:
        what()

    figures = {}
    for name, later in (("in_turns", QTimer.singleShot), ("in_one_go", in_one_go)):
        layers = CellLayers(scene.viewer, image, (side, side), later=later, selected=lambda _: None)
        layers.set_scale(0.1)
        layers.show(cells.iloc[:1], masks[:1])
        scene.gui.rest(1.0)
        scene.gui.blocks.clear()
        begun = time.perf_counter()
        scene.gui.pass_once(lambda layers=layers: layers.show(cells, masks))
        scene.gui.run(lambda layers=layers: not layers.painting)
        seconds = time.perf_counter() - begun
        scene.gui.rest(1.0)
        figures[name] = {"seconds": seconds, **scene.gui.figures()}
        layers.remove()
    scene.viewer.close()
    return figures


def _in_function(name: str) -> bool:
    """Tell whether a job's thread is in a function of this package, at whatever depth."""
    jobs = [thread.ident for thread in threading.enumerate() if thread.name.startswith("napari-wbc job")]
    frames = sys._current_frames()
    for ident in jobs:
        frame = frames.get(ident or 0)
        while frame is not None:
            if frame.f_code.co_name == name and "napari_wbc" in frame.f_code.co_filename:
                return True
            frame = frame.f_back
    return False


def main() -> None:
    """Play the scene that is asked for."""
    kind, *place = sys.argv[1:]
    scenes: dict[str, Callable[..., dict[str, Any]]] = {
        "count": count,
        "reopen": reopen,
        "cancel": cancel,
        "plain": plain,
        "paint": paint,
    }
    print(json.dumps(scenes[kind](*place)))


if __name__ == "__main__":
    main()
