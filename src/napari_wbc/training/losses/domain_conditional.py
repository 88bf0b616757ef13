"""Cross-entropy with the class mix of each domain taken out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from napari_wbc.training.losses.batch import Batch, TrainingRows
from napari_wbc.training.losses.cross_entropy import set_log_probability


class DomainConditionalCrossEntropy(nn.Module):
    r"""Logit-adjusted cross-entropy over partial labels, the prior taken per domain.

    .. math:: p(y | x, d) \propto \pi_{d,y}^{\tau} \exp f_y(x), \qquad
              L = -\log \sum_{y \in S} p(y | x, d)

    :math:`\pi_{d,y}` is the share of class y among the samples drawn from domain d and S the set of classes that the
    label allows. Adding the log-prior in training (logit adjustment, Menon et al. 2021,
    https://arxiv.org/abs/2007.07314) makes f_y a balanced score, and taking it per domain removes each domain's class
    mix as a shortcut. Classes that a domain does not annotate get a small prior, so that a lab is hardly punished for
    a class it never looked for.

    Parameters
    ----------
    rows : TrainingRows
        All that can be drawn.
    tau : float, optional
        Strength of the adjustment; 0 switches it off.
    unlabelled_prior : float, optional
        Share given to each class that a domain does not annotate.
    """

    log_prior: Tensor

    def __init__(self, rows: TrainingRows, *, tau: float = 1.0, unlabelled_prior: float = 0.05) -> None:
        super().__init__()
        prior = np.maximum(rows.class_shares(), unlabelled_prior)
        self.register_buffer("log_prior", torch.from_numpy(tau * np.log(prior)).float())

    def forward(self, batch: Batch) -> Tensor:
        """Give the loss of each sample, shape ``(n,)``."""
        return -set_log_probability(batch.logits + self.log_prior[batch.domains], batch.members)
