"""What the workers do with models on the disk: generators without Qt, viewer or layers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wbc.execution.progress import CancelToken, Progress
from napari_wbc.gui.fine_tune.steps import told
from napari_wbc.review.session import ReviewSession

if TYPE_CHECKING:
    from napari_wbc.review.opinion import Opinion


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a model says of the cells of a review."""

    session: ReviewSession
    opinion: Opinion


@dataclass(frozen=True, slots=True)
class Exported:
    """An adapter that was written."""

    file: Path


@dataclass(frozen=True, slots=True)
class Imported:
    """A model that was made of an adapter.

    Attributes
    ----------
    name : str
        Of the model.
    use : bool
        Whether it counts from now on.
    """

    name: str
    use: bool


def see_steps(session: ReviewSession, model: str, device: str, cancel: CancelToken) -> Generator[Any]:
    """Let a model look at the cells of a review.

    Yields
    ------
    Progress, then Answer
    """
    from napari_wbc.classification.bundle import load_model
    from napari_wbc.review.opinion import ask_model

    yield Progress("Loading the model", 0, 0)
    loaded = load_model(model)
    cancel.check()
    for event in told(lambda tell: ask_model(session, loaded, device=device, cancel=cancel, progress=tell)):
        yield event if isinstance(event, Progress) else Answer(session, event)


def export_steps(model: str, file: Path, _cancel: CancelToken) -> Generator[Any]:
    """Write the adapter of a model.

    Yields
    ------
    Progress, then Exported
    """
    from napari_wbc.adaptation.adapter import export_adapter

    yield Progress("Comparing the model with its source", 0, 0)
    yield Exported(export_adapter(model, file))


def import_steps(file: Path, folder: Path, use: bool, _cancel: CancelToken) -> Generator[Any]:
    """Make a model of an adapter.

    Yields
    ------
    Progress, then Imported
    """
    from napari_wbc.adaptation.adapter import import_adapter

    yield Progress("Checking the model that it belongs to", 0, 0)
    yield Imported(import_adapter(file, folder).name, use)
