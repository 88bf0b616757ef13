"""Another lab's stain: borrowed from another crop, drawn about the pooled labs, or shaken at random.

All statistics are taken over what is stained; the share of background in a crop says nothing about its stain.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_wbc.classification.crops import WHITE
from napari_wbc.training.augmentation.draws import Draws
from napari_wbc.training.augmentation.lab import lab_to_rgb, rgb_to_lab

# Optical density of haematoxylin, eosin and a residual, the rows of scikit-image's ``rgb_from_hed`` (Ruifrok and
# Johnston 2001). As axes for jitter they need not fit a Romanowsky stain exactly.
_STAINS = torch.tensor([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
# Density (natural logarithm, sum of the channels) at which a pixel counts half as stained.
_STAINED = 0.3
# L* of a background at the fixed white, and of a pale red cell.
_BACKGROUND_L, _RED_CELL_L = 91.0, 78.0
# Statistics need no more pixels than this along each side.
_SAMPLE_PX = 24
# A stain is borrowed as a change of each principal density within these factors.
_WEAKEST, _STRONGEST = 0.4, 2.0
# The spreads of L*, a* and b* change within these.
_FLATTEST, _STEEPEST = 0.7, 1.3


def sampled(images: Tensor) -> Tensor:
    """Take every k-th pixel, enough of them for statistics."""
    step = max(1, images.shape[-1] // _SAMPLE_PX)
    return images[:, :, ::step, ::step]


def stain_moments(densities: Tensor) -> Tensor:
    """Describe the stain of each crop by the second moments of its optical density about that of the background.

    Parameters
    ----------
    densities : torch.Tensor, shape (n, 3, height, width)
        Optical densities.

    Returns
    -------
    torch.Tensor, shape (n, 3, 3)
        Weighted by how much each pixel is stained.
    """
    flat = (densities.flatten(2) + math.log(WHITE)).clamp_min(0.0)
    total = flat.sum(dim=1, keepdim=True)
    weights = total / (total + _STAINED)
    return (weights * flat) @ flat.transpose(1, 2) / weights.sum(dim=2, keepdim=True).clamp_min(1e-6)


def partners(n: int, draws: Draws, domains: Tensor | None) -> Tensor:
    """Choose another crop for each: of another domain where there is one."""
    score = draws.uniform((n, n), 0.0, 1.0)
    itself = torch.eye(n, dtype=torch.bool, device=score.device)
    score = score.masked_fill(itself, -2.0)
    if domains is not None:
        score = torch.where(domains[:, None] == domains[None, :], score - 1.0, score)
    return score.argmax(dim=1)


def borrowed(moments: Tensor, other: Tensor) -> Tensor:
    """Give the matrices that turn one stain into another.

    The linear Monge-Kantorovich map between two zero-mean Gaussians (Pitié and Kokaram 2007): of all matrices that
    turn the moments ``moments`` into ``other``, the one that moves the colours least. The background stays as it is.

    Parameters
    ----------
    moments, other : torch.Tensor, shape (n, 3, 3)
        From :func:`stain_moments`.

    Returns
    -------
    torch.Tensor, shape (n, 3, 3)
        Symmetric, with eigenvalues between 0.4 and 2.
    """
    # A little of the mean on the diagonal: a direction that hardly occurs must not be blown up.
    ridge = 0.01 * torch.eye(3, device=moments.device)
    moments = moments + ridge * moments.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None]
    other = other + ridge * other.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None]
    values, axes = torch.linalg.eigh(moments)
    root = values.clamp_min(1e-8).sqrt()[:, None, :]
    half, inverse = (axes * root) @ axes.transpose(1, 2), (axes / root) @ axes.transpose(1, 2)
    values, axes = torch.linalg.eigh(half @ other @ half)
    middle = (axes * values.clamp_min(0.0).sqrt()[:, None, :]) @ axes.transpose(1, 2)
    values, axes = torch.linalg.eigh(inverse @ middle @ inverse)
    mixing: Tensor = (axes * values.clamp(_WEAKEST, _STRONGEST)[:, None, :]) @ axes.transpose(1, 2)
    return mixing


def swap_matrices(densities: Tensor, draws: Draws, chosen: Tensor, domains: Tensor | None) -> Tensor:
    """Give each chosen crop the stain of another one, by 30 to 100 %: halfway stains are labs, too.

    The stain of a crop is taken halfway between its own moments and the mean of its domain: a single crop tells a
    stain and a cell, and only the stain is to be borrowed.

    Parameters
    ----------
    densities : torch.Tensor, shape (n, 3, height, width)
        Of the whole batch.
    draws : Draws
        Source of randomness.
    chosen : torch.Tensor of int, shape (m,)
        The crops that change.
    domains : torch.Tensor of int, shape (n,), or None
        Domain of each crop; without them, partners come from anywhere.

    Returns
    -------
    torch.Tensor, shape (m, 3, 3)
    """
    moments = stain_moments(sampled(densities))
    if domains is not None:
        same = (domains[:, None] == domains[None, :]).to(moments.dtype)
        means = (same / same.sum(dim=1, keepdim=True)) @ moments.flatten(1)
        moments = 0.5 * (moments + means.view_as(moments))
    partner = partners(len(densities), draws, domains)[chosen]
    part = draws.uniform((len(chosen), 1, 1), 0.3, 1.0)
    same_stain = torch.eye(3, device=densities.device)
    return same_stain + part * (borrowed(moments[chosen], moments[partner]) - same_stain)


def jitter_matrices(n: int, draws: Draws, jitter: float) -> Tensor:
    """Scale haematoxylin, eosin and a residual at random, each by itself (HED jitter).

    Parameters
    ----------
    n : int
        Number of crops.
    draws : Draws
        Source of randomness.
    jitter : float
        Standard deviation of the logarithm of the factors.

    Returns
    -------
    torch.Tensor, shape (n, 3, 3)

    References
    ----------
    Tellez et al., "Whole-slide mitosis detection in H&E breast histology using PHH3 as a reference to train distilled
    stain-invariant convolutional networks", IEEE TMI 2018.
    """
    axes = (_STAINS / _STAINS.norm(dim=1, keepdim=True)).T.to(draws.device)
    factor = torch.exp(draws.normal((n, 1, 3), jitter))
    mixing: Tensor = (axes * factor) @ torch.linalg.inv(axes)
    return mixing


def draw_lab_statistics(images: Tensor, draws: Draws, chosen: Tensor) -> Tensor:
    """Move the CIELAB statistics of some crops to ones drawn about those of the whole batch.

    Mean and spread of L*, a* and b* are drawn from the Gaussian that the batch describes, with all its correlations:
    batches that hold every domain pool the labs. This is the idea of RandStainNA, here over stained pixels only.

    Parameters
    ----------
    images : torch.Tensor, shape (n, 3, height, width)
        In 0..1; changed in place.
    draws : Draws
        Source of randomness.
    chosen : torch.Tensor of int, shape (m,)
        The crops that change.

    Returns
    -------
    torch.Tensor
        ``images``.

    References
    ----------
    Shen et al., "RandStainNA: Learning Stain-Agnostic Features from Histology Slides by Bridging Stain Augmentation
    and Normalization", MICCAI 2022.
    """
    if not len(chosen):
        return images
    small = sampled(images)
    statistics = lab_statistics(rgb_to_lab(small))
    # A random sum of the deviations from the mean has the covariance of the batch. Three quarters of it: single cells
    # scatter more than labs.
    centre = statistics.mean(dim=0)
    mixture = draws.normal((len(chosen), len(images)), 0.75 * len(images) ** -0.5)
    target = centre + mixture @ (statistics - centre)
    images[chosen] = with_lab_statistics(images[chosen], statistics[chosen], target)
    return images


def _stained(lab: Tensor) -> Tensor:
    """Weigh pixels by lightness: 0 as bright as the background, 1 where a red cell or anything darker is."""
    return ((_BACKGROUND_L - lab[:, :1]) / (_BACKGROUND_L - _RED_CELL_L)).clamp(0.0, 1.0)


def lab_statistics(lab: Tensor) -> Tensor:
    """Give mean and standard deviation of L*, a* and b* over what is stained in each crop, shape ``(n, 6)``."""
    weights = _stained(lab)
    share = (weights / weights.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)).flatten(2)
    flat = lab.flatten(2)
    mean = (flat * share).sum(dim=2)
    spread = ((flat - mean[:, :, None]) ** 2 * share).sum(dim=2).sqrt()
    return torch.cat([mean, spread], 1)


def with_lab_statistics(images: Tensor, own: Tensor, target: Tensor) -> Tensor:
    """Shift and stretch L*, a* and b* from the statistics ``own`` to ``target``, where a crop is stained.

    Parameters
    ----------
    images : torch.Tensor, shape (n, 3, height, width)
        In 0..1.
    own, target : torch.Tensor, shape (n, 6)
        From :func:`lab_statistics`.
    """
    stretch = (target[:, 3:] / own[:, 3:].clamp_min(0.5)).clamp(_FLATTEST, _STEEPEST)[:, :, None, None]
    lab = rgb_to_lab(images)
    moved = (lab - own[:, :3, None, None]).mul_(stretch).add_(target[:, :3, None, None])
    return lab_to_rgb(torch.lerp(lab, moved, _stained(lab)))
