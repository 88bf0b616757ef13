"""Focal loss."""

from __future__ import annotations

from torch import Tensor, nn

from napari_wbc.training.losses.batch import Batch
from napari_wbc.training.losses.cross_entropy import set_log_probability


class Focal(nn.Module):
    r"""Focal loss, :math:`L = -(1 - p)^{\gamma} \log p` with :math:`p = \sum_{y \in S} p_y`.

    Lin et al. 2017, https://arxiv.org/abs/1708.02002; a baseline here.

    Parameters
    ----------
    gamma : float, optional
        How far samples that are right already are played down; 0 is the cross-entropy.
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, batch: Batch) -> Tensor:
        """Give the loss of each sample, shape ``(n,)``."""
        log_p = set_log_probability(batch.logits, batch.members)
        # A sample that is right for certain: the power of exactly 0 has no finite slope.
        doubt = (-log_p.expm1()).clamp_min(1e-7)
        return -(doubt**self.gamma) * log_p
