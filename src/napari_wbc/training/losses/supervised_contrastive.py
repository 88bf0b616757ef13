"""Supervised contrast with positives from other domains."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_wbc.training.losses.batch import Batch, TrainingRows


class SupervisedContrastive(nn.Module):
    r"""Draw samples of a class together across domains, and away from samples of other classes.

    .. math:: L_i = -\frac{1}{|P_i|} \sum_{p \in P_i} \log
              \frac{\exp(u_i \cdot u_p / T)}{\sum_{a \in P_i \cup N_i} \exp(u_i \cdot u_a / T)}

    u is the embedding at unit length, P_i the samples of the batch that share the class of i and come from another
    domain, N_i those that certainly are of another class. Khosla et al. 2020, https://arxiv.org/abs/2004.11362; with
    positives from other domains alone, a stain cannot be what draws cells together.

    Two partial labels share a class where their sets overlap, and certainly differ where they do not. Labels wider
    than a coarse class (``leukocyte``) are no positives of anything. There is no projection in between: distances of
    these very embeddings are what the novelty of a cell is measured by.

    Parameters
    ----------
    rows : TrainingRows
        The labels.
    temperature : float, optional
        T of the formula.
    """

    narrow: Tensor

    def __init__(self, rows: TrainingRows, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("narrow", torch.from_numpy(rows.narrow_labels), persistent=False)

    def forward(self, batch: Batch) -> Tensor:
        """Give the term; 0 where no sample has a positive."""
        unit = functional.normalize(batch.embeddings, dim=1)
        similarity = unit @ unit.T / self.temperature
        allowed = batch.members.to(similarity.dtype)
        overlap = allowed @ allowed.T > 0
        narrow = self.narrow[batch.labels]
        positive = overlap & narrow[:, None] & narrow & (batch.domains[:, None] != batch.domains)
        anchors = positive.any(dim=1)
        if not anchors.any():
            return batch.embeddings.new_zeros(())
        compared = positive | ~overlap
        log_sum = similarity.masked_fill(~compared, float("-inf"))[anchors].logsumexp(dim=1, keepdim=True)
        share = positive[anchors].to(similarity.dtype)
        return -(((similarity[anchors] - log_sum) * share).sum(dim=1) / share.sum(dim=1)).mean()
