"""Finds the scale of the chosen image beside the GUI thread, so that the form can show it before a count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_wbc.gui.count.choices import ScaleNote
from napari_wbc.gui.count.steps import scale_steps
from napari_wbc.gui.image_layers import read_layer
from napari_wbc.gui.job import Job, Runner
from napari_wbc.slides import Scale

if TYPE_CHECKING:
    from napari.layers import Image


class ScaleFinder:
    """Looks for one scale at a time; a new image takes the place of the last.

    Parameters
    ----------
    runner : Runner
        Of its own.

    Signals
    -------
    changed(ScaleNote)
        What is known now.
    """

    changed = Signal(object)

    def __init__(self, runner: Runner) -> None:
        self.note = ScaleNote()
        self._runner = runner
        self._runner.finished.connect(self._on_found)
        self._runner.failed.connect(self._on_failed)

    def look_at(self, layer: Image | None) -> None:
        """Find the scale of a layer; that of the last one is forgotten."""
        self.stop()
        if layer is None:
            self._set(ScaleNote())
            return
        image = read_layer(layer)
        if image.um_per_px is not None:
            self._set(ScaleNote(Scale(image.um_per_px, "given", 1.0)))
            return
        self._set(ScaleNote(looking=True))
        self._runner.start(Job(f"Scale of {layer.name}", lambda cancel: scale_steps(image, cancel)))

    def stop(self) -> None:
        """Stop looking."""
        self._runner.shutdown(wait_s=0)

    def _on_found(self, found: Any) -> None:
        self._set(ScaleNote(found if isinstance(found, Scale) else None))

    def _on_failed(self, line: str) -> None:
        self._set(ScaleNote(problem=line))

    def _set(self, note: ScaleNote) -> None:
        self.note = note
        self.changed.emit(note)
