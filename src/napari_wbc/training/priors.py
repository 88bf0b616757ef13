"""How common each class is, as far as a model lets that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_wbc.leukocytes import coarse_class

if TYPE_CHECKING:
    from napari_wbc.training.config import TrainingConfig

#: Share of each class among the candidates of a normal adult smear: the middle of the reference intervals for the
#: leukocytes, small shares for what a normal smear hardly holds, and a hundredth each for platelets and artifacts that
#: the segmenter lets through.
_NORMAL_ADULT = {
    "neutrophil_segmented": 0.55,
    "neutrophil_band": 0.03,
    "lymphocyte": 0.30,
    "monocyte": 0.07,
    "eosinophil": 0.03,
    "basophil": 0.005,
    "metamyelocyte": 0.002,
    "myelocyte": 0.002,
    "promyelocyte": 0.001,
    "erythroblast": 0.002,
    "platelet": 0.01,
    "artifact": 0.01,
}
#: A class that the table does not know.
_OTHER = 0.005
_DIFFERENTIAL = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")
#: Powers of the shares: 0 would treat all classes alike, 1 would trust the table. Patients with a rare class in plenty
#: are those that a differential is asked for, so among the five kinds of a normal one the table has little say; what
#: does not belong in normal blood has to be clearer, and of two ages of one kind (band, segmented) the common one is
#: likelier.
_AMONG_THE_FIVE = 0.1
_OF_THE_REST = 0.15
_WITHIN_A_KIND = 0.25


def class_priors(config: TrainingConfig) -> dict[str, float]:
    """Give the prior of each class of a model, summing to 1.

    Scores of the logit-adjusted loss are those of classes equally common, so how common they are is put back
    (:func:`tempered_priors`); any other loss learns that from the batches, and all classes get the same.
    """
    if config.loss.classification == "domain_conditional":
        return tempered_priors(config.classes)
    return dict.fromkeys(config.classes, 1.0 / len(config.classes))


def log_prior(priors: Mapping[str, float]) -> NDArray[np.float64]:
    """Give what is added to the logits before a class is chosen, shape ``(k,)``.

    Examples
    --------
    >>> log_prior({"lymphocyte": 1.0}).tolist()
    [0.0]
    """
    return np.log(list(priors.values()))


def tempered_priors(classes: Sequence[str]) -> dict[str, float]:
    """Give the prior of each class, summing to 1: shares of a normal adult smear, most of the way to equal ones.

    Kinds of leukocyte (coarse classes) are weighed first, then the fine classes within each, so that a kind does not
    count for more because the model splits it further.

    Examples
    --------
    >>> priors = tempered_priors(["neutrophil_segmented", "neutrophil_band", "basophil"])
    >>> round((priors["neutrophil_segmented"] + priors["neutrophil_band"]) / priors["basophil"], 1)
    1.6
    """
    shares = {c: _NORMAL_ADULT.get(c, _OTHER) for c in classes}
    kinds = {coarse_class(c): [d for d in classes if coarse_class(d) == coarse_class(c)] for c in classes}
    raw: dict[str, float] = {}
    for kind, members in kinds.items():
        power = _AMONG_THE_FIVE if kind in _DIFFERENTIAL else _OF_THE_REST
        weight = sum(shares[c] for c in members) ** power
        within = {c: shares[c] ** _WITHIN_A_KIND for c in members}
        raw |= {c: weight * w / sum(within.values()) for c, w in within.items()}
    total = sum(raw.values())
    return {c: raw[c] / total for c in classes}
