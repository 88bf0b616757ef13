"""One count in a viewer of a fresh process, with a home of its own; prints figures as the last line.

python -m benchmarks.viewer._count_scene count IMAGE HOME
python -m benchmarks.viewer._count_scene reopen REVIEW HOME
python -m benchmarks.viewer._count_scene cancel IMAGE HOME MOMENT
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_WINDOW = (1500, 950)


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

        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*_WINDOW)
        _, self.widget = self.viewer.window.add_plugin_dock_widget("napari-wbc", "Count leukocytes")
        self.gui = GuiThread(self._stage)
        self.gui.rest(1.0)

    def open(self, path: str) -> None:
        """Open an image or a review."""
        self.widget.controller.open_path(path)
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


def count(path: str) -> dict[str, Any]:
    """Count twice: the first time much is imported."""
    scene = Scene()
    scene.open(path)
    first = scene.count()
    again = scene.count()
    scene.widget.workspace.edit(lambda session: session.accept([0]))
    folder = scene.widget.workspace.session.folder
    scene.viewer.close()
    return {"first": first, "again": again, "review": str(folder)}


def reopen(folder: str) -> dict[str, Any]:
    """Open a review."""
    scene = Scene()
    scene.gui.blocks.clear()
    scene.gui.pass_once(lambda: scene.widget.controller.open_path(folder))
    seconds = scene.gui.run(lambda: scene.widget.controller.result is not None)
    scene.gui.rest(3.0)
    figures = scene.figures(seconds)
    scene.viewer.close()
    return figures


def main() -> None:
    """Play the scene that is asked for."""
    kind, path = sys.argv[1:3]
    print(json.dumps({"count": count, "reopen": reopen}[kind](path)))


if __name__ == "__main__":
    main()
