"""The reference cells of novelty, and the scale of its score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.classification.novelty import NoveltyReference, nucleated_columns, raw_parts, unit_length
from napari_wbc.errors import InputError
from napari_wbc.training.trust.cells import (
    JudgedCells,
    equal_weights,
    per_pair,
    weighted_mean_and_spread,
    weighted_quantiles,
)

_NEIGHBOURS = 10
#: Reference cells kept for each pair of domain and class.
_REFERENCE_PER_PAIR = 24


def fit_novelty(
    classes: Sequence[str], fitted: JudgedCells, held_out: JudgedCells, *, seed: int = 0
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Choose the reference cells, and scale the score on held-out cells.

    Parameters
    ----------
    classes : sequence of str
        Of the model.
    fitted : JudgedCells
        Cells that it was trained on.
    held_out : JudgedCells
        Cells of the same domains that it was not trained on.
    seed : int, optional
        Of the choice.

    Returns
    -------
    tensors : dict of str to numpy.ndarray
        For ``model.safetensors``.
    stated : dict
        The entry ``novelty`` of ``model.json``.

    Raises
    ------
    InputError
        There are no leukocytes in one of the two.
    """
    fitted, held_out = fitted.nucleated(), held_out.nucleated()
    if not len(fitted) or not len(held_out):
        raise InputError("no leukocyte is held out, so novelty cannot be scaled; hold out more groups")
    reference = unit_length(
        fitted.embeddings[per_pair(fitted.domains, fitted.labels, _REFERENCE_PER_PAIR, seed)]
    )
    reference = reference.astype(np.float16)
    columns = nucleated_columns(classes)
    values = raw_parts(held_out.logits[:, columns], held_out.embeddings, reference, _NEIGHBOURS)
    # Every domain counts the same: the largest one must not say alone what is usual.
    weights = equal_weights(held_out.domains)
    parts = {name: weighted_mean_and_spread(part, weights) for name, part in values.items()}
    unscaled = NoveltyReference(reference.astype(float), _NEIGHBOURS, parts, np.zeros(1), columns)
    stated = {
        "neighbours": _NEIGHBOURS,
        "parts": {name: list(pair) for name, pair in parts.items()},
        "quantiles": weighted_quantiles(unscaled.score(held_out.logits, held_out.embeddings), weights),
        "cells": "held out, of the training domains",
    }
    return {"novelty.reference": reference}, stated
