"""What the dock widget "Count leukocytes" does: between form, jobs and viewer. No Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from psygnal import Signal

from napari_wbc.cell_table import counted, empty_table
from napari_wbc.count_result import CountResult
from napari_wbc.differential.wording import cells_text
from napari_wbc.errors import WbcError
from napari_wbc.exchange.formats import Format
from napari_wbc.exchange.patient_names import patient_name_warning
from napari_wbc.execution.progress import Progress
from napari_wbc.gui.count.choices import Choices, ScaleNote, why_not
from napari_wbc.gui.count.scale_finder import ScaleFinder
from napari_wbc.gui.count.steps import count_steps, export_steps, reopen_steps, save_steps
from napari_wbc.gui.drawn_regions import add_region_layer
from napari_wbc.gui.first_use import prepare
from napari_wbc.gui.image_layers import (
    METADATA_KEY,
    countable_layers,
    is_countable,
    read_layer,
    region_boxes,
    region_layers,
)
from napari_wbc.gui.job import Job, JobState, Runner
from napari_wbc.gui.opening import layer_of, open_layers, show_alone
from napari_wbc.gui.progress_text import ProgressText, duration
from napari_wbc.gui.workspace import Shown, Workspace
from napari_wbc.pipeline import CellsFound, CountOptions, ScaleResolved, SlideModelFitted
from napari_wbc.review.edits import Change
from napari_wbc.review.folder import LOG, review_beside, reviews_of
from napari_wbc.review.session import ReviewSession

if TYPE_CHECKING:
    from napari.layers import Image, Layer, Shapes

# Cells appear while the count runs, but no more than a sixth of the time goes into drawing them.
_LIVE_MS = 150
_LIVE_SHARE = 5


class CountController:
    """Runs counts and keeps viewer and panels in step.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    runner : Runner
        For counts, and for saving and opening.
    scale_finder : ScaleFinder
        Looks for the scale of the chosen image.

    Signals
    -------
    layers_changed()
        The images or shapes to choose from are others, or have other names.
    image_wanted(napari.layers.Image)
        An image that is to be the chosen one.
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
    cells_edited(Change)
        A person has changed cells of that result.
    reviews_changed(str)
        What is to be said of an earlier review of the chosen image; empty where there is none.
    selection_changed(tuple of int)
        Rows of the cells that are selected.
    """

    layers_changed = Signal()
    image_wanted = Signal(object)
    reason_changed = Signal(str)
    scale_changed = Signal(object)
    state_changed = Signal(object)
    progress_changed = Signal(str, int, int)
    message = Signal(str, bool)
    counts_changed = Signal(object)
    stain_changed = Signal(object)
    result_changed = Signal(object)
    cells_edited = Signal(object)
    reviews_changed = Signal(str)
    selection_changed = Signal(object)

    def __init__(self, workspace: Workspace, runner: Runner, scale_finder: ScaleFinder) -> None:
        self.workspace = workspace
        self.viewer = workspace.viewer
        self.choices = Choices()
        self._live: Counter[str] = Counter()
        self._text = ProgressText()
        self._started = 0.0
        self._connected = False
        self._stop_line = ""
        self._earlier: list[Path] = []
        self._ended = ""
        self._opening = False
        self._reopened: WeakSet[Layer] = WeakSet()

        self._live_wanted, self._live_ms = False, _LIVE_MS

        self.runner = runner
        self.runner.state_changed.connect(self._on_state)
        self.runner.arrived.connect(self._on_event)
        self.runner.finished.connect(self._on_finished)
        self.runner.failed.connect(self._on_failed)
        self.runner.cancelled.connect(self._on_cancelled)
        for ended in (self.runner.finished, self.runner.failed, self.runner.cancelled):
            ended.connect(lambda *_: self._look_for_reviews())
        self.scale_finder = scale_finder
        self.scale_finder.changed.connect(self._on_scale)

    # ---- coming and going ----------------------------------------------------------------------------------

    def connect_viewer(self) -> None:
        """Begin to listen to the viewer."""
        if self._connected:
            return
        self._connected = True
        self.workspace.join(self)
        for event, answer in self._answers():
            event.connect(answer)
        self.layers_changed.emit()

    def shutdown(self) -> None:
        """Stop every job and stop listening; layers stay in the viewer, and nothing arrives any more."""
        self.runner.shutdown()
        self.scale_finder.stop()
        self._live_wanted = False
        if self._counting is not None:
            self._restore()
        if not self._connected:
            return
        self._connected = False
        for event, answer in self._answers():
            event.disconnect(answer)
        self.workspace.leave(self)

    def _answers(self) -> list[tuple[Any, Callable[..., None]]]:
        """Give what the viewer tells about its layers, and what is done then."""
        events = self.viewer.layers.events
        return [
            *((event, self._on_layers) for event in (events.inserted, events.removed)),
            *((event, self._on_layers) for event in (events.reordered, events.renamed)),
            (self.workspace.removed, self._on_removed),
            (self.workspace.chosen, self._tell_result),
            (self.workspace.edited, self._on_edited),
            (self.workspace.selected, self._on_selected),
            (self.workspace.message, self._on_message),
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
    def shown(self) -> dict[Layer, Shown]:
        """What the viewer shows of each image."""
        return self.workspace.shown

    @property
    def result(self) -> CountResult | None:
        """The result of the chosen image, as it was reviewed."""
        current = self.workspace.current
        return current.result if current is not None else None

    @property
    def _counting(self) -> Image | None:
        return self.workspace.busy

    def choose(self, choices: Choices) -> None:
        """Take a new state of the form."""
        before, self.choices = self.choices, choices
        if choices.regions is not before.regions:
            if before.regions is not None:
                before.regions.events.data.disconnect(self._on_regions)
            if choices.regions is not None:
                choices.regions.events.data.connect(self._on_regions)
        if choices.image is not before.image:
            self._ended = ""
            if choices.image is not None:
                prepare()
            self.scale_finder.look_at(choices.image)
            self.workspace.choose(choices.image)
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
        """Open a file, an OME-Zarr folder or the folder of a review as a layer."""
        self.message.emit("", False)
        try:
            open_layers(self.viewer, path)
        except WbcError as error:
            self._fail(str(error))

    def open_counted(self, path: str | Path, results: Path) -> None:
        """Show an image of a folder with the cells that were counted; one that is open is not opened again.

        Parameters
        ----------
        path : str or Path
            The image.
        results : pathlib.Path
            The folder of its results.
        """
        review = review_beside(results)
        image = layer_of(path, self.images)
        self.message.emit("", False)
        try:
            if image is None:
                image = open_layers(self.viewer, path, review)[0]
        except WbcError as error:
            self._fail(str(error))
            return
        show_alone(self.workspace, image, self.images)
        counted = self.shown.get(image)
        if review is not None and (counted is None or counted.session is None):
            image.metadata.setdefault(METADATA_KEY, {})["review"] = str(review)
            self._reopened.discard(image)
        self.image_wanted.emit(image)
        self._look_for_reviews()
        if review is None:
            self.message.emit(
                f"{image.name} was counted without keeping its cells: press Run for them.", False
            )

    def draw_regions(self) -> Shapes | None:
        """Let the user draw rectangles on the chosen image, in the chosen layer or a new one; gives that layer."""
        image, layer = self.choices.image, self.choices.regions
        if image is None:
            return None
        if layer is None:
            layer = add_region_layer(self.viewer, image)
        self.viewer.layers.selection.active = layer
        layer.mode = "add_rectangle"
        return layer

    # ---- running -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Start a count with the choices of the form."""
        choices = self.choices
        if self.runner.state is not JobState.IDLE or self.reason() or choices.image is None:
            self._tell_reason()
            return
        layer: Image = choices.image
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
        self.workspace.layers_for(layer, image.shape).show(empty_table([]), [])
        self.shown[layer].regions.remove()
        self.workspace.busy = layer
        self.workspace.select(())
        self._live, self._text, self._started = Counter(), ProgressText(), perf_counter()
        self._stop_line, self._ended, self._opening = "Cancelled.", "", False
        self.result_changed.emit(None)
        self.stain_changed.emit(None)
        self.counts_changed.emit({})
        self.runner.start(Job(f"Counting {layer.name}", lambda cancel: count_steps(image, options, cancel)))

    def save(self, folder: str | Path) -> None:
        """Write the result of the chosen image into a folder, as the command line does."""
        result = self.result
        if result is None or self.runner.state is not JobState.IDLE:
            return
        self.message.emit("", False)
        self._text = ProgressText()
        self.runner.start(Job(f"Saving {folder}", lambda cancel: save_steps(result, Path(folder), cancel)))

    def export(self, fmt: Format, path: str | Path) -> None:
        """Write the result of the chosen image as one file for another program."""
        result = self.result
        if result is None or self.runner.state is not JobState.IDLE:
            return
        self.message.emit("", False)
        self._text = ProgressText()
        self.runner.start(
            Job(f"Writing {path}", lambda cancel: export_steps(result, fmt, Path(path), cancel))
        )

    def name_warning(self) -> str:
        """Say that the chosen image is called like a patient; empty where it is not."""
        image = self.choices.image
        if image is None:
            return ""
        return patient_name_warning([read_layer(image).path or image.name])

    def reopen(self, folder: str | Path | None = None) -> None:
        """Go on with a review of the chosen image: the latest one, or that of a folder."""
        image = self.choices.image
        chosen = Path(folder) if folder is not None else next(iter(self._earlier), None)
        if image is None or chosen is None or self.runner.state is not JobState.IDLE:
            return
        layer = read_layer(image)
        self.workspace.layers_for(image, layer.shape).show(empty_table([]), [])
        self.workspace.busy = image
        self._text, self._started, self._stop_line = ProgressText(), perf_counter(), "Cancelled."
        self._opening = True
        self.runner.start(Job(f"Opening {chosen}", lambda cancel: reopen_steps(layer, chosen, cancel)))

    def _reopen_named(self, image: Image, review: str) -> None:
        """Open the review that a layer names, once, unless something else is going on; then its turn comes later."""
        if image is self.choices.image and self.runner.state is JobState.IDLE and image not in self._reopened:
            self._reopened.add(image)
            self.reopen(review)

    def _look_for_reviews(self) -> None:
        """Offer to go on with an earlier review of the chosen image; one that its layer names is opened at once."""
        image, self._earlier, text = self.choices.image, [], ""
        if image is not None and self.workspace.session is None and image is not self._counting:
            named = image.metadata.get(METADATA_KEY, {}).get("review")
            if named is not None and image not in self._reopened:
                self.workspace.later(0, lambda: self._reopen_named(image, named))
            path = read_layer(image).path
            self._earlier = reviews_of(path) if path is not None else []
            if self._earlier:
                day = datetime.fromtimestamp((self._earlier[0] / LOG).stat().st_mtime, UTC).astimezone()
                text = f"Go on with the review of {day:%Y-%m-%d %H:%M}"
        self.reviews_changed.emit(text)

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
            if not self._live_wanted:
                self._live_wanted = True
                self.workspace.later(self._live_ms, self._draw_live)

    def _draw_live(self) -> None:
        shown = self.shown.get(self._counting) if self._counting is not None else None
        if shown is None or not self._live_wanted:
            return
        self._live_wanted = False
        before = perf_counter()
        shown.layers.refresh()
        self.counts_changed.emit(dict(self._live))
        self._live_ms = max(_LIVE_MS, int(1000 * _LIVE_SHARE * (perf_counter() - before)))

    def _on_finished(self, result: Any) -> None:
        seconds = perf_counter() - self._started
        layer = self._counting
        self.workspace.busy = None
        self._live_wanted = False
        if isinstance(result, Path):
            self.message.emit(f"Saved in {result}", False)
            return
        if layer is None or layer not in self.shown or not isinstance(result, ReviewSession):
            return
        left, name = self.shown[layer].session, layer.name
        self.workspace.show(layer, result)
        points = self.shown[layer].layers.points
        if points is not None and self.choices.image is layer:
            # The status bar tells about the active layer: class, confidence and novelty under the cursor.
            self.viewer.layers.selection.active = points
        found = f"{cells_text(len(result.cells))} found in {name}, {duration(seconds)}"
        opened = f"{name} opened with {cells_text(len(result.cells))}"
        if result.changes:
            opened += f" and {cells_text(result.changes, 'change')} of its review"
        lines = [opened if self._opening else found]
        if left is not None and left.changes and left.folder is not None:
            lines.append(f"The earlier review is kept in {left.folder}")
        if result.folder is None:
            lines.append("Changes cannot be kept: save the results when you have reviewed them.")
        self._ended = "\n".join(lines)
        self.message.emit(self._ended, False)

    def _on_cancelled(self) -> None:
        self._restore()
        self.message.emit(self._stop_line, False)

    def _on_failed(self, line: str) -> None:
        self._restore()
        self._fail(line)

    def _restore(self) -> None:
        """Go back to the last result that ended well; half a count is no count."""
        layer = self._counting
        self.workspace.busy = None
        self._live_wanted = False
        if layer is not None:
            self.workspace.abandon(layer)

    def _fail(self, line: str) -> None:
        from napari.utils.notifications import show_error

        self.message.emit(line, True)
        show_error(line)

    def _on_edited(self, change: Change) -> None:
        self.cells_edited.emit(change)
        self._tell_counts()

    def _on_selected(self, rows: tuple[int, ...]) -> None:
        self.selection_changed.emit(rows)

    # ---- telling -------------------------------------------------------------------------------------------

    def _on_state(self, state: JobState) -> None:
        self.state_changed.emit(state)

    def _on_scale(self, note: ScaleNote) -> None:
        self.scale_changed.emit(note)
        self._tell_reason()

    def _tell_reason(self) -> None:
        self.reason_changed.emit(self.reason())

    def _tell_result(self) -> None:
        result = self.result
        self.result_changed.emit(result)
        self.stain_changed.emit(None if result is None else result.slide_model)
        self._tell_counts()
        self._look_for_reviews()

    def _tell_counts(self) -> None:
        result = self.result
        counts = {} if result is None else Counter(counted(result.cells)["label"])
        self.counts_changed.emit(dict(counts))

    def _on_message(self, line: str, is_error: bool) -> None:
        if is_error:
            self._fail(line)
        else:
            # What the count came to stays to be read; panels that come and go with a line would move all below.
            self.message.emit(line or self._ended, False)

    def _on_regions(self, event: Any = None) -> None:  # noqa: ARG002 - napari's signature
        self._tell_reason()

    def _on_layers(self, event: Any = None) -> None:  # noqa: ARG002 - napari's signature
        self.layers_changed.emit()
        self._tell_reason()

    def _on_removed(self, layer: Layer) -> None:
        if layer is self._counting:
            self._stop_line = "The image was removed, so its count was stopped."
            self.runner.cancel()
