"""The models of the user's own: used, left again, passed on, taken in and taken away. No Qt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_wbc.adaptation.own_models import OwnModel, delete_model, own_folder, own_models
from napari_wbc.classification.bundle import find_model, list_models, read_info
from napari_wbc.differential.wording import cells_text
from napari_wbc.errors import InputError, WbcError
from napari_wbc.gui.fine_tune.model_steps import (
    Answer,
    Exported,
    Imported,
    export_steps,
    import_steps,
    see_steps,
)
from napari_wbc.gui.job import Job, JobState, Runner
from napari_wbc.gui.settings import remembered
from napari_wbc.gui.workspace import Workspace
from napari_wbc.review.session import ReviewSession

if TYPE_CHECKING:
    from napari_wbc.adaptation.adapter import Adapter


class ModelShelf:
    """Between the models on the disk, the one that counts, and the open review.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    runner : Runner
        The one that adapts models, too: one thing at a time.

    Signals
    -------
    changed()
        Other models, another one counts, or the open review is seen with another one.
    started()
        A job of the shelf begins.
    message(str, bool)
        A line for the user, and whether it is an error.

    Attributes
    ----------
    counting : str
        Name of the model that counts from now on.
    """

    changed = Signal()
    started = Signal()
    message = Signal(str, bool)

    def __init__(self, workspace: Workspace, runner: Runner) -> None:
        self.workspace = workspace
        self.counting: str = remembered()["model"]
        self._runner = runner
        runner.finished.connect(self._on_finished)

    def connect(self) -> None:
        """Begin to listen."""
        self.workspace.model_wanted.connect(self._on_wanted)
        self.workspace.chosen.connect(self.changed.emit)

    def disconnect(self) -> None:
        """Stop listening."""
        self.workspace.model_wanted.disconnect(self._on_wanted)
        self.workspace.chosen.disconnect(self.changed.emit)

    # ---- what there is -------------------------------------------------------------------------------------

    @property
    def models(self) -> list[OwnModel]:
        """The user's own models, the latest first."""
        return own_models()

    @property
    def seen_with(self) -> str:
        """Name of the model that sees the open review; empty without one."""
        session = self.workspace.session
        return str(session.count.run["model"]["name"]) if session is not None else ""

    # ---- using ---------------------------------------------------------------------------------------------

    def use(self, name: str) -> None:
        """Count with a model from now on, and see the open review with it."""
        if self._busy():
            return
        self.workspace.model_wanted.emit(name)
        session = self.workspace.session
        if session is None or self._is_seen_with(session, name):
            self.message.emit(f"{name} counts from now on.", False)
        elif session.signature is not None:
            self.message.emit(
                f"{name} counts from now on. The open review is signed and stays as it is.", False
            )
        else:
            self.see(name)

    def see(self, name: str) -> None:
        """See the open review with a model; what people said of its cells stays."""
        session = self.workspace.session
        if session is None or self._busy():
            return
        device = remembered()["device"]
        self.started.emit()
        self._runner.start(
            Job(f"Seeing the review with {name}", lambda cancel: see_steps(session, name, device, cancel))
        )

    def delete(self, name: str) -> None:
        """Take a model away for good; if it counts, the one that it came from counts again."""
        if self._busy():
            return
        parent = next((model.parent for model in self.models if model.name == name), "")
        try:
            delete_model(name)
        except WbcError as error:
            self.message.emit(str(error), True)
            return
        # Where another one counts, the lists of models are made anew at least.
        self.workspace.model_wanted.emit((parent or "robust") if self.counting == name else self.counting)
        self.message.emit(f"{name} is deleted; {self.counting} counts from now on.", False)

    # ---- passing on ----------------------------------------------------------------------------------------

    def export(self, name: str, file: Path) -> None:
        """Write what a model differs in from its source as one small file, to be passed on."""
        if self._busy():
            return
        self.started.emit()
        self._runner.start(Job(f"Exporting {name}", lambda cancel: export_steps(name, file, cancel)))

    def read(self, file: Path) -> Adapter | None:
        """Look at an adapter, and whether the model that it belongs to is there; the user is told if not."""
        from napari_wbc.adaptation.adapter import read_adapter

        try:
            adapter = read_adapter(file)
            if not any(_sha256_of(model.folder) == adapter.parent_sha256 for model in list_models()):
                raise InputError(
                    f"{file.name} belongs to the model {adapter.parent} (SHA-256 {adapter.parent_sha256[:12]}…), which "
                    "is not installed: install that first"
                )
        except WbcError as error:
            self.message.emit(str(error), True)
            return None
        return adapter

    def install(self, adapter: Adapter, name: str, *, use: bool) -> None:
        """Make a model of an adapter, among the user's own.

        Parameters
        ----------
        adapter : Adapter
            From :meth:`read`.
        name : str
            Of the model; it must be free.
        use : bool
            Whether it counts from then on.
        """
        if self._busy():
            return
        try:
            folder = own_folder(name)
            if folder.exists():
                raise InputError(f"there is a model {folder.name} already; give another name")
        except WbcError as error:
            self.message.emit(str(error), True)
            return
        self.started.emit()
        self._runner.start(
            Job(f"Importing {folder.name}", lambda cancel: import_steps(adapter.file, folder, use, cancel))
        )

    # ---- inside --------------------------------------------------------------------------------------------

    def _busy(self) -> bool:
        if self._runner.state is JobState.IDLE:
            return False
        self.message.emit("Wait until this is done, or cancel it.", False)
        return True

    def _is_seen_with(self, session: ReviewSession, name: str) -> bool:
        try:
            return _sha256_of(find_model(name)) == session.count.run["model"]["sha256"]
        except WbcError:
            # What is wrong with it is told when it is loaded.
            return False

    def _on_wanted(self, name: str) -> None:
        self.counting = name
        self.changed.emit()

    def _on_finished(self, result: object) -> None:
        if isinstance(result, Answer):
            self._see(result)
        elif isinstance(result, Exported):
            self.message.emit(f"Written: {result.file} ({result.file.stat().st_size / 1e6:.1f} MB)", False)
        elif isinstance(result, Imported):
            if result.use:
                self.use(result.name)
            else:
                # The lists of models are made anew.
                self.workspace.model_wanted.emit(self.counting)
                self.message.emit(f"{result.name} is installed.", False)

    def _see(self, answer: Answer) -> None:
        session, name = answer.session, str(answer.opinion.model["name"])
        workspace = self.workspace
        images = [image for image, shown in workspace.shown.items() if shown.session is session]
        if not images or images[0] is workspace.busy:
            # It was closed, or a new count takes its place.
            self.message.emit("The review was closed meanwhile, so it stays as it was.", False)
            return
        before = session.cells["label"].to_numpy(object)
        try:
            session.see_with(answer.opinion)
        except WbcError as error:
            self.message.emit(str(error), True)
            return
        changed = int((before != session.cells["label"].to_numpy(object)).sum())
        counts = f"{name} counts from now on. " if self.counting == name else ""
        self.message.emit(
            f"{counts}This review is seen with {name}: {changed} of {cells_text(len(before))} changed their class. "
            "What you labelled stays; Undo in the review takes the change back.",
            False,
        )


def _sha256_of(folder: Path) -> str:
    """Give the SHA-256 that a bundle states; loading it checks that."""
    try:
        return str(read_info(folder)["sha256"])
    except WbcError:
        return ""
