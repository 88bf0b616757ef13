"""What the dock widget "Count leukocytes" does: between form, jobs and viewer. No Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_wbc.cell_table import counted, empty_table
from napari_wbc.count_result import CountResult
from napari_wbc.exchange.formats import Format
from napari_wbc.exchange.patient_names import patient_name_warning
from napari_wbc.execution.progress import Progress
from napari_wbc.gui.count.choices import Choices, ScaleNote, why_not
from napari_wbc.gui.count.earlier_reviews import EarlierReviews
from napari_wbc.gui.count.image_opener import ImageOpener
from napari_wbc.gui.count.live_cells import LiveCells
from napari_wbc.gui.count.outcome import outcome
from napari_wbc.gui.count.scale_finder import ScaleFinder
from napari_wbc.gui.count.steps import count_steps, export_steps, reopen_steps, save_steps
from napari_wbc.gui.drawn_regions import draw_rectangles
from napari_wbc.gui.first_use import prepare
from napari_wbc.gui.image_layers import (
    countable_layers,
    is_countable,
    read_layer,
    region_boxes,
    region_layers,
)
from napari_wbc.gui.job import Job, JobState, Runner
from napari_wbc.gui.progress_text import ProgressText
from napari_wbc.gui.workspace import Shown, Workspace
from napari_wbc.pipeline import CellsFound, CountOptions, ScaleResolved, SlideModelFitted
from napari_wbc.review.edits import Change
from napari_wbc.review.session import ReviewSession

if TYPE_CHECKING:
    from napari.layers import Image, Layer, Shapes


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

    Attributes
    ----------
    opener : ImageOpener
        Opens images to be counted.
    earlier : EarlierReviews
        Those of the chosen image.
    live : LiveCells
        The cells of the count that goes on.

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
        self._text = ProgressText()
        self._started = 0.0
        self._connected = False
        self._stop_line = ""
        self._ended = ""
        self._opening = False
        self.live = LiveCells(workspace, self.counts_changed.emit)
        self.earlier = EarlierReviews(workspace, self._may_reopen, self.reopen)
        self.opener = ImageOpener(workspace, self.earlier)
        self.opener.wanted.connect(self._on_wanted)
        self.opener.message.connect(lambda line: self.message.emit(line, False))
        self.opener.failed.connect(self._fail)

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
        self.live.stop()
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
        session = self.workspace.session
        return session.result() if session is not None else None

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

    def draw_regions(self) -> Shapes | None:
        """Let the user draw rectangles on the chosen image, in the chosen layer or a new one; gives that layer."""
        image = self.choices.image
        return draw_rectangles(self.viewer, image, self.choices.regions) if image is not None else None

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
        self._ended, self._opening = "", False
        self.live.begin()
        self.workspace.begin(layer)
        self._start(Job(f"Counting {layer.name}", lambda cancel: count_steps(image, options, cancel)))

    def save(self, folder: str | Path) -> None:
        """Write the result of the chosen image into a folder, as the command line does."""
        result = self.result
        if result is None or self.runner.state is not JobState.IDLE:
            return
        self.message.emit("", False)
        self._start(Job(f"Saving {folder}", lambda cancel: save_steps(result, Path(folder), cancel)))

    def export(self, fmt: Format, path: str | Path) -> None:
        """Write the result of the chosen image as one file for another program."""
        result = self.result
        if result is None or self.runner.state is not JobState.IDLE:
            return
        self.message.emit("", False)
        self._start(Job(f"Writing {path}", lambda cancel: export_steps(result, fmt, Path(path), cancel)))

    def name_warning(self) -> str:
        """Say that the chosen image is called like a patient; empty where it is not."""
        image = self.choices.image
        if image is None:
            return ""
        return patient_name_warning([read_layer(image).path or image.name])

    def reopen(self, folder: str | Path | None = None) -> None:
        """Go on with a review of the chosen image: the latest one, or that of a folder."""
        image = self.choices.image
        chosen = Path(folder) if folder is not None else self.earlier.latest
        if image is None or chosen is None or self.runner.state is not JobState.IDLE:
            return
        layer = read_layer(image)
        self.workspace.layers_for(image, layer.shape).show(empty_table([]), [])
        self._opening = True
        self.workspace.begin(image)
        self._start(Job(f"Opening {chosen}", lambda cancel: reopen_steps(layer, chosen, cancel)))

    def _may_reopen(self, image: Image) -> bool:
        return image is self.choices.image and self.runner.state is JobState.IDLE

    def _look_for_reviews(self) -> None:
        """Offer to go on with an earlier review of the chosen image."""
        self.reviews_changed.emit(self.earlier.look_at(self.choices.image))

    def cancel(self) -> None:
        """Stop the current job."""
        self.runner.cancel()

    def _start(self, job: Job) -> None:
        self._text, self._started, self._stop_line = ProgressText(), perf_counter(), "Cancelled."
        self.runner.start(job)

    def _on_event(self, event: Any) -> None:
        if isinstance(event, Progress):
            self.progress_changed.emit(self._text.line(event), event.done, event.total)
            return
        shown = self.live.shown
        if shown is None:
            return
        if isinstance(event, ScaleResolved):
            shown.layers.set_scale(event.scale.um_per_px)
        elif isinstance(event, SlideModelFitted):
            self.stain_changed.emit(event.slide_model)
        elif isinstance(event, CellsFound):
            self.live.add(event)

    def _on_finished(self, result: Any) -> None:
        seconds = perf_counter() - self._started
        layer = self._counting
        self.workspace.busy = None
        self.live.stop()
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
        self._ended = outcome(name, result, seconds=seconds, reopened=self._opening, left=left)
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
        self.live.stop()
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

    def _on_wanted(self, image: Image) -> None:
        self.image_wanted.emit(image)
        self._look_for_reviews()

    def _on_regions(self, event: Any = None) -> None:  # noqa: ARG002 - napari's signature
        self._tell_reason()

    def _on_layers(self, event: Any = None) -> None:  # noqa: ARG002 - napari's signature
        self.layers_changed.emit()
        self._tell_reason()

    def _on_removed(self, layer: Layer) -> None:
        if layer is self._counting:
            self._stop_line = "The image was removed, so its count was stopped."
            self.runner.cancel()
