"""Label-distribution-aware margins."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from napari_wbc.training.losses.batch import Batch, TrainingRows
from napari_wbc.training.losses.cross_entropy import set_log_probability


class LabelDistributionAwareMargin(nn.Module):
    r"""Cross-entropy in which the right classes must win by a margin, the larger the rarer they are (LDAM).

    .. math:: L = -\log \frac{\exp(f_y - \Delta_y)}{\exp(f_y - \Delta_y) + \sum_{j \ne y} \exp f_j}, \qquad
              \Delta_y = \Delta_{max} (n_{min} / n_y)^{1/4}

    Cao et al. 2019, https://arxiv.org/abs/1906.07413; a baseline here. There the outputs are cosines times 30 and the
    largest margin is 0.5 of a cosine; here they are plain logits, and the default is the same margin on their scale.
    Of a partial label each class has its own margin.

    Parameters
    ----------
    rows : TrainingRows
        n_y is counted as the rows are drawn.
    largest : float, optional
        Margin of the rarest class.
    """

    margin: Tensor

    def __init__(self, rows: TrainingRows, largest: float = 15.0) -> None:
        super().__init__()
        drawn = rows.drawn_per_class()
        there = drawn > 0
        margin = np.zeros(len(drawn))
        margin[there] = largest * (drawn[there].min() / drawn[there]) ** 0.25
        self.register_buffer("margin", torch.from_numpy(margin).float())

    def forward(self, batch: Batch) -> Tensor:
        """Give the loss of each sample, shape ``(n,)``."""
        scores = batch.logits - batch.members.to(self.margin.dtype) * self.margin
        return -set_log_probability(scores, batch.members)
