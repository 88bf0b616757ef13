"""How much each labelled cell and each replayed one counts, and how common the classes are among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_wbc.training.losses import TrainingRows
from napari_wbc.training.sampling import row_weights

#: A class of n cells counts as n to this power, as in the training of the source.
CLASS_POWER = 0.5
#: Share that a class gets at least where it was not looked for: a lab that has labelled no basophil yet must not talk
#: the model out of basophils.
UNLABELLED_SHARE = 0.1
#: The laboratory that is adapted to; the name cannot clash with a domain of the source.
TARGET = "\0target"


def balanced_rows(
    labels: Sequence[str] | NDArray[np.str_],
    replay_labels: Sequence[str] | NDArray[np.str_],
    replay_domains: Sequence[str] | NDArray[np.str_],
    classes: Sequence[str],
) -> TrainingRows:
    """Give numbers to the labelled cells and, behind them, the replayed ones.

    Returns
    -------
    TrainingRows
        Its ``weights`` sum to 1 over the labelled cells, and to 1 over the replayed ones, where every domain counts
        the same.
    """
    parts = [row_weights([TARGET] * len(labels), list(labels), domain_power=0.0, class_power=CLASS_POWER)]
    if len(replay_labels):
        parts.append(
            row_weights(list(replay_domains), list(replay_labels), domain_power=0.0, class_power=CLASS_POWER)
        )
    return TrainingRows.of(
        [TARGET] * len(labels) + list(map(str, replay_domains)),
        [*map(str, labels), *map(str, replay_labels)],
        np.concatenate(parts),
        classes,
    )


def log_shares(rows: TrainingRows) -> NDArray[np.float64]:
    """Give the logarithm of how common each class is where each row comes from, shape ``(n, k)``.

    Added to the logits while a head is fitted, it takes the class mix of what was labelled out of it (logit adjustment,
    https://arxiv.org/abs/2007.07314).
    """
    shares = np.log(np.maximum(rows.class_shares(), UNLABELLED_SHARE))
    return np.asarray(shares[rows.domains])
