"""From the losses of samples to one number: how much each domain counts."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SampleMean(nn.Module):
    """Every sample counts the same."""

    def forward(self, losses: Tensor, domains: Tensor) -> Tensor:  # noqa: ARG002
        """Reduce the losses of samples, shape ``(n,)``, to one number."""
        return losses.mean()


class DomainMean(nn.Module):
    """Every domain of the batch counts the same, however many samples it has there."""

    def forward(self, losses: Tensor, domains: Tensor) -> Tensor:
        """Reduce the losses of samples, shape ``(n,)``, to one number."""
        means, there = domain_means(losses, domains, int(domains.max()) + 1)
        return means.sum() / there.sum()


class GroupDRO(nn.Module):
    r"""Weights that grow where the loss is large: the worst domain leads (group DRO).

    .. math:: q_d \leftarrow \frac{q_d \exp(\eta L_d)}{\sum_e q_e \exp(\eta L_e)}, \qquad L = \sum_d q_d L_d

    Sagawa et al. 2020, https://arxiv.org/abs/1911.08731; a baseline here. A domain that a batch lacks keeps its
    weight, and the weights of the others are taken relative to each other.

    Parameters
    ----------
    n_domains : int
        Number of training domains.
    step : float, optional
        The step size eta.
    """

    weights: Tensor

    def __init__(self, n_domains: int, step: float = 0.01) -> None:
        super().__init__()
        self.step = step
        self.register_buffer("weights", torch.full((n_domains,), 1.0 / n_domains))

    def forward(self, losses: Tensor, domains: Tensor) -> Tensor:
        """Reduce the losses of samples, shape ``(n,)``, to one number, and move the weights."""
        means, there = domain_means(losses, domains, len(self.weights))
        if self.training:
            # An absent domain has the mean 0, thus the factor 1.
            moved = self.weights * torch.exp(self.step * means.detach())
            self.weights.copy_(moved / moved.sum())
        share = self.weights * there
        return (means * share).sum() / share.sum()


def domain_means(losses: Tensor, domains: Tensor, n_domains: int) -> tuple[Tensor, Tensor]:
    """Give the mean loss of each domain, 0 where the batch has none of it, and which domains are there."""
    counts = torch.bincount(domains, minlength=n_domains).to(losses.dtype)
    sums = losses.new_zeros(n_domains).index_add(0, domains, losses)
    return sums / counts.clamp_min(1.0), (counts > 0).to(losses.dtype)
