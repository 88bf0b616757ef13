"""What an adaptation starts from: the source model, with an output more for every class that it does not know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_wbc.adaptation.head import Head
from napari_wbc.classification.bundle import Model
from napari_wbc.leukocytes import PARTIAL_LABELS, is_nucleated
from napari_wbc.training.manifests import label_members
from napari_wbc.training.priors import tempered_priors

#: Logits that a new class starts below the mean of the others: it must be learned, not guessed.
_NEW_BELOW = 2.0


@dataclass(frozen=True, slots=True)
class Start:
    """A source model as an adaptation sees it.

    Attributes
    ----------
    model : Model
        The source; never changed.
    classes : tuple of str
        Its classes in their order, then the new ones.
    new : tuple of str
        Those that it did not know.
    head : Head
        Its last layer, with rows for the new classes.
    priors : dict of str to float
        Of all classes, in their order; they sum to 1.
    """

    model: Model
    classes: tuple[str, ...]
    new: tuple[str, ...]
    head: Head
    priors: Mapping[str, float]

    @property
    def log_prior(self) -> NDArray[np.float64]:
        """What is added to the logits before a class is chosen, shape ``(k,)``."""
        return np.log(list(self.priors.values()))

    @property
    def temperature(self) -> float:
        """Of the source."""
        return self.model.temperature


def start_of(model: Model, labels: Iterable[str]) -> Start:
    """Prepare a source model for labels.

    Parameters
    ----------
    model : Model
        The source.
    labels : iterable of str
        Of the labelled cells. One that allows none of the model's classes becomes a class of its own.
    """
    new = new_classes(model.classes, labels)
    classes = (*model.classes, *new)
    weight = np.asarray(model.tensors["network.head.weight"], float)
    bias = np.asarray(model.tensors["network.head.bias"], float)
    if new:
        # Where an unknown kind of cell stands among the others nobody knows: in their middle, and below.
        kin = [i for i, c in enumerate(model.classes) if is_nucleated(c)] or list(range(len(model.classes)))
        weight = np.concatenate([weight, np.tile(weight[kin].mean(axis=0), (len(new), 1))])
        bias = np.concatenate([bias, np.full(len(new), bias[kin].mean() - _NEW_BELOW)])
    return Start(model, classes, new, Head(weight, bias), _priors(model, new))


def new_classes(known: Sequence[str], labels: Iterable[str]) -> tuple[str, ...]:
    """Give the labels that none of the known classes stands for, each once, sorted.

    Examples
    --------
    >>> new_classes(["neutrophil_band", "monocyte"], ["neutrophil", "plasma_cell", "monocyte"])
    ('plasma_cell',)
    """
    names = sorted(set(labels))
    members = label_members(names, known)
    # "Leukocyte" or "not a leukocyte" name no class, whatever the model knows.
    vague = {"leukocyte", "not_leukocyte"} & set(PARTIAL_LABELS)
    return tuple(str(n) for n, row in zip(names, members, strict=True) if not row.any() and n not in vague)


def _priors(model: Model, new: Sequence[str]) -> dict[str, float]:
    """Give the new classes the shares that a training with them would have, and the old ones the rest."""
    theirs = {c: float(model.info["class_priors"][c]) for c in model.classes}
    if not new:
        return theirs
    fresh = tempered_priors((*model.classes, *new))
    rest = 1.0 - sum(fresh[c] for c in new)
    total = sum(theirs.values())
    return {c: p / total * rest for c, p in theirs.items()} | {c: fresh[c] for c in new}
