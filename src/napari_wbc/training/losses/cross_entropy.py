"""Cross-entropy over partial labels."""

from __future__ import annotations

from torch import Tensor, nn

from napari_wbc.training.losses.batch import Batch


def set_log_probability(scores: Tensor, members: Tensor) -> Tensor:
    r"""Give the log-probability of the classes that a label allows: :math:`\log\sum_{y \in S} p_y`.

    Parameters
    ----------
    scores : torch.Tensor, shape (n, k)
        Logits.
    members : torch.Tensor of bool, shape (n, k)
        The sets.

    Returns
    -------
    torch.Tensor, shape (n,)
    """
    allowed = scores.masked_fill(~members, float("-inf"))
    return allowed.logsumexp(dim=1) - scores.logsumexp(dim=1)


class CrossEntropy(nn.Module):
    r"""Cross-entropy, :math:`L_i = -\log \sum_{y \in S_i} p_y(x_i)`, with S the classes that the label allows.

    Averaged over the samples it is empirical risk minimisation (ERM). The sum over the set is the likelihood of a
    partial label (Jin and Ghahramani 2002, Learning with Multiple Labels).
    """

    def forward(self, batch: Batch) -> Tensor:
        """Give the loss of each sample, shape ``(n,)``."""
        return -set_log_probability(batch.logits, batch.members)
