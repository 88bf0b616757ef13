"""What a model promises of laboratories that it never saw, fitted on domains that were left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from napari_wbc.classification.bundle import load_model, save_bundle
from napari_wbc.classification.calibration import fit_temperature
from napari_wbc.classification.conformal import coarse_probabilities, conformal_threshold, prediction_sets
from napari_wbc.classification.replay import REPLAY_FILE, replay_content
from napari_wbc.errors import InputError
from napari_wbc.leukocytes import coarse_class, is_nucleated
from napari_wbc.training.card import write_card
from napari_wbc.training.manifests import label_members
from napari_wbc.training.priors import log_prior
from napari_wbc.training.trust.cells import equal_weights, weighted_quantiles

#: Of the cells of unseen labs that are classified rightly, this share gets a set of one class: it settles the level
#: of the sets. A stricter model would be right more often on the cells that it names, and would name few.
KEPT_OF_RIGHT = 0.9
#: p-value of novelty below which a cell stays unidentified.
_NOVEL_BELOW = 0.05


@dataclass(frozen=True, slots=True)
class UnseenCells:
    """What models said of laboratories that they had not seen.

    Attributes
    ----------
    logits : numpy.ndarray, shape (n, k)
        In the order of the classes of the model that is to be fitted.
    scores : numpy.ndarray, shape (n,)
        Of novelty (:meth:`~napari_wbc.classification.novelty.NoveltyReference.score`), each from the model that had
        not seen the cell.
    labels, domains : numpy.ndarray of str, shape (n,)
        Labels may be coarse.
    """

    logits: NDArray[np.floating]
    scores: NDArray[np.floating]
    labels: NDArray[np.str_]
    domains: NDArray[np.str_]


def fit_on_unseen(info: dict[str, Any], unseen: UnseenCells) -> dict[str, Any]:
    """Give ``model.json`` a temperature and thresholds that hold on domains left out.

    Parameters
    ----------
    info : dict
        Content of ``model.json`` of the model that was trained on all domains; it is not changed.
    unseen : UnseenCells
        Of models of the same recipe, each trained without one domain. Every domain counts the same; only leukocytes
        and erythroblasts count.

    Returns
    -------
    dict
        The content with ``temperature``, ``conformal`` (``level``: the share of cells whose set of classes holds the
        right one; ``threshold``: the probability from which on a class is in the set), ``novelty`` and ``thresholds``
        renewed. One minus the novelty of a cell is then its p-value among the cells of unseen laboratories that are
        classified rightly.

    Raises
    ------
    InputError
        No cell can be used.
    """
    classes = list(info["classes"])
    names = list(dict.fromkeys(map(coarse_class, classes)))
    coarse = np.array([coarse_class(x) for x in unseen.labels])
    kept = np.flatnonzero([c in names and is_nucleated(c) for c in coarse])
    if not len(kept):
        raise InputError(
            "no domain left out holds a leukocyte of the model's classes; evaluate on another manifest"
        )
    weights = equal_weights(unseen.domains[kept])
    # By name: the file may list them in another order than the classes.
    prior = log_prior({c: info["class_priors"][c] for c in classes})
    logits = np.asarray(unseen.logits, float)[kept]
    temperature = fit_temperature(logits, label_members(list(unseen.labels[kept]), classes), weights, prior)
    _, sums = coarse_probabilities(softmax(logits / temperature + prior, axis=1), classes)
    truth = np.array([names.index(c) for c in coarse[kept]], np.intp)
    level, threshold = sharpest_level(sums, truth, weights)
    right = sums.argmax(axis=1) == truth
    return {
        **info,
        "temperature": round(temperature, 4),
        "conformal": {"level": level, "threshold": round(threshold, 6)},
        "novelty": {
            **info["novelty"],
            # Those are the cells that should keep their label.
            "quantiles": weighted_quantiles(unseen.scores[kept][right], weights[right]),
            "cells": "of domains left out, classified rightly",
        },
        "thresholds": {**info["thresholds"], "max_novelty": 1.0 - _NOVEL_BELOW},
    }


def rewrite_bundle(folder: str | Path, unseen: UnseenCells) -> Path:
    """Renew temperature and thresholds of a bundle (:func:`fit_on_unseen`) and its card; the weights stay.

    Parameters
    ----------
    folder : str or Path
        The bundle; replaced as a whole.
    unseen : UnseenCells
        Of models trained without one domain each.
    """
    model = load_model(folder)
    info = fit_on_unseen(dict(model.info), unseen)
    replay = replay_content(model)
    further = {REPLAY_FILE: replay} if replay is not None else {}
    return save_bundle(model.folder, model.tensors, info, write_card(info), further=further)


def sharpest_level(
    sums: NDArray[np.floating], truth: NDArray[np.intp], weights: NDArray[np.floating]
) -> tuple[float, float]:
    """Find the highest level at which ``KEPT_OF_RIGHT`` of the rightly classified cells get a set of one class.

    Parameters
    ----------
    sums : numpy.ndarray, shape (n, k)
        Probabilities of coarse classes.
    truth : numpy.ndarray of int, shape (n,)
        The right one of each cell.
    weights : numpy.ndarray, shape (n,)
        Of the cells.

    Returns
    -------
    level, threshold : float
        What the sets promise, in steps of 0.01 down to 0.5, and the probability from which on a class is in the set.
    """
    true_probability = sums[np.arange(len(truth)), truth]
    right = sums.argmax(axis=1) == truth
    for hundredth in range(99, 49, -1):
        level, threshold = hundredth / 100, conformal_threshold(true_probability, weights, hundredth / 100)
        single = prediction_sets(sums, threshold).sum(axis=1) == 1
        if right.any() and np.average(single[right], weights=weights[right]) >= KEPT_OF_RIGHT:
            break
    return level, threshold
