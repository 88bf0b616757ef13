"""What the dock widget "Fine-tune model" does: labels in, a preview at once, a judged model after minutes. No Qt."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_wbc.adaptation.enough import LEAST_CELLS, LEAST_PER_CLASS, is_enough
from napari_wbc.adaptation.label_places import LabelPlace
from napari_wbc.adaptation.own_models import own_folder, parent_of
from napari_wbc.cell_table import is_labelled
from napari_wbc.differential.wording import cells_text
from napari_wbc.errors import WbcError
from napari_wbc.execution.progress import Progress
from napari_wbc.gui.fine_tune.label_sources import LabelSources
from napari_wbc.gui.fine_tune.steps import (
    Learned,
    Prepared,
    Preview,
    adapt_steps,
    prepare_steps,
    preview_steps,
)
from napari_wbc.gui.job import Job, JobState, Runner
from napari_wbc.gui.progress_text import ProgressText
from napari_wbc.gui.workspace import Workspace
from napari_wbc.leukocytes import class_of, in_order, is_nucleated
from napari_wbc.review.edits import Change
from napari_wbc.review.session import ReviewSession

if TYPE_CHECKING:
    from napari_wbc.adaptation.adapt import Adaptation
    from napari_wbc.adaptation.recipe import Recipe

#: Labels of a class from which on more of them help little.
GOAL_PER_CLASS = 20
_SHOWN_CHANGES = 3


class FineTuneController:
    """Between the labels of the reviews and the adapted model.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    runner : Runner
        For what takes minutes.
    side_runner : Runner
        For the preview, which goes on while labels are given.
    sources : LabelSources
        Further places of labels.

    Signals
    -------
    labels_changed()
        Other labels, places or images.
    reason_changed(str)
        Why nothing can be learned yet; empty when it can.
    state_changed(JobState)
        For the Run button.
    progress_changed(str, int, int)
        Line, done, total (0: not known).
    learned(LearningPoint)
        For the curves.
    judged()
        :attr:`adaptation` is another one, or none.
    previewed(str)
        What the labels would change, in a line; empty without a preview.
    preview_failed(str)
        There is no preview any more, and why.
    message(str, bool)
        A line for the user, and whether it is an error; empty takes the last one away.

    Attributes
    ----------
    sources : LabelSources
        Further reviews, tables of cells, and folders with a folder per class.
    source : str
        Name of the model that sees the chosen slide, or saw the last one.
    parent : str
        Name of the model that an adaptation begins at: never an adapted one.
    recipe : Recipe or None
        How an adaptation learns; None for the usual way.
    adaptation : Adaptation or None
        The last that was judged.
    """

    labels_changed = Signal()
    reason_changed = Signal(str)
    state_changed = Signal(object)
    progress_changed = Signal(str, int, int)
    learned = Signal(object)
    judged = Signal()
    previewed = Signal(str)
    preview_failed = Signal(str)
    message = Signal(str, bool)

    def __init__(
        self, workspace: Workspace, runner: Runner, side_runner: Runner, sources: LabelSources
    ) -> None:
        self.workspace, self.sources = workspace, sources
        self.adaptation: Adaptation | None = None
        self.source = self.parent = "robust"
        self.recipe: Recipe | None = None
        self._runner, self._side = runner, side_runner
        self._prepared: Prepared | None = None
        self._wants_preview = self._stale = False
        self._text = ProgressText()
        self._open: dict[Any, ReviewSession] = {}
        runner.state_changed.connect(self._on_state)
        runner.arrived.connect(self._on_arrived)
        runner.finished.connect(self._on_finished)
        runner.failed.connect(lambda line: self.message.emit(line, True))
        runner.cancelled.connect(lambda: self.message.emit("Stopped; nothing was changed.", False))
        side_runner.finished.connect(self._on_side)
        side_runner.failed.connect(self._on_side_failed)
        sources.changed.connect(self._on_labels)
        sources.message.connect(self.message.emit)

    # ---- coming and going ----------------------------------------------------------------------------------

    def connect(self) -> None:
        """Begin to listen."""
        self.workspace.join(self)
        self.workspace.chosen.connect(self._on_chosen)
        self.workspace.edited.connect(self._on_edited)
        self.workspace.removed.connect(self._on_removed)
        self.sources.recall()
        self._on_chosen()

    def disconnect(self) -> None:
        """End every job and stop listening."""
        self.workspace.chosen.disconnect(self._on_chosen)
        self.workspace.edited.disconnect(self._on_edited)
        self.workspace.removed.disconnect(self._on_removed)
        self.show_preview(False)
        self.sources.shutdown()
        self._side.shutdown()
        self._runner.shutdown()
        self.workspace.leave(self)

    # ---- labels --------------------------------------------------------------------------------------------

    @property
    def session(self) -> ReviewSession | None:
        """The review of the chosen slide."""
        return self.workspace.session

    @property
    def sessions(self) -> list[ReviewSession]:
        """The reviews of all open slides in which a person gave a label."""
        shown = self.workspace.shown
        there = [
            s.session
            for layer, s in shown.items()
            if s.session is not None and layer is not self.workspace.busy
        ]
        return [session for session in there if is_labelled(session.cells).any()]

    @property
    def labels(self) -> dict[str, int]:
        """Labels by class in the reviews of all open slides and in the further places."""
        counts = self.sources.labels(self.open_folders)
        for session in self.sessions:
            counts.update(session.cells.loc[is_labelled(session.cells), "label"])
        return {name: counts[name] for name in in_order(counts)}

    @property
    def open_folders(self) -> set[Path]:
        """Folders of the reviews that are open: their labels are counted there, not on the disk."""
        return {s.session.folder for s in self.workspace.shown.values() if s.session and s.session.folder}

    @property
    def lacking(self) -> list[tuple[str, int]]:
        """Classes with too few labels to be judged, and how many they have, the fewest first.

        Those of the verdict, and those of which the model sees some in the chosen slide.
        """
        from napari_wbc.adaptation.verdict import FEW

        if self.adaptation is None:
            return []
        counts = {row.label: row.cells for row in self.adaptation.verdict.classes}
        session = self.session
        if session is not None:
            seen = session.cells.loc[session.cells["status"] == "model", "model_label"]
            counts = {**{name: 0 for name in in_order(set(seen)) if is_nucleated(name)}, **counts}
        return sorted(((name, n) for name, n in counts.items() if n < FEW), key=lambda pair: pair[1])

    @property
    def reason(self) -> str:
        """Why nothing can be learned yet; empty when it can."""
        if any(count is None for _, count in self.sources.shown(self.open_folders)):
            # What lies there is being counted; learning tells it as well.
            return ""
        counts = self.labels
        n = sum(counts.values())
        if not n:
            return (
                "Label cells first: count an image, then give cells their classes under “Review cells” (the space bar "
                "agrees). Or add cells that were labelled before."
            )
        if is_enough(counts):
            return ""
        return f"{_labels_text(n)} so far: {LEAST_CELLS} are needed, {LEAST_PER_CLASS} each of two classes at least."

    # ---- at once -------------------------------------------------------------------------------------------

    def show_preview(self, wanted: bool) -> None:
        """Show on the image what the model would say with the labels that there are, or what it says."""
        self._wants_preview = wanted
        if wanted:
            self._renew()
        else:
            self.workspace.set_preview(None)
            self.previewed.emit("")

    def _renew(self) -> None:
        """Fit again, now or when the fit that goes on has ended."""
        session = self.session
        if not self._wants_preview or session is None:
            return
        if self._side.state is not JobState.IDLE:
            self._stale = True
            return
        self._stale = False
        prepared = self._prepared
        if prepared is None or prepared.session is not session or not prepared.fits:
            self.previewed.emit("Getting ready …")
            self._side.start(Job("Preparing a preview", lambda cancel: prepare_steps(session, cancel)))
        else:
            self._side.start(Job("Preview", lambda cancel: preview_steps(prepared, cancel)))

    def _on_side(self, result: object) -> None:
        if isinstance(result, Prepared):
            self._prepared = result
            self._renew()
            return
        if not isinstance(result, Preview) or result.session is not self.session or not self._fits():
            self._renew()
            return
        if self._wants_preview:
            self.workspace.set_preview(result.cells)
            self.previewed.emit(changes_text(result))
        if self._stale:
            self._renew()

    def _fits(self) -> bool:
        return self._prepared is not None and self._prepared.fits

    def _on_side_failed(self, line: str) -> None:
        self.show_preview(False)
        self.preview_failed.emit(line)
        self.message.emit(f"No preview: {line}", True)

    # ---- learning ------------------------------------------------------------------------------------------

    def run(self, device: str = "auto") -> None:
        """Adapt the model and judge it, beside the GUI thread."""
        if self._runner.state is not JobState.IDLE or self.reason:
            return
        source, is_open = self.source, self.open_folders
        sessions = [*self.sessions, *self.sources.sessions(is_open)]
        places = self.sources.used(is_open)
        self.adaptation = None
        self.judged.emit()
        self.message.emit("", False)
        self._text = ProgressText()
        self._runner.start(
            Job(
                "Fine-tuning",
                lambda cancel: adapt_steps(source, sessions, places, device, cancel, self.recipe),
            )
        )

    def cancel(self) -> None:
        """Stop; nothing is changed."""
        self._runner.cancel()

    def save(self, name: str) -> str:
        """Write the adapted model under a name of its own, and remember where its labels came from.

        Returns
        -------
        str
            Name of the model; empty where it could not be written, which the user is told.
        """
        if self.adaptation is None:
            return ""
        try:
            model = self.adaptation.save(own_folder(name))
        except WbcError as error:
            self.message.emit(str(error), True)
            return ""
        # The next adaptation begins with these labels, whether their images are open then or not.
        for session in self.sessions:
            if session.folder is not None and session.count.slide.path is not None:
                self.sources.add(LabelPlace(session.folder))
        self.sources.remember()
        return model.name

    def go_to_cell(self, name: str) -> bool:
        """Select a cell that is named in a verdict, where its slide is open.

        Parameters
        ----------
        name : str
            As in :attr:`~napari_wbc.adaptation.verdict.Verdict.suspects`.
        """
        session = self.session
        slide, _, number = name.rpartition(": cell ")
        if session is None or slide != session.count.slide.name or not number.isdigit():
            return False
        self.workspace.pick((int(number) - 1,))
        return True

    # ---- inside --------------------------------------------------------------------------------------------

    def _on_labels(self) -> None:
        self.labels_changed.emit()
        self.reason_changed.emit(self.reason)

    def _on_chosen(self) -> None:
        self._keep_labels()
        session = self.session
        if session is not None:
            self.source = str(session.count.run["model"]["name"])
            self.parent = parent_of(self.source)
        self._on_labels()
        if self._wants_preview:
            self.previewed.emit("")
            self._renew()

    def _on_edited(self, _change: Change) -> None:
        self._on_labels()
        self._renew()

    def _on_removed(self, _layer: object) -> None:
        self._keep_labels()
        self._on_labels()

    def _keep_labels(self) -> None:
        """Go on learning from reviews that were closed, or that a new count took the place of."""
        shown = {layer: s.session for layer, s in self.workspace.shown.items() if s.session is not None}
        closed = [session for layer, session in self._open.items() if shown.get(layer) is not session]
        self._open = shown
        for session in closed:
            if is_labelled(session.cells).any():
                self.sources.keep(session)
        self.sources.read_again({session.folder for session in closed if session.folder is not None})

    def _on_state(self, state: JobState) -> None:
        self.state_changed.emit(state)

    def _on_arrived(self, event: object) -> None:
        from napari_wbc.adaptation.refine import LearningPoint

        if isinstance(event, Progress):
            self.progress_changed.emit(self._text.line(event), event.done, event.total)
        elif isinstance(event, LearningPoint):
            self.learned.emit(event)

    def _on_finished(self, result: object) -> None:
        if isinstance(result, Learned):
            self.adaptation = result.adaptation
            self.judged.emit()


def changes_text(preview: Preview) -> str:
    """Say what the labels would change."""
    cells = preview.session.cells
    if not preview.labels:
        return "No label yet: this is what the model says."
    n = min(len(cells), len(preview.cells))
    is_open = (cells["status"] == "model").to_numpy()[:n]
    before = cells["label"].to_numpy(object)[:n][is_open]
    after = preview.cells["label"].to_numpy(object)[:n][is_open]
    moves = Counter(pair for pair in zip(before, after, strict=True) if pair[0] != pair[1])
    text = f"{_labels_text(preview.labels)}: {sum(moves.values())} of {cells_text(len(before))} would change"
    most = [
        f"{class_of(a).title} → {class_of(b).title} {count}"
        for (a, b), count in moves.most_common(_SHOWN_CHANGES)
    ]
    return f"{text}: {', '.join(most)}" if most else text


def _labels_text(number: int) -> str:
    return "1 label" if number == 1 else f"{number:,} labels"
