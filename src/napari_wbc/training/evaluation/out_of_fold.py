"""Calibration on a domain that the network never saw, with a temperature that none of its cells was fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.evaluation.metrics import FIVE_CLASSES, compare
from napari_wbc.training.evaluation.results import measures_of
from napari_wbc.training.priors import class_priors, log_prior
from napari_wbc.training.temperature import pooled_temperature


def calibrated(
    files: Mapping[tuple[str, int], Path], config: TrainingConfig
) -> dict[tuple[str, int], dict[str, Any]]:
    """Calibrate each run with the temperature of the others, and measure it again.

    The temperature for a target is fitted on the logits of the runs with the same seed that left out another domain,
    each on the domain it left out: it is fitted to no cell of the target. Those other networks had the target among
    their training domains, though.

    Parameters
    ----------
    files : mapping of (target, seed) to Path
        Logits of the runs, as :func:`~napari_wbc.training.evaluation.protocol.perform` keeps them.
    config : TrainingConfig
        The recipe of the runs.

    Returns
    -------
    dict of (target, seed) to dict
        ``temperature``, and metrics, reliability and risk by coverage ``unseen`` and ``in_domain`` (all held-out cells
        of the sources together). Runs without another one of their seed are missing.
    """
    kept = {key: _Logits(path) for key, path in files.items()}
    result = {}
    for (target, seed), run in kept.items():
        others = [
            r.part(d == r.target for d in r.domains)
            for (t, s), r in kept.items()
            if s == seed and t != target
        ]
        if not others:
            continue
        temperature = pooled_temperature(others, config.classes, log_prior(class_priors(config)))
        result[target, seed] = {
            "temperature": round(temperature, 4),
            "unseen": _measured(run.part(d == target for d in run.domains), temperature, config),
            "in_domain": _measured(run.part(d != target for d in run.domains), temperature, config),
        }
    return result


def _measured(
    cells: tuple[NDArray[np.float32], list[str]], temperature: float, config: TrainingConfig
) -> dict[str, Any]:
    logits, labels = cells
    probabilities = softmax(logits / temperature + log_prior(class_priors(config)), axis=1)
    return measures_of(compare(probabilities, config.classes, labels, names=FIVE_CLASSES))


def temperature_of_all(files: Mapping[tuple[str, int], Path], config: TrainingConfig) -> float:
    """Fit the temperature of a model trained on all domains: on each of them, as the runs without it saw it.

    Parameters
    ----------
    files, config
        As for :func:`calibrated`.
    """
    runs = [_Logits(path) for path in files.values()]
    return pooled_temperature(
        [r.part(d == r.target for d in r.domains) for r in runs],
        config.classes,
        log_prior(class_priors(config)),
    )


class _Logits:
    """Logits of one run, with the cells they belong to."""

    def __init__(self, path: Path) -> None:
        content = np.load(path)
        self.logits: NDArray[np.float32] = content["logits"]
        self.domains = [str(d) for d in content["domain"]]
        self.labels = [str(x) for x in content["label"]]
        self.target = path.stem.rpartition("-")[0]

    def part(self, chosen: Any) -> tuple[NDArray[np.float32], list[str]]:
        """Give logits and labels of some cells."""
        rows = np.flatnonzero(list(chosen))
        return self.logits[rows], [self.labels[i] for i in rows]
