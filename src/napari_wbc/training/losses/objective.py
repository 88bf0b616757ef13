"""The weighted sum that a run minimises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from napari_wbc.training.losses.batch import Batch, TrainingRows
from napari_wbc.training.losses.boda import BalancedDomainClassAlignment
from napari_wbc.training.losses.class_balanced import ClassBalanced
from napari_wbc.training.losses.config import LossConfig
from napari_wbc.training.losses.cross_entropy import CrossEntropy
from napari_wbc.training.losses.domain_conditional import DomainConditionalCrossEntropy
from napari_wbc.training.losses.focal import Focal
from napari_wbc.training.losses.ldam import LabelDistributionAwareMargin
from napari_wbc.training.losses.moments import Coral, MacroAlignment
from napari_wbc.training.losses.reductions import DomainMean, GroupDRO, SampleMean
from napari_wbc.training.losses.supervised_contrastive import SupervisedContrastive


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
    terms : mapping of str to (float, torch.nn.Module), optional
        What is added: weight, and a module that makes one number of a batch.
    """

    def __init__(
        self,
        classification: nn.Module,
        reduction: nn.Module,
        terms: Mapping[str, tuple[float, nn.Module]] | None = None,
    ) -> None:
        super().__init__()
        self.classification = classification
        self.reduction = reduction
        terms = terms or {}
        self.terms = nn.ModuleDict({name: term for name, (_, term) in terms.items()})
        self.term_weights = {name: weight for name, (weight, _) in terms.items()}

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Give the loss to minimise, and its parts (detached, without their weights) for the log."""
        # Sums of exponentials and distances are taken in full precision whatever the network ran in.
        with torch.autocast(batch.logits.device.type, enabled=False):
            if batch.logits.dtype in (torch.bfloat16, torch.float16):
                batch = replace(batch, logits=batch.logits.float(), embeddings=batch.embeddings.float())
            total = self.reduction(self.classification(batch), batch.domains)
            parts = {"classification": total.detach()}
            for name, term in self.terms.items():
                value = term(batch)
                parts[name] = value.detach()
                total = total + self.term_weights[name] * value
        return total, parts

    def needs_centroids(self, step: int) -> bool:
        """Tell whether :meth:`update_centroids` is due before the batch of a step."""
        return any(
            isinstance(term, BalancedDomainClassAlignment) and term.needs_centroids(step)
            for term in self.terms.values()
        )

    def update_centroids(self, embeddings: Tensor, domains: Tensor, labels: Tensor) -> None:
        """Refresh the centroids of the pairs of domain and label.

        Parameters
        ----------
        embeddings : torch.Tensor, shape (n, d)
            Of training rows, in evaluation mode; a sample of each pair will do.
        domains, labels : torch.Tensor of int, shape (n,)
            As in :class:`TrainingRows`.
        """
        for term in self.terms.values():
            if isinstance(term, BalancedDomainClassAlignment):
                term.update_centroids(embeddings, domains, labels)


def build_objective(config: LossConfig, rows: TrainingRows, embedding_size: int) -> Objective:
    """Build what a configuration asks for.

    Parameters
    ----------
    config : LossConfig
        The table ``[loss]``.
    rows : TrainingRows
        All that can be drawn; priors, margins and weights come from them.
    embedding_size : int
        Length of the network's embeddings.

    Examples
    --------
    >>> import numpy as np
    >>> rows = TrainingRows.of(["a", "a"], ["monocyte", "basophil"], np.array([0.5, 0.5]), ["monocyte", "basophil"])
    >>> objective = build_objective(LossConfig("cross_entropy"), rows, embedding_size=8)
    >>> batch = Batch(torch.zeros(2, 2), torch.zeros(2, 8), torch.from_numpy(rows.members),
    ...               torch.from_numpy(rows.domains), torch.from_numpy(rows.labels), step=0)
    >>> total, parts = objective(batch)
    >>> round(float(total), 3)
    0.693
    """
    terms: dict[str, tuple[float, nn.Module]] = {}
    if config.boda:
        boda = BalancedDomainClassAlignment(
            rows,
            embedding_size,
            nu=config.boda_nu,
            temperature=config.boda_temperature,
            start=config.boda_start,
            refresh=config.boda_refresh,
            momentum=config.boda_momentum,
        )
        terms["boda"] = (config.boda, boda)
    if config.macro:
        terms["macro"] = (config.macro, MacroAlignment())
    if config.coral:
        terms["coral"] = (config.coral, Coral())
    if config.supervised_contrastive:
        contrast = SupervisedContrastive(rows, config.contrastive_temperature)
        terms["supervised_contrastive"] = (config.supervised_contrastive, contrast)
    return Objective(_classification(config, rows), _reduction(config, rows), terms)


def _classification(config: LossConfig, rows: TrainingRows) -> nn.Module:
    match config.classification:
        case "domain_conditional":
            return DomainConditionalCrossEntropy(
                rows, tau=config.tau, unlabelled_prior=config.unlabelled_prior
            )
        case "focal":
            return Focal(config.focal_gamma)
        case "class_balanced":
            return ClassBalanced(rows, config.class_balanced_beta)
        case "ldam":
            return LabelDistributionAwareMargin(rows, config.ldam_margin)
        case _:
            return CrossEntropy()


def _reduction(config: LossConfig, rows: TrainingRows) -> nn.Module:
    if config.group_dro:
        return GroupDRO(len(rows.domain_names), config.group_dro)
    return DomainMean() if config.classification == "per_domain" else SampleMean()
