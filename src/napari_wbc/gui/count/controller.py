"""What the dock widget "Count leukocytes" does: between form, jobs and viewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_wbc.cell_table import empty_table
from napari_wbc.errors import WbcError
from napari_wbc.execution.progress import Progress
from napari_wbc.gui.count.choices import Choices, why_not
from napari_wbc.gui.count.scale_finder import ScaleFinder
from napari_wbc.gui.count.steps import count_steps, save_steps
from napari_wbc.gui.image_layers import (
    countable_layers,
    is_countable,
    read_layer,
    region_boxes,
    region_layers,
)
from napari_wbc.gui.jobs import Job, JobRunner, JobState
from napari_wbc.gui.layers import CellLayers
from napari_wbc.gui.marks import Style
from napari_wbc.gui.navigation import ClickWatcher, go_to
from napari_wbc.gui.progress_text import ProgressText, duration
from napari_wbc.gui.region_layer import RegionLayer
from napari_wbc.pipeline import CellsFound, CountOptions, CountResult, ScaleResolved, SlideModelFitted

if TYPE_CHECKING:
    from napari.layers import Image, Layer, Shapes
    from napari.viewer import Viewer

# Cells appear while the count runs, but no more than a sixth of the time goes into drawing them.
_LIVE_MS = 150
_LIVE_SHARE = 5


@dataclass
class Shown:
    """What the viewer shows of one image: its layers, and the last count that ended well."""

    layers: CellLayers
    regions: RegionLayer
    result: CountResult | None = None


class CountController(QObject):
    """Runs counts and keeps viewer and panels in step.

    Signals
    -------
    layers_changed()
        The images or shapes to choose from are others, or have other names.
    reason_changed(str)
        Why a count cannot start; empty when it can.
    scale_changed(ScaleNote)
        What is known about the scale of the chosen image.
    state_changed(JobState)
        For the Run button.
    progress_changed(str, int, int)
        Line, done, total (0: not known).
    message(str, bool)
        A line for the user, and whether it is an error; empty takes the last one away.
    counts_changed(dict of str to int)
        Cells per class so far.
    stain_changed(SlideModel or None)
        Light and stain of the count that goes on, or of the result of the chosen image.
    result_changed(CountResult or None)
        The result of the chosen image.
    cells_selected(tuple of int)
        The rows of the cells that were picked in the image.
    """

    layers_changed = Signal()
    reason_changed = Signal(str)
    scale_changed = Signal(object)
    state_changed = Signal(object)
    progress_changed = Signal(str, int, int)
    message = Signal(str, bool)
    counts_changed = Signal(object)
    stain_changed = Signal(object)
    result_changed = Signal(object)
    cells_selected = Signal(object)

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.choices = Choices()
        self.style, self.opacity = Style.OUTLINES, 0.9
        self.shows_regions = False
        self.shown: dict[Layer, Shown] = {}
        self._hidden: frozenset[str] = frozenset()
        self._counting: Layer | None = None
        self._live: Counter[str] = Counter()
        self._text = ProgressText()
        self._started = 0.0
        self._connected = False
        self._stop_line = ""
        self._abandoned: Shown | None = None

        self.runner = JobRunner(self)
        self.runner.state_changed.connect(self.state_changed)
        self.runner.arrived.connect(self._on_event)
        self.runner.finished.connect(self._on_finished)
        self.runner.failed.connect(self._on_failed)
        self.runner.cancelled.connect(self._on_cancelled)
        self.scale_finder = ScaleFinder(self)
        self.scale_finder.changed.connect(self.scale_changed)
        self.scale_finder.changed.connect(lambda _: self._tell_reason())
        self._clicks = ClickWatcher(viewer, self._on_click)
        self._live_timer = QTimer(self)
        self._live_timer.setSingleShot(True)
        self._live_timer.setInterval(_LIVE_MS)
        self._live_timer.timeout.connect(self._draw_live)

    # ---- coming and going ----------------------------------------------------------------------------------

    def connect_viewer(self) -> None:
        """Begin to listen to the viewer."""
        if self._connected:
            return
        self._connected = True
        for event, answer in self._answers():
            event.connect(answer)
        self._clicks.connect()
        self.layers_changed.emit()

    def shutdown(self) -> None:
        """Stop every job and stop listening; layers stay in the viewer, and nothing arrives any more."""
        self.runner.shutdown()
        self.scale_finder.stop()
        self._live_timer.stop()
        self._counting = self._abandoned = None
        if not self._connected:
            return
        self._connected = False
        for event, answer in self._answers():
            event.disconnect(answer)
        self._clicks.disconnect()
        for shown in self.shown.values():
            shown.layers.disconnect()
        self.shown.clear()

    def _answers(self) -> list[tuple[Any, Callable[..., None]]]:
        """Give what the viewer tells about its layers, and what is done then."""
        events = self.viewer.layers.events
        return [
            (events.inserted, self._on_layers),
            (events.removed, self._on_removed),
            (events.reordered, self._on_layers),
            (events.renamed, self._on_layers),
        ]

    # ---- what can be chosen --------------------------------------------------------------------------------

    @property
    def images(self) -> list[Image]:
        """The layers that can be counted."""
        return countable_layers(self.viewer.layers)

    @property
    def region_layers(self) -> list[Shapes]:
        """The layers that can restrict a count."""
        return region_layers(self.viewer.layers)

    @property
    def result(self) -> CountResult | None:
        """The result of the chosen image."""
        shown = self._shown
        return shown.result if shown else None

    @property
    def _shown(self) -> Shown | None:
        return self.shown.get(self.choices.image) if self.choices.image is not None else None

    def choose(self, choices: Choices) -> None:
        """Take a new state of the form."""
        before, self.choices = self.choices, choices
        if choices.regions is not before.regions:
            if before.regions is not None:
                before.regions.events.data.disconnect(self._on_regions)
            if choices.regions is not None:
                choices.regions.events.data.connect(self._on_regions)
        if choices.image is not before.image:
            self.scale_finder.look_at(choices.image)
            self._tell_result()
        self._tell_reason()

    def reason(self) -> str:
        """Say why a count cannot start; empty when it can."""
        choices = self.choices
        shapes = None
        if choices.image is not None and choices.regions is not None:
            shapes = len(region_boxes(choices.regions, choices.image)[0])
        from napari.layers import Image

        grey = [x.name for x in self.viewer.layers if isinstance(x, Image) and not is_countable(x)]
        return why_not(choices, self.scale_finder.note, images_without_colour=grey, region_shapes=shapes)

    def open_path(self, path: str | Path) -> None:
        """Open a file or an OME-Zarr folder as a layer."""
        from napari.layers import Layer

        from napari_wbc.gui.readers import read_slide

        self.message.emit("", False)
        try:
            layers = read_slide(path)
        except WbcError as error:
            self._fail(str(error))
            return
        for layer in layers:
            self.viewer.add_layer(Layer.create(*layer))

    # ---- running -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Start a count with the choices of the form."""
        choices = self.choices
        if self.runner.state is not JobState.IDLE or self.reason() or choices.image is None:
            self._tell_reason()
            return
        layer = choices.image
        image = read_layer(layer)
        boxes, approximated = (
            region_boxes(choices.regions, layer) if choices.regions is not None else (None, 0)
        )
        options = CountOptions(
            um_per_px=choices.um_per_px or image.um_per_px,
            model=choices.model,
            device=choices.device,
            profile=choices.profile or None,
            regions=boxes,
            wbc_per_l=choices.wbc_per_l,
        )
        self.message.emit(
            "Shapes that are not upright rectangles count with their bounding box." if approximated else "",
            False,
        )
        self._layers_for(layer, image.shape).show(empty_table([]), [])
        self.shown[layer].regions.remove()
        self._counting, self._live, self._text, self._started = (
            layer,
            Counter(),
            ProgressText(),
            perf_counter(),
        )
        self._stop_line = "Cancelled."
        self.result_changed.emit(None)
        self.stain_changed.emit(None)
        self.counts_changed.emit({})
        self.runner.start(Job(f"Counting {layer.name}", lambda cancel: count_steps(image, options, cancel)))

    def _layers_for(self, layer: Image, shape: tuple[int, int]) -> CellLayers:
        """Give the layers of an image; what the user has removed of them comes back with a new count."""
        shown = self.shown.get(layer)
        if shown is not None and shown.layers.complete:
            return shown.layers
        if shown is not None:
            shown.layers.remove()
        layers = CellLayers(
            self.viewer,
            layer,
            shape,
            style=self.style,
            opacity=self.opacity,
            selected=self.cells_selected.emit,
        )
        layers.set_hidden(self._hidden)
        regions = shown.regions if shown is not None else RegionLayer(self.viewer, layer)
        self.shown[layer] = Shown(layers, regions, shown.result if shown is not None else None)
        return layers

    def save(self, folder: str | Path) -> None:
        """Write the result of the chosen image into a folder, as the command line does."""
        result = self.result
        if result is None or self.runner.state is not JobState.IDLE:
            return
        self.message.emit("", False)
        self._text = ProgressText()
        self.runner.start(Job(f"Saving {folder}", lambda cancel: save_steps(result, Path(folder), cancel)))

    def cancel(self) -> None:
        """Stop the current job."""
        self.runner.cancel()

    def _on_event(self, event: Any) -> None:
        if isinstance(event, Progress):
            self.progress_changed.emit(self._text.line(event), event.done, event.total)
            return
        shown = self.shown.get(self._counting) if self._counting is not None else None
        if shown is None:
            return
        if isinstance(event, ScaleResolved):
            shown.layers.set_scale(event.scale.um_per_px)
        elif isinstance(event, SlideModelFitted):
            self.stain_changed.emit(event.slide_model)
        elif isinstance(event, CellsFound):
            shown.layers.add(event.cells, event.masks)
            self._live.update(event.cells["label"])
            if not self._live_timer.isActive():
                self._live_timer.start()

    def _draw_live(self) -> None:
        shown = self.shown.get(self._counting) if self._counting is not None else None
        if shown is None:
            return
        before = perf_counter()
        shown.layers.refresh()
        self.counts_changed.emit(dict(self._live))
        self._live_timer.setInterval(max(_LIVE_MS, int(1000 * _LIVE_SHARE * (perf_counter() - before))))

    def _on_finished(self, result: Any) -> None:
        seconds = perf_counter() - self._started
        layer, self._counting = self._counting, None
        self._live_timer.stop()
        if isinstance(result, Path):
            self.message.emit(f"Saved in {result}", False)
            return
        if layer is None or layer not in self.shown or not isinstance(result, CountResult):
            return
        shown, chosen = self.shown[layer], self.choices.image is layer
        shown.result = result
        self._draw(shown, result)
        if shown.layers.points is not None and chosen:
            # The status bar tells about the active layer: class, confidence and novelty under the cursor.
            self.viewer.layers.selection.active = shown.layers.points
        if chosen:
            self._tell_result()
        cells = f"{len(result.cells):,} cell{'' if len(result.cells) == 1 else 's'}"
        self.message.emit(f"{cells} found in {layer.name}, {duration(seconds)}", False)

    def _draw(self, shown: Shown, result: CountResult) -> None:
        """Show the cells and the regions of a whole result."""
        shown.layers.set_scale(result.scale.um_per_px)
        shown.layers.show(result.cells, result.masks)
        shown.regions.show(result, wanted=self.shows_regions)

    def _on_cancelled(self) -> None:
        self._restore()
        if self._abandoned is not None:
            # The marks of half a count go as well; now, for napari was in the middle of its own removing before.
            self._abandoned.layers.remove()
            self._abandoned.regions.remove()
            self._abandoned = None
        self.message.emit(self._stop_line, False)

    def _on_failed(self, line: str) -> None:
        self._restore()
        self._fail(line)

    def _restore(self) -> None:
        """Go back to the last result that ended well; half a count is no count."""
        layer, self._counting = self._counting, None
        self._live_timer.stop()
        shown = self.shown.get(layer) if layer is not None else None
        if shown is None or layer is None:
            return
        if shown.result is None:
            shown.layers.remove()
            del self.shown[layer]
        else:
            self._draw(shown, shown.result)
        self._tell_result()

    def _fail(self, line: str) -> None:
        from napari.utils.notifications import show_error

        self.message.emit(line, True)
        show_error(line)

    # ---- looking -------------------------------------------------------------------------------------------

    def set_hidden(self, labels: frozenset[str]) -> None:
        """Hide classes in the viewer."""
        self._hidden = labels
        for shown in self.shown.values():
            shown.layers.set_hidden(labels)

    def set_marks(self, style: Style, opacity: float) -> None:
        """Change how cells are marked."""
        if style is not self.style:
            self.style = style
            for shown in self.shown.values():
                shown.layers.set_style(style)
        if opacity != self.opacity:
            self.opacity = opacity
            for shown in self.shown.values():
                shown.layers.set_opacity(opacity)

    def set_regions(self, shown: bool) -> None:
        """Show or hide the quality of the regions."""
        self.shows_regions = shown
        for layer, counted in self.shown.items():
            counted.regions.show(None if layer is self._counting else counted.result, wanted=shown)

    def go_to(self, rows: tuple[int, ...]) -> None:
        """Select cells of the chosen image; the viewer is centred on one that is alone."""
        shown = self._shown
        if shown is None or not all(0 <= row < len(shown.layers.cells) for row in rows):
            return
        shown.layers.select(rows)
        if len(rows) == 1:
            go_to(self.viewer, shown.layers.world_position(rows[0]), shown.layers.world_size(rows[0]))

    def _on_click(self, position: Sequence[float]) -> None:
        shown = self._shown
        if shown is None:
            return
        row = shown.layers.cell_at(position)
        rows = () if row is None else (row,)
        shown.layers.select(rows)
        self.cells_selected.emit(rows)

    # ---- telling -------------------------------------------------------------------------------------------

    def _tell_reason(self) -> None:
        self.reason_changed.emit(self.reason())

    def _tell_result(self) -> None:
        result = self.result
        self.result_changed.emit(result)
        self.stain_changed.emit(None if result is None else result.slide_model)
        self.counts_changed.emit({} if result is None else dict(Counter(result.cells["label"])))

    def _on_regions(self, event: Any = None) -> None:  # noqa: ARG002 - napari's signature
        self._tell_reason()

    def _on_layers(self, event: Any = None) -> None:  # noqa: ARG002 - napari's signature
        self.layers_changed.emit()
        self._tell_reason()

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        shown = self.shown.pop(layer, None)
        if shown is not None:
            shown.layers.disconnect()
        if layer is self._counting:
            self._stop_line = "The image was removed, so its count was stopped."
            self._abandoned = shown
            self.runner.cancel()
        self._on_layers()
