"""Class-balanced cross-entropy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from napari_wbc.training.losses.batch import Batch, TrainingRows
from napari_wbc.training.losses.cross_entropy import set_log_probability


class ClassBalanced(nn.Module):
    r"""Cross-entropy weighted by the effective number of samples.

    .. math:: L_i = -w_{y_i} \log p_{y_i}, \qquad w_y \propto \frac{1 - \beta}{1 - \beta^{n_y}}

    Cui et al. 2019, https://arxiv.org/abs/1901.05555; a baseline here. The weights have mean 1 over the classes that
    are there. A partial label has the mean weight of its classes.

    Parameters
    ----------
    rows : TrainingRows
        n_y is counted as the rows are drawn.
    beta : float, optional
        0 weights all alike, towards 1 the weights near one over n_y.
    """

    weight: Tensor

    def __init__(self, rows: TrainingRows, beta: float = 0.999) -> None:
        super().__init__()
        drawn = rows.drawn_per_class()
        there = drawn > 0
        weight = np.zeros(len(drawn))
        weight[there] = (1.0 - beta) / (1.0 - beta ** drawn[there])
        weight[there] /= weight[there].mean()
        self.register_buffer("weight", torch.from_numpy(weight).float())

    def forward(self, batch: Batch) -> Tensor:
        """Give the loss of each sample, shape ``(n,)``."""
        allowed = batch.members.to(self.weight.dtype)
        weight = (allowed * self.weight).sum(dim=1) / allowed.sum(dim=1)
        return -weight * set_log_probability(batch.logits, batch.members)
