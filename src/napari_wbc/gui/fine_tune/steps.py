"""What the workers do: generators without Qt, viewer or layers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_wbc.adaptation.label_places import LabelPlace
from napari_wbc.cell_table import is_labelled
from napari_wbc.execution.progress import CancelToken, Progress
from napari_wbc.review.session import ReviewSession

if TYPE_CHECKING:
    from napari_wbc.adaptation.adapt import Adaptation
    from napari_wbc.adaptation.instant import InstantAdaptation
    from napari_wbc.adaptation.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """An adapted model that was judged."""

    adaptation: Adaptation


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A model that takes labels at once, for so many cells of one review.

    Attributes
    ----------
    session : ReviewSession
        Whose cells.
    instant : InstantAdaptation
        The model.
    cells : int
        So many there were.
    model_sha256 : str
        Of the model that saw them.
    """

    session: ReviewSession
    instant: InstantAdaptation
    cells: int
    model_sha256: str

    @property
    def fits(self) -> bool:
        """Whether the review still is as it was then, but for the labels."""
        session = self.session
        return self.cells == len(session.cells) and self.model_sha256 == session.count.run["model"]["sha256"]


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """What the model would say of the cells of a review with the labels that there are.

    Attributes
    ----------
    session : ReviewSession
        Whose cells.
    cells : pandas.DataFrame
        ``label``, ``model_label``, ``confidence`` and ``novelty`` of every cell.
    labels : int
        How many labels it learned from.
    """

    session: ReviewSession
    cells: pd.DataFrame
    labels: int


def told(call: Callable[[Callable[[Any], None]], Any]) -> Generator[Any]:
    """Make a generator of a function that tells how far it is through a callback.

    Parameters
    ----------
    call : callable
        Takes the callback; runs in a thread of its own.

    Yields
    ------
    object
        What the callback was given, then what the function returns.
    """
    queue: SimpleQueue[tuple[str, Any]] = SimpleQueue()

    def run() -> None:
        try:
            queue.put(("result", call(lambda event: queue.put(("event", event)))))
        except BaseException as error:  # noqa: BLE001 - raised again where the generator is
            queue.put(("error", error))

    thread = Thread(target=run, name="napari-wbc call", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = queue.get()
            if kind == "error":
                raise value
            yield value
            if kind == "result":
                return
    finally:
        thread.join()


def prepare_steps(session: ReviewSession, cancel: CancelToken) -> Generator[Any]:
    """Make the model of a count ready to take labels at once.

    Yields
    ------
    Progress, then Prepared
    """
    from napari_wbc.adaptation.instant import InstantAdaptation
    from napari_wbc.provenance import model_of_run

    yield Progress("Looking at cells of the training", 0, 0)
    model = model_of_run(session.count.run)
    embeddings = session.embeddings
    instant = InstantAdaptation(model, embeddings, cancel=cancel)
    yield Prepared(session, instant, len(embeddings), model.sha256)


def preview_steps(prepared: Prepared, _cancel: CancelToken) -> Generator[Any]:
    """Fit the head of the model to the labels of a review.

    Yields
    ------
    Preview
    """
    cells = prepared.session.cells
    known = np.flatnonzero(is_labelled(cells).to_numpy())
    if len(known):
        result = prepared.instant.fit(known, list(cells["label"].iloc[known]))
    else:
        result = prepared.instant.before
    labels, predictions = result.labels, result.predictions
    chances = {f"p_{c}": predictions.probabilities[:, i] for i, c in enumerate(result.model.classes)}
    frame = pd.DataFrame(
        {
            "label": pd.Series(labels.label, dtype=object),
            "model_label": pd.Series(labels.model_label, dtype=object),
            "confidence": np.asarray(labels.confidence, float),
            "novelty": np.asarray(predictions.novelty, float),
            # A class that only the labels know has no column in the table.
            **{name: values for name, values in chances.items() if name in cells.columns},
        }
    )
    yield Preview(prepared.session, frame, len(known))


def adapt_steps(
    model: str,
    sessions: Sequence[ReviewSession],
    places: Sequence[LabelPlace],
    device: str,
    cancel: CancelToken,
    recipe: Recipe | None = None,
) -> Generator[Any]:
    """Gather labelled cells, adapt a model to them and judge it.

    Yields
    ------
    Progress, LearningPoint, then Learned
    """
    from napari_wbc.adaptation.adapt import adapt
    from napari_wbc.adaptation.cells import joined
    from napari_wbc.adaptation.sources import cells_of_review, labelled_cells

    def call(tell: Callable[[Any], None]) -> Learned:
        tell(Progress("Gathering labelled cells", 0, 0))
        parts = [cells_of_review(session) for session in sessions]
        parts += [
            labelled_cells([place.path], um_per_px=place.um_per_px, progress=tell, cancel=cancel)
            for place in places
        ]
        return Learned(
            adapt(
                model,
                joined(parts),
                recipe=recipe,
                device=device,
                learning=tell,
                progress=tell,
                cancel=cancel,
            )
        )

    yield from told(call)
