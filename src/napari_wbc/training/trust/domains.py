"""Where the cells of the training domains lie, and how far a slide of theirs strays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from napari_wbc.classification.conformal import coarse_probabilities
from napari_wbc.classification.domain_shift import DomainReference, project
from napari_wbc.classification.novelty import unit_length
from napari_wbc.leukocytes import coarse_class, is_nucleated
from napari_wbc.training.priors import log_prior
from napari_wbc.training.trust.cells import JudgedCells, per_pair

#: Cells of each pair of domain and class that means and variances rest on.
_CELLS_PER_PAIR = 200
#: Numbers in which domains are compared.
_DIRECTIONS = 48
#: Share of the mean variance added to each: directions that hardly vary in training must not decide.
_SHRINKAGE = 0.1
#: Of embeddings of length 1. What lies closer together differs by rounding only: they are kept in half precision, and
#: so are the directions, which 1 / sqrt(variance) must fit into.
_LEAST_VARIANCE = 1e-8
_SLIDE_CELLS = (10, 30, 100, 300, 1000)
_SLIDES_OF_A_KIND = 100
#: A class with fewer held-out cells, and a slide with fewer cells, would be drawn as the same few again and again.
_LEAST_DRAWN = 15


def fit_domain_shift(
    class_priors: Mapping[str, float], fitted: JudgedCells, held_out: JudgedCells, *, seed: int = 0
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Fit the directions, the means of the domains in them, and the limits for slides of some sizes.

    Parameters
    ----------
    class_priors : mapping of str to float
        Of the model, in the order of its classes.
    fitted, held_out : JudgedCells
        Cells of the training domains that the model was trained on, and that it was not.
    seed : int, optional
        Of what is drawn.

    Returns
    -------
    tensors : dict of str to numpy.ndarray
        For ``model.safetensors``.
    stated : dict
        The entry ``domain_shift`` of ``model.json``. Both are empty where too few cells are held out to draw a
        slide, and where the network sees no difference between any of them.
    """
    random = np.random.default_rng(seed)
    names = tuple(dict.fromkeys(c for c in map(coarse_class, class_priors) if is_nucleated(c)))
    fitted, column = _with_columns(class_priors, names, fitted)
    held_out, held_column = _with_columns(class_priors, names, held_out)
    chosen = per_pair(fitted.domains, [names[c] for c in column], _CELLS_PER_PAIR, seed)
    domains = tuple(str(d) for d in np.unique(fitted.domains))
    of = np.array([domains.index(d) for d in fitted.domains], np.intp)
    unit = unit_length(fitted.embeddings[chosen]).astype(float)
    means = _pair_means(unit, of[chosen], column[chosen], (len(domains), len(names)))
    basis = _directions(unit, means, of[chosen], column[chosen])
    projected_means = np.einsum("dce,er->dcr", means, basis.astype(float)).astype(np.float32)
    reference = DomainReference(
        domains, names, basis.astype(float), projected_means.astype(float), np.ones(1), np.ones(1)
    )
    both, column = _joined(fitted, held_out), np.concatenate([column, held_column])
    held = np.arange(len(both)) >= len(fitted)
    projected = project(both.embeddings, reference.basis)
    limits: dict[int, float] = {}
    for size in _SLIDE_CELLS:
        slides = _drawn_slides(both, held, column, size, random)
        distances = [reference.distances(projected[rows], column[rows]).min() for rows in slides]
        if distances:
            # More cells can only make it clearer.
            limits[size] = min([float(np.quantile(distances, 0.99)), *limits.values()])
    rounded = [round(limit, 4) for limit in limits.values()]
    if not rounded or min(rounded) == 0.0:
        # Of cells that all look the same, no slide can be told from another.
        return {}, {}
    stated = {
        "domains": list(domains),
        "classes": list(names),
        "cells": list(limits),
        "limits": rounded,
    }
    return {"domains.basis": basis, "domains.means": projected_means}, stated


def _with_columns(
    class_priors: Mapping[str, float], names: tuple[str, ...], cells: JudgedCells
) -> tuple[JudgedCells, NDArray[np.intp]]:
    """Give the cells whose class, as the model gives it, is one of the names, and that class.

    Right or wrong: on a slide there is nothing else to go by.
    """
    cells = cells.nucleated()
    probabilities = softmax(np.asarray(cells.logits, float) + log_prior(class_priors), axis=1)
    told, sums = coarse_probabilities(probabilities, list(class_priors))
    best = [told[i] for i in sums.argmax(axis=1)] if len(cells) else []
    kept = np.flatnonzero([name in names for name in best])
    return cells.rows(kept), np.array([names.index(best[i]) for i in kept], np.intp)


def _joined(first: JudgedCells, second: JudgedCells) -> JudgedCells:
    return JudgedCells(
        np.concatenate([first.logits, second.logits]),
        np.concatenate([first.embeddings, second.embeddings]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.domains, second.domains]),
        np.concatenate([first.groups, second.groups]),
    )


def _pair_means(
    unit: NDArray[np.float64], of: NDArray[np.intp], column: NDArray[np.intp], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Give the mean of every pair of domain and class.

    A pair that is missing gets the mean of its class elsewhere, moved as its domain moves the other classes.
    """
    means = np.zeros((*shape, unit.shape[1]))
    there = np.zeros(shape, bool)
    for d, c in np.unique(np.stack([of, column], axis=1), axis=0):
        means[d, c], there[d, c] = unit[(of == d) & (column == c)].mean(axis=0), True
    of_class = _class_means(means, there)
    for d in range(shape[0]):
        moved = (means[d, there[d]] - of_class[there[d]]).mean(axis=0)
        means[d, ~there[d]] = of_class[~there[d]] + moved
    return means


def _class_means(means: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    overall = means[there].mean(axis=0)
    rows = [
        means[there[:, c], c].mean(axis=0) if there[:, c].any() else overall for c in range(there.shape[1])
    ]
    return np.stack(rows)


def _directions(
    unit: NDArray[np.float64], means: NDArray[np.float64], of: NDArray[np.intp], column: NDArray[np.intp]
) -> NDArray[np.float16]:
    """Give directions in which cells of a class differ, scaled to variance 1 within a domain."""
    centred = unit - means.mean(axis=0)[column]
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :_DIRECTIONS]
    within = (unit - means[of, column]) @ axes
    variance, turn = np.linalg.eigh(within.T @ within / len(unit))
    variance = np.maximum(np.maximum(variance, 0.0) + _SHRINKAGE * variance.mean(), _LEAST_VARIANCE)
    return np.asarray(axes @ turn / np.sqrt(variance), np.float16)


def _drawn_slides(
    cells: JudgedCells,
    held_out: NDArray[np.bool_],
    column: NDArray[np.intp],
    size: int,
    random: np.random.Generator,
) -> Iterator[NDArray[np.intp]]:
    """Draw slides of the training domains, as rows of ``cells``.

    Held-out cells with the class mix of their domain and with a random one; and where slides are known, cells of one
    slide, held out or not: slides of one laboratory differ by more than chance.
    """
    for domain in np.unique(cells.domains):
        inside = cells.domains == domain
        held = np.flatnonzero(inside & held_out)
        names, counts = np.unique(cells.groups[inside], return_counts=True)
        slides = [
            np.flatnonzero(inside & (cells.groups == name))
            for name in names[counts >= max(_LEAST_DRAWN, min(size, 100))]
        ]
        for _ in range(_SLIDES_OF_A_KIND):
            if len(held) >= _LEAST_DRAWN:
                yield random.choice(held, size)
                yield random.choice(held, size, p=_random_mix(column[held], random))
            if slides:
                yield random.choice(slides[random.integers(len(slides))], size)


def _random_mix(column: NDArray[np.intp], random: np.random.Generator) -> NDArray[np.float64]:
    """Give the chance of each cell to be drawn so that the classes come in a random mix."""
    counts = np.bincount(column)
    share = np.where(counts >= _LEAST_DRAWN, random.dirichlet(np.ones(len(counts))), 1e-9)
    chance = (share / np.maximum(counts, 1))[column]
    return np.asarray(chance / chance.sum())
