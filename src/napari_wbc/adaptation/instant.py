"""A head fitted with every label, on embeddings that are there already: all cells before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from napari_wbc.adaptation.balance import balanced_rows, log_shares
from napari_wbc.adaptation.head import Head, HeadCells, shrunken_head
from napari_wbc.adaptation.outputs import upper_outputs
from napari_wbc.adaptation.start import Start, start_of
from napari_wbc.classification.bundle import Model
from napari_wbc.classification.novelty import NoveltyReference, nucleated_columns, unit_length
from napari_wbc.classification.predict import (
    Labels,
    Predictions,
    calibrated,
    label_predictions,
)
from napari_wbc.classification.replay import load_replay
from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken

#: How strongly the head is held where it was, and how much all replayed cells count beside the labelled ones.
PULL, REPLAY_WEIGHT = 0.01, 1.0
#: Reference cells as which a labelled one counts: of a new class there are a few at first, and all its cells would stay
#: unlike the training.
_LABELLED_COUNTS = 4
#: Directions in which the head may move: the main ones of the cells in sight.
_DIRECTIONS = 256
#: Cells that these are found with.
_MOST_SAMPLED = 3000


@dataclass(frozen=True, slots=True, eq=False)
class InstantResult:
    """What a model says of the cells of a slide after a few labels.

    Attributes
    ----------
    model : Model
        The source with the new head; it is in memory only.
    predictions : Predictions
        Of all cells.
    labels : Labels
        That follow.
    """

    model: Model
    predictions: Predictions
    labels: Labels


class InstantAdaptation:
    """Fits the head of a model to labels of cells whose embeddings are known.

    Preparing takes a second (replayed cells run through a part of the network); each :meth:`fit` takes a fraction of
    one. What it gives is a preview: no held-out cell has judged it. :func:`napari_wbc.adaptation.fine_tune` does.

    Parameters
    ----------
    model : Model
        The one that gave the embeddings.
    embeddings : numpy.ndarray, shape (n, d)
        Of all cells of a slide, as a count keeps them.
    cancel : CancelToken, optional
        For the preparation.

    Attributes
    ----------
    before : InstantResult
        What the model says of the cells as it is.
    has_replay : bool
        Whether cells of the training came with the model. Without them the head is only held where it was, and
        forgets more.

    Examples
    --------
    >>> count = wbc.count("smear.png")  # doctest: +SKIP
    >>> instant = InstantAdaptation(wbc.load_model("robust"), count.embeddings)  # doctest: +SKIP
    >>> instant.fit([0, 7], ["monocyte", "lymphocyte"]).labels.label  # doctest: +SKIP
    """

    def __init__(
        self,
        model: Model,
        embeddings: NDArray[np.floating],
        *,
        cancel: CancelToken | None = None,
    ) -> None:
        self._model = model
        self._cells = np.asarray(embeddings, np.float32)
        replay = load_replay(model)
        self.has_replay = replay is not None
        if replay is not None:
            replay = replay.rows(~replay.guard)
            self._replayed = upper_outputs(model.network("cpu"), replay.maps, cancel=cancel)[1]
            self._replay_labels, self._replay_domains = replay.labels, replay.domains
        else:
            self._replayed = np.zeros((0, self._cells.shape[1]), np.float32)
            self._replay_labels = self._replay_domains = np.zeros(0, np.str_)
        self._basis = _directions(np.concatenate([self._cells, self._replayed]))
        self._seen = self._cells @ self._basis
        self._replayed_seen = self._replayed @ self._basis
        self._nearness = _Nearness(NoveltyReference.of(model), self._cells)
        start = start_of(model, ())
        self.before = self._result(start, start.head.logits(self._cells), None, ())

    def fit(self, rows: Sequence[int] | NDArray[np.intp], labels: Sequence[str]) -> InstantResult:
        """Fit the head to labelled cells.

        Parameters
        ----------
        rows : sequence of int
            Of the embeddings.
        labels : sequence of str
            Their classes; those that the model does not know become classes of their own.

        Raises
        ------
        InputError
            There is no label, or not one for each row.
        """
        chosen = np.asarray(rows, np.intp)
        if not len(chosen) or len(chosen) != len(labels):
            raise InputError(
                f"{len(labels)} labels for {len(chosen)} cells; give a label for each, and one at least"
            )
        start = start_of(self._model, labels)
        rows_of = balanced_rows(labels, self._replay_labels, self._replay_domains, start.classes)
        counted = rows_of.weights * len(chosen)
        counted[len(chosen) :] *= REPLAY_WEIGHT
        seen = np.concatenate([self._seen[chosen], self._replayed_seen])
        # Logits where the head starts, and the head that moves from there, both in the directions that it may take.
        whole = np.concatenate([self._cells[chosen], self._replayed])
        k = len(start.classes)
        still = Head(np.zeros((k, seen.shape[1])), np.zeros(k))
        moved = shrunken_head(
            still,
            HeadCells(seen, rows_of.members, counted, log_shares(rows_of) + start.head.logits(whole)),
            pull=PULL,
        )
        logits = start.head.logits(self._cells) + moved.logits(self._seen)
        head = Head(start.head.weight + moved.weight @ self._basis.T, start.head.bias + moved.bias)
        return self._result(start, logits, head, chosen)

    def _result(
        self,
        start: Start,
        logits: NDArray[np.float32],
        head: Head | None,
        known: Sequence[int] | NDArray[np.intp],
    ) -> InstantResult:
        model = self._model if head is None else in_memory(start, head)
        reference = NoveltyReference.of(self._model)
        energy = -logsumexp(logits[:, nucleated_columns(start.classes)].astype(float), axis=1)
        parts = {"distance": self._nearness.distance(known), "energy": energy}
        score = sum((parts[name] - mean) / spread for name, (mean, spread) in reference.parts.items())
        novelty = reference.novelty(np.asarray(score))
        predictions = Predictions(calibrated(model, logits), novelty, self._cells, logits)
        return InstantResult(model, predictions, label_predictions(model, predictions))


def in_memory(start: Start, head: Head) -> Model:
    """Give a source model with another head, without a folder of its own."""
    tensors = dict(start.model.tensors)
    tensors["network.head.weight"] = head.weight.astype(np.float32)
    tensors["network.head.bias"] = head.bias.astype(np.float32)
    info = {**start.model.info, "classes": list(start.classes), "class_priors": dict(start.priors)}
    return replace(
        start.model, classes=start.classes, info=info, tensors=tensors, sha256="", _networks={}, _engines={}
    )


class _Nearness:
    """How near cells are to those of the training, and to those that were labelled since."""

    def __init__(self, reference: NoveltyReference, embeddings: NDArray[np.float32]) -> None:
        self._unit = unit_length(embeddings)
        most = min(reference.neighbours, len(reference.reference))
        trained = reference.reference.astype(np.float32).T
        parts = [
            np.partition(self._unit[start : start + 4096] @ trained, -most, axis=1)[:, -most:]
            for start in range(0, len(self._unit), 4096)
        ]
        self._trained = np.concatenate(parts) if parts else np.zeros((0, most), np.float32)
        self._labelled: dict[int, NDArray[np.float32]] = {}

    def distance(self, labelled: Sequence[int] | NDArray[np.intp]) -> NDArray[np.float64]:
        """Give the mean cosine distance to the nearest of both, shape ``(n,)``."""
        fresh = [int(row) for row in labelled if int(row) not in self._labelled]
        if fresh:
            columns = self._unit @ self._unit[fresh].T
            self._labelled |= {row: columns[:, i] for i, row in enumerate(fresh)}
        most = self._trained.shape[1]
        known = np.stack([self._labelled[int(row)] for row in labelled], axis=1) if len(labelled) else None
        near = self._trained
        if known is not None:
            near = np.concatenate([near, *[known] * _LABELLED_COUNTS], axis=1)
            near = np.partition(near, -most, axis=1)[:, -most:]
        return np.asarray(1.0 - near.mean(axis=1), float)


def _directions(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the main directions of cells, shape ``(d, r)``, orthonormal."""
    step = max(1, len(embeddings) // _MOST_SAMPLED)
    some = embeddings[::step].astype(float)
    centred = some - some.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return np.asarray(axes[:, ::-1][:, :_DIRECTIONS], np.float32)
