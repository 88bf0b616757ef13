"""Which training rows a batch draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.training.losses import TrainingRows

if TYPE_CHECKING:
    from napari_wbc.training.config import TrainingConfig


def row_weights(
    domains: Sequence[str], labels: Sequence[str], *, domain_power: float = 0.25, class_power: float = 0.5
) -> NDArray[np.float64]:
    """Give the probability with which each row is drawn.

    Parameters
    ----------
    domains, labels : sequence of str
        Of each row.
    domain_power : float, optional
        A domain of n rows is drawn with n to this power: 0 is uniform over domains, 1 as they come.
    class_power : float, optional
        The same for the classes within a domain.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Sums to 1.

    Examples
    --------
    >>> row_weights(["a", "a", "b"], ["x", "x", "x"], domain_power=0).round(2).tolist()
    [0.25, 0.25, 0.5]
    """
    domain = np.asarray(domains)
    label = np.asarray(labels)
    weights = np.zeros(len(domain))
    for d in np.unique(domain):
        in_domain = domain == d
        share = in_domain.sum() ** domain_power
        names, counts = np.unique(label[in_domain], return_counts=True)
        class_share = counts**class_power / (counts**class_power).sum()
        for name, count, part in zip(names, counts, class_share, strict=True):
            weights[in_domain & (label == name)] = share * part / count
    return np.asarray(weights / weights.sum())


def training_rows(rows: pd.DataFrame, config: TrainingConfig) -> TrainingRows:
    """Give rows with ``domain`` and ``label`` as numbers, with the probability that each is drawn with."""
    domains, labels = list(rows["domain"]), list(rows["label"])
    weights = row_weights(
        domains,
        labels,
        domain_power=config.sampling.domain_power,
        class_power=config.sampling.class_power,
    )
    return TrainingRows.of(domains, labels, weights, config.classes)
