"""The weighted sum that a run minimises."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from napari_wbc.training.losses.batch import Batch, TrainingRows
from napari_wbc.training.losses.config import LossConfig
from napari_wbc.training.losses.cross_entropy import CrossEntropy
from napari_wbc.training.losses.domain_conditional import DomainConditionalCrossEntropy


class SampleMean(nn.Module):
    """Every sample counts the same."""

    def forward(self, losses: Tensor, domains: Tensor) -> Tensor:  # noqa: ARG002
        """Reduce the losses of samples, shape ``(n,)``, to one number."""
        return losses.mean()


class DomainMean(nn.Module):
    """Every domain of the batch counts the same, however many samples it has there."""

    def forward(self, losses: Tensor, domains: Tensor) -> Tensor:
        """Reduce the losses of samples, shape ``(n,)``, to one number."""
        share = 1.0 / torch.bincount(domains)[domains].to(losses.dtype)
        return (losses * share).sum() / share.sum()


class Objective(nn.Module):
    """A classification loss and the terms that are added to it.

    Its buffers (centroids, weights of domains) belong to the state of a run: with them in the checkpoint a resumed
    run equals an uninterrupted one.

    Parameters
    ----------
    classification : torch.nn.Module
        Gives the loss of each sample of a batch.
    reduction : torch.nn.Module
        Makes one number of them.
    """

    def __init__(self, classification: nn.Module, reduction: nn.Module) -> None:
        super().__init__()
        self.classification = classification
        self.reduction = reduction

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Give the loss to minimise, and its parts (detached, without their weights) for the log."""
        # Sums of exponentials and distances are taken in full precision whatever the network ran in.
        with torch.autocast(batch.logits.device.type, enabled=False):
            if batch.logits.dtype in (torch.bfloat16, torch.float16):
                batch = replace(batch, logits=batch.logits.float(), embeddings=batch.embeddings.float())
            total = self.reduction(self.classification(batch), batch.domains)
            return total, {"classification": total.detach()}

    def needs_centroids(self, step: int) -> bool:  # noqa: ARG002
        """Tell whether :meth:`update_centroids` is due before the batch of a step."""
        return False

    def update_centroids(self, embeddings: Tensor, domains: Tensor, labels: Tensor) -> None:
        """Refresh the centroids of the pairs of domain and label.

        Parameters
        ----------
        embeddings : torch.Tensor, shape (n, d)
            Of training rows, in evaluation mode; a sample of each pair will do.
        domains, labels : torch.Tensor of int, shape (n,)
            As in :class:`TrainingRows`.
        """


def build_objective(config: LossConfig, rows: TrainingRows) -> Objective:
    """Build what a configuration asks for.

    Parameters
    ----------
    config : LossConfig
        The table ``[loss]``.
    rows : TrainingRows
        All that can be drawn; priors and margins come from them.

    Examples
    --------
    >>> import numpy as np
    >>> rows = TrainingRows.of(["a", "a"], ["monocyte", "basophil"], np.array([0.5, 0.5]), ["monocyte", "basophil"])
    >>> objective = build_objective(LossConfig("cross_entropy"), rows)
    >>> batch = Batch(torch.zeros(2, 2), torch.zeros(2, 8), torch.from_numpy(rows.members),
    ...               torch.from_numpy(rows.domains), torch.from_numpy(rows.labels), step=0)
    >>> total, parts = objective(batch)
    >>> round(float(total), 3)
    0.693
    """
    classification: nn.Module
    if config.classification == "domain_conditional":
        classification = DomainConditionalCrossEntropy(
            rows, tau=config.tau, unlabelled_prior=config.unlabelled_prior
        )
    else:
        classification = CrossEntropy()
    reduction = DomainMean() if config.classification == "per_domain" else SampleMean()
    return Objective(classification, reduction)
