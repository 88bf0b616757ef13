"""Every labelled cell judged by a refinement that did not learn from its slide, at each distance from the source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_wbc.adaptation.cells import Folds
from napari_wbc.adaptation.measure import compared
from napari_wbc.adaptation.outputs import outputs_of, probabilities_of
from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.adaptation.refine import LearningCallback, Material, interpolated, refine
from napari_wbc.adaptation.start import Start
from napari_wbc.adaptation.views import Done
from napari_wbc.classification.backbone import Network
from napari_wbc.classification.calibration import set_log_likelihood
from napari_wbc.execution.progress import CancelToken
from napari_wbc.training.manifests import label_members
from napari_wbc.training.sampling import row_weights


@dataclass(frozen=True, slots=True, eq=False)
class CrossFit:
    """What the refinements of all folds say of the cells that they did not learn from.

    Attributes
    ----------
    logits : numpy.ndarray, shape (points, n, k)
        One slice for each point of the recipe.
    scores : numpy.ndarray, shape (points, n)
        Log-likelihood of the label of each cell.
    weights : numpy.ndarray, shape (n,)
        Of the cells, so that rare classes count.
    fold : numpy.ndarray of int, shape (n,)
        Of the cells.
    """

    logits: NDArray[np.float32]
    scores: NDArray[np.float64]
    weights: NDArray[np.float64]
    fold: NDArray[np.intp]

    def best(self, allowed: NDArray[np.bool_], without: int | None = None) -> int:
        """Choose a point by the likelihood of the labels.

        Parameters
        ----------
        allowed : numpy.ndarray of bool, shape (points,)
            Those that the guard of the source lets pass. Where there is none, it is the first: nearest to the source.
        without : int, optional
            A fold whose cells have no say.
        """
        if not allowed.any():
            return 0
        counted = self.fold != without if without is not None else np.ones(len(self.fold), bool)
        if not counted.any():
            counted[:] = True
        means = self.scores[:, counted] @ self.weights[counted]
        return int(np.argmax(np.where(allowed, means, -np.inf)))

    def honest_logits(self, allowed: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Give logits ``(n, k)`` of each cell at the point that the cells of the other folds choose."""
        chosen = np.empty(self.logits.shape[1:], np.float32)
        for fold in np.unique(self.fold):
            rows = self.fold == fold
            chosen[rows] = self.logits[self.best(allowed, int(fold)), rows]
        return chosen


def cross_fit(
    start: Start,
    material: Material,
    plain: NDArray[np.float16],
    folds: Folds,
    recipe: Recipe,
    *,
    device: str = "cpu",
    learning: LearningCallback | None = None,
    step: Done | None = None,
    cancel: CancelToken | None = None,
) -> CrossFit:
    """Refine the source once without each fold, and let each judge the fold that it lacks.

    Parameters
    ----------
    start, material, recipe, device, learning, cancel
        As for :func:`~napari_wbc.adaptation.refine.refine`, of all cells.
    plain : numpy.ndarray of float16, shape (orientations, n, channels, h, w)
        The cells as they are (:func:`~napari_wbc.adaptation.views.plain_maps`).
    folds : Folds
        Of the cells.
    step : callable, optional
        Told how many of the steps of a run are done.
    """
    labels = material.labels
    logits = np.zeros((len(recipe.points), len(labels), len(start.classes)), np.float32)
    for number, fold in enumerate(np.unique(folds.fold)):
        held = np.flatnonzero(folds.fold == fold)
        learned = np.flatnonzero(folds.fold != fold)
        run = f"without part {number + 1} of {len(np.unique(folds.fold))}"
        refined = refine(
            start,
            material.rows(learned),
            recipe,
            device=device,
            run=run,
            judge=_judge(start, plain[:, held], labels[held]) if learning is not None else None,
            learning=learning,
            step=step,
            cancel=cancel,
        )
        for i, point in enumerate(recipe.points):
            network = interpolated(start, refined, point, device)
            logits[i, held] = outputs_of(start, network, plain[:, held], cancel=cancel)[0]
    members = label_members(list(map(str, labels)), start.classes)
    scores = np.stack(
        [set_log_likelihood(of / start.temperature + start.log_prior, members) for of in logits]
    )
    weights = row_weights([""] * len(labels), list(map(str, labels)), domain_power=0.0, class_power=0.5)
    return CrossFit(logits, scores, weights, folds.fold)


def _judge(start: Start, plain: NDArray[np.float16], labels: NDArray[np.str_]) -> Callable[[Network], float]:
    def macro_f1(network: Network) -> float:
        logits, _ = outputs_of(start, network.eval(), plain)
        probabilities = probabilities_of(start, logits, start.temperature)
        return compared(probabilities, start.classes, labels).metrics().macro_f1

    return macro_f1
