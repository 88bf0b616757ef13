"""What an adapted model, not yet written, says of test cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_wbc.adaptation.adapt import Adaptation
from napari_wbc.adaptation.outputs import outputs_of, probabilities_of
from napari_wbc.adaptation.refine import Refined, interpolated
from napari_wbc.adaptation.views import plain_maps
from napari_wbc.training.evaluation.metrics import Metrics, measure

from .cells import Target

#: Test cells of a draw that are looked at with the whole network.
MOST_TESTED = 600


def some_of(test: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """Draw the test cells that are looked at."""
    return np.random.default_rng(seed).permutation(test)[:MOST_TESTED]


def measured(adapted: Adaptation, target: Target, test: NDArray[np.intp]) -> Metrics:
    """Measure it on cells of the target, accepted or not."""
    start = adapted.start
    network = interpolated(start, Refined({}, adapted.weights), (0.0, 1.0))
    logits, _ = outputs_of(start, network, plain_maps(network, start, np.asarray(target.crops[test])))
    p = probabilities_of(start, logits, adapted.stated["temperature"])
    return measure(p, start.classes, list(target.labels[test]), names=target.classes)
