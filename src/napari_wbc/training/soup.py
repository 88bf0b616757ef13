"""Several runs from one start, their weights averaged: one network, as fast as each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from napari_wbc.classification.backbone import Network
from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken, ProgressCallback
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.fit import fit_network
from napari_wbc.training.head import refit_head
from napari_wbc.training.manifests import CropRows
from napari_wbc.training.metrics_log import MetricsLog


def average_weights(networks: Sequence[Network]) -> Network:
    r"""Average the weights of networks that started alike, each counting the same.

    .. math:: \theta = \frac{1}{M} \sum_{m=1}^{M} \theta_m

    Runs from one pretrained start stay in one basin, where the mean of the weights behaves like the ensemble of the
    networks and holds better on unseen domains than its members (DiWA, Ramé et al. 2022,
    https://arxiv.org/abs/2205.09739).

    Parameters
    ----------
    networks : sequence of Network
        The first one takes the average.

    Returns
    -------
    Network
        The first network.
    """
    states = [network.state_dict() for network in networks]
    with torch.no_grad():
        for name, value in states[0].items():
            if value.is_floating_point():
                value.copy_(torch.stack([state[name].double() for state in states]).mean(dim=0))
    return networks[0]


def fit_soup(
    config: TrainingConfig,
    rows: pd.DataFrame,
    crops: NDArray[np.uint8] | CropRows,
    *,
    device: str = "cpu",
    work_dir: str | Path | None = None,
    name: str = "training",
    log: Callable[[int], MetricsLog] | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Network:
    """Fit ``config.soup.members`` networks that draw differently, and average them; a single one is itself.

    The last layer of the average is fitted once more where ``config.head`` asks for it.

    Parameters
    ----------
    config, rows, crops, device, progress, cancel
        As for :func:`~napari_wbc.training.fit.fit_network`.
    work_dir : str or Path, optional
        Where each member keeps its state, as ``<name>-<seed>.checkpoint.pt``; finished members are not fitted again.
    name : str, optional
        Beginning of those file names.
    log : callable, optional
        Gives the log of the member with a seed.

    Returns
    -------
    Network
        In evaluation mode.

    Raises
    ------
    InputError
        Networks with batch normalisation: their statistics cannot be averaged.
    """
    members = config.soup.members
    if members > 1 and config.network.normalisation == "batch":
        raise InputError("soup.members must be 1 for a network with batch normalisation")
    fitted = []
    for number in range(members):
        seed = config.seed + number
        member_log = log(seed) if log is not None else None
        fitted.append(
            fit_network(
                config,
                rows,
                crops,
                device=device,
                draw_seed=seed,
                checkpoint=Path(work_dir) / f"{name}-{seed}.checkpoint.pt" if work_dir is not None else None,
                log=member_log,
                stage=f"Training {number + 1} of {members}" if members > 1 else "Training",
                progress=progress,
                cancel=cancel,
            )
        )
        if member_log is not None:
            member_log.close()
    network = average_weights(fitted)
    refit_head(network, config, rows, crops, device=device, progress=progress, cancel=cancel)
    return network
