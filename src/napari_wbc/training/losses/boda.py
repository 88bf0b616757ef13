"""Balanced domain-class distribution alignment."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from napari_wbc.training.losses.batch import Batch, TrainingRows


class BalancedDomainClassAlignment(nn.Module):
    r"""Draw a sample to its class in the other domains, away from all other pairs of domain and class (BoDA).

    .. math:: s(i; d,c) &= -\frac{\|z_i - \mu_{d,c}\|_2}{N_{d_i,c_i}}
              \left(\frac{N_{d,c}}{N_{d_i,c_i}}\right)^{\nu} \frac{1}{T} \\
              L_i &= -\operatorname{mean}_{d \ne d_i} \Big[ s(i; d,c_i) -
              \log \sum_{(d',c') \ne (d_i,c_i)} \exp s(i; d',c') \Big]

    :math:`\mu_{d,c}` is the centroid of the embeddings of a pair of domain and class, N the number of its samples.
    Yang, Wang, Katabi 2022, https://arxiv.org/abs/2203.09513, in our reading, with three points that their data did
    not raise:

    - N is counted as the rows are drawn, relative to the mean over the pairs. Pairs of 3 and of 6,000 cells would
      make the term explode for the one and vanish for the other; a sampler that draws rare pairs more often has
      closed most of that gap.
    - A class is a label here. Partial labels are positives of each other where their sets of classes overlap, and
      such pairs of one and the same domain (``neutrophil`` and ``neutrophil_band``) neither attract nor repel.
      Labels wider than a coarse class (``leukocyte``) take no part.
    - A sample whose class no other domain has gives no term, and the mean is over those that give one.

    Parameters
    ----------
    rows : TrainingRows
        The pairs and their N.
    embedding_size : int
        Length of an embedding.
    nu, temperature : float, optional
        Of the formula.
    start : int, optional
        Steps before the term begins: centroids of an untrained network mean little.
    refresh : int, optional
        Steps from one refresh of the centroids to the next.
    momentum : float, optional
        Share of the old centroid at a refresh.
    """

    centroids: Tensor
    known: Tensor
    counts: Tensor
    pair_of: Tensor
    positives: Tensor
    others: Tensor

    def __init__(
        self,
        rows: TrainingRows,
        embedding_size: int,
        *,
        nu: float = 0.5,
        temperature: float = 1.0,
        start: int = 500,
        refresh: int = 120,
        momentum: float = 0.2,
    ) -> None:
        super().__init__()
        self.nu, self.temperature = nu, temperature
        self.start, self.refresh, self.momentum = start, refresh, momentum
        taking_part = rows.narrow_labels[rows.labels] & (rows.weights > 0)
        pairs, pair = np.unique(
            np.stack([rows.domains, rows.labels])[:, taking_part], axis=1, return_inverse=True
        )
        domains, labels = pairs
        counts = np.bincount(pair.ravel(), rows.weights[taking_part], minlength=len(domains))
        pair_of = np.full((len(rows.domain_names), len(rows.label_names)), -1)
        pair_of[domains, labels] = np.arange(len(domains))
        sets = rows.label_sets[labels]
        overlap = (sets[:, None] & sets[None]).any(axis=2)
        elsewhere = domains[:, None] != domains[None]
        self.register_buffer("counts", torch.from_numpy(counts / counts.mean()).float(), persistent=False)
        self.register_buffer("pair_of", torch.from_numpy(pair_of), persistent=False)
        self.register_buffer("positives", torch.from_numpy(overlap & elsewhere), persistent=False)
        self.register_buffer("others", torch.from_numpy(~overlap | elsewhere), persistent=False)
        self.register_buffer("centroids", torch.zeros(len(counts), embedding_size))
        self.register_buffer("known", torch.zeros(len(counts), dtype=torch.bool))

    def needs_centroids(self, step: int) -> bool:
        """Tell whether a refresh is due before the batch of a step."""
        return step >= self.start and (step - self.start) % self.refresh == 0

    @torch.no_grad()
    def update_centroids(self, embeddings: Tensor, domains: Tensor, labels: Tensor) -> None:
        """Refresh the centroids of the pairs that are there; the first time a pair takes the mean as it is."""
        pair = self.pair_of[domains, labels]
        embeddings, pair = embeddings[pair >= 0].to(self.centroids.dtype), pair[pair >= 0]
        sums = torch.zeros_like(self.centroids).index_add(0, pair, embeddings)
        counts = torch.bincount(pair, minlength=len(sums))[:, None]
        means = sums / counts.clamp_min(1)
        keep = self.momentum * self.known[:, None].to(means.dtype)
        self.centroids.copy_(torch.where(counts > 0, means + keep * (self.centroids - means), self.centroids))
        self.known |= counts[:, 0] > 0

    def forward(self, batch: Batch) -> Tensor:
        """Give the term; 0 before its start and where no sample has a positive."""
        if batch.step < self.start:
            return batch.embeddings.new_zeros(())
        pair = self.pair_of[batch.domains, batch.labels]
        embeddings, pair = batch.embeddings[pair >= 0], pair[pair >= 0]
        positive = self.positives[pair] & self.known
        has_positive = positive.any(dim=1)
        embeddings, pair, positive = embeddings[has_positive], pair[has_positive], positive[has_positive]
        if not len(pair):
            return batch.embeddings.new_zeros(())
        own = self.counts[pair][:, None]
        scale = (self.counts[None] / own) ** self.nu / (own * self.temperature)
        similarity = -torch.cdist(embeddings, self.centroids) * scale
        rest = (self.others[pair] & self.known).logical_not()
        log_ratio = similarity - similarity.masked_fill(rest, float("-inf")).logsumexp(dim=1, keepdim=True)
        share = positive.to(log_ratio.dtype)
        return -((log_ratio * share).sum(dim=1) / share.sum(dim=1)).mean()
