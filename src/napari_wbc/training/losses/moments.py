"""Alignment of the moments of the embeddings between the domains of a batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_wbc.training.losses.batch import Batch


class MacroAlignment(nn.Module):
    r"""Squared differences of the means and covariances of two domains, averaged over the pairs of domains.

    .. math:: L = \frac{1}{|P|} \sum_{(a,b) \in P}
              \frac{\|m_a - m_b\|^2}{D} + \frac{\|C_a - C_b\|_F^2}{D^2}

    m and C are mean and covariance of the embeddings (D numbers each) of a domain in the batch. The macro alignment
    that goes with BoDA (Yang et al. 2022, https://arxiv.org/abs/2203.09513); DomainBed calls the same term CORAL.
    """

    def forward(self, batch: Batch) -> Tensor:
        """Give the term; 0 where fewer than two domains have two samples."""
        means, covariances, pairs = moment_differences(batch.embeddings, batch.domains)
        size = batch.embeddings.shape[1]
        return (means / size + covariances / size**2).sum() / max(1, pairs)


class Coral(nn.Module):
    r"""Correlation alignment: the covariances alone, :math:`L = \|C_a - C_b\|_F^2 / (4 D^2)` over the pairs.

    Sun and Saenko 2016, Deep CORAL, https://arxiv.org/abs/1607.01719; a baseline here.
    """

    def forward(self, batch: Batch) -> Tensor:
        """Give the term; 0 where fewer than two domains have two samples."""
        _, covariances, pairs = moment_differences(batch.embeddings, batch.domains)
        return covariances.sum() / (4 * batch.embeddings.shape[1] ** 2 * max(1, pairs))


def moment_differences(embeddings: Tensor, domains: Tensor) -> tuple[Tensor, Tensor, int]:
    r"""Give the squared distances of means and covariances for each pair of domains with two samples or more.

    The covariances, D times D, are never made. With the centred samples of a domain as the rows of X and
    :math:`C = X^T X / (n - 1)`,

    .. math:: \langle C_a, C_b \rangle = \frac{\|X_a X_b^T\|_F^2}{(n_a - 1)(n_b - 1)}

    so that the products of the samples of one batch are all it takes.

    Parameters
    ----------
    embeddings : torch.Tensor, shape (n, D)
        Of a batch.
    domains : torch.Tensor of int, shape (n,)
        Domain of each row.

    Returns
    -------
    means, covariances : torch.Tensor, shape (pairs,)
        :math:`\|m_a - m_b\|^2` and :math:`\|C_a - C_b\|_F^2`.
    pairs : int
        Their number.
    """
    names, index, counts = torch.unique(domains, return_inverse=True, return_counts=True)
    there = torch.nonzero(counts > 1).ravel()
    of_domain = functional.one_hot(index, len(names)).to(embeddings.dtype)[:, there]
    counts = counts[there].to(embeddings.dtype)
    means = (of_domain / counts).T @ embeddings
    centred = embeddings - of_domain @ means
    # Rows of a domain with one sample are not used: their column in of_domain is gone.
    share = of_domain / (counts - 1)
    inner = share.T @ (centred @ centred.T).square() @ share
    first, second = torch.triu_indices(len(there), len(there), offset=1, device=embeddings.device)
    own = inner.diagonal()
    covariances = own[first] + own[second] - 2 * inner[first, second]
    return (means[first] - means[second]).square().sum(dim=1), covariances, len(first)
