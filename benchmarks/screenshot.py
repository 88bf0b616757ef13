"""Take the picture of the README: the real window after a count of a real field.

    xvfb-run -a -s "-screen 0 1920x1200x24" python benchmarks/screenshot.py FIELD.jpg --out docs/images/count.png

The picture in the repository shows a field of BCCD (https://github.com/Shenggan/BCCD_Dataset, MIT licence).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication


def pump(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("field", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--um-per-px", type=float, default=0.0, help="0: automatic")
    parser.add_argument("--size", default="1500x930", help="of the window, WIDTHxHEIGHT")
    parser.add_argument("--style", default="outlines", choices=("outlines", "filled", "circles"))
    arguments = parser.parse_args()

    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(*(int(side) for side in arguments.size.split("x")))
    _, widget = viewer.window.add_plugin_dock_widget("napari-wbc", "Count leukocytes")
    widget.controller.open_path(arguments.field)
    widget.form.scale.setValue(arguments.um_per_px)
    widget.style_box.setCurrentText(arguments.style.capitalize())
    while widget.controller.scale_finder.note.looking:
        pump(0.1)
    if widget.reason.text():
        raise SystemExit(f"{arguments.field}: {widget.reason.text()}")
    widget.run.click()
    while widget.controller.runner.state.value != "idle":
        pump(0.1)
    if widget.error.text():
        raise SystemExit(widget.error.text())
    print(widget.controller.result.differential.to_text())
    print(widget.controller.result.cells[["label", "confidence", "novelty"]])
    viewer.reset_view(margin=0.02)
    # As when the mouse rests on the first cell.
    viewer.cursor.position = widget.controller.shown[viewer.layers[0]].layers.world_position(0)
    pump(1.0)
    picture = np.asarray(viewer.screenshot(canvas_only=False, flash=False))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).convert("RGB").save(arguments.out, optimize=True)
    print(
        f"{arguments.out}: {picture.shape[1]} x {picture.shape[0]} px, {arguments.out.stat().st_size / 1e3:.0f} kB"
    )
    viewer.close()


if __name__ == "__main__":
    main()
