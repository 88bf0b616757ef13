"""Loss functions: each a small class with its formula and source."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class DomainConditionalCrossEntropy(nn.Module):
    r"""Cross-entropy over partial labels, with the class mix of each domain taken out.

    .. math:: p(y | x, d) \propto \pi_{d,y}^{\tau} \exp f_y(x), \qquad
              L = -\log \sum_{y \in S} p(y | x, d)

    :math:`\pi_{d,y}` is the share of class y among the samples drawn from domain d and S the set of classes that the
    label allows. Adding the log-prior in training (logit adjustment, Menon et al. 2021,
    https://arxiv.org/abs/2007.07314) makes f_y a balanced score, and taking it per domain removes each domain's class
    mix as a shortcut. Classes that a domain does not annotate get a small prior, so that a lab is hardly punished for
    a class it never looked for.

    Parameters
    ----------
    members : numpy.ndarray of bool, shape (n, k)
        The classes that the label of each training row allows.
    domains : numpy.ndarray of int, shape (n,)
        Domain of each row.
    weights : numpy.ndarray, shape (n,)
        How often the sampler draws each row.
    tau : float, optional
        Strength of the adjustment; 0 switches it off.
    unlabelled_prior : float, optional
        Share given to each class that a domain does not annotate.
    """

    log_prior: Tensor

    def __init__(
        self,
        members: NDArray[np.bool_],
        domains: NDArray[np.integer],
        weights: NDArray[np.floating],
        *,
        tau: float = 1.0,
        unlabelled_prior: float = 0.01,
    ) -> None:
        super().__init__()
        # A coarse label spreads its weight evenly over its classes.
        spread = members / np.maximum(members.sum(axis=1, keepdims=True), 1) * weights[:, None]
        prior = np.stack([spread[domains == d].sum(axis=0) for d in range(int(domains.max()) + 1)])
        prior /= np.maximum(prior.sum(axis=1, keepdims=True), 1e-12)
        prior = np.maximum(prior, unlabelled_prior)
        self.register_buffer("log_prior", torch.from_numpy(tau * np.log(prior)).float())

    def forward(self, logits: Tensor, members: Tensor, domains: Tensor) -> Tensor:
        """Give the mean loss of a batch.

        Parameters
        ----------
        logits : torch.Tensor, shape (n, k)
            Network outputs.
        members : torch.Tensor of bool, shape (n, k)
            The classes that each label allows.
        domains : torch.Tensor of int, shape (n,)
            Domain of each row.
        """
        adjusted = logits.float() + self.log_prior[domains]
        allowed = adjusted.masked_fill(~members, -torch.inf)
        return (adjusted.logsumexp(dim=1) - allowed.logsumexp(dim=1)).mean()
