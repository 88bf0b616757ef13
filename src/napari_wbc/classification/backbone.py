"""What all networks have in common: a body of blocks, a mean over the image, and one linear layer."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class MixStyle(nn.Module):
    r"""Mix the statistics of early features between the images of a batch; does nothing outside training.

    .. math:: x' = (\lambda \sigma_i + (1 - \lambda) \sigma_j) \frac{x_i - \mu_i}{\sigma_i}
              + \lambda \mu_i + (1 - \lambda) \mu_j, \qquad \lambda \sim Beta(\alpha, \alpha)

    Mean and deviation over the pixels of each channel carry much of the stain; j is another image of the batch.
    Zhou et al. 2021, https://arxiv.org/abs/2104.02008.

    Parameters
    ----------
    probability : float
        That a batch is mixed.
    alpha : float, optional
        Of the beta distribution; small values keep most of one of the two.
    """

    def __init__(self, probability: float, alpha: float = 0.1) -> None:
        super().__init__()
        self.probability = probability
        self.alpha = alpha

    def forward(self, features: Tensor) -> Tensor:
        """Mix features ``(n, channels, height, width)``."""
        if not self.training or self.probability == 0 or float(torch.rand(())) >= self.probability:
            return features
        # Drawn on the CPU wherever the features are: its generator is part of the state of a run.
        n = len(features)
        part = torch.distributions.Beta(self.alpha, self.alpha).sample((n, 1, 1, 1)).to(features)
        other = torch.randperm(n).to(features.device)
        mean = features.mean(dim=(2, 3), keepdim=True).detach()
        spread = (features.var(dim=(2, 3), keepdim=True) + 1e-6).sqrt().detach()
        mixed_mean = part * mean + (1 - part) * mean[other]
        mixed_spread = part * spread + (1 - part) * spread[other]
        return (features - mean) / spread * mixed_spread + mixed_mean


class Network(nn.Module):
    """A convolutional network.

    Parameters
    ----------
    features : torch.nn.Sequential
        The blocks from the image to the last feature map.
    norm : torch.nn.Module
        Applied to the mean of that map.
    embedding_size : int
        Its number of channels.
    n_classes : int
        Number of outputs.
    stage_ends : tuple of int
        Position in ``features`` where each stage but the last ends.
    mixed_after : tuple of int
        Blocks whose output :class:`MixStyle` mixes.
    dropout : float
        Before the last layer, in training.
    mixstyle : float
        Probability of :class:`MixStyle`.
    """

    def __init__(
        self,
        features: nn.Sequential,
        norm: nn.Module,
        embedding_size: int,
        n_classes: int,
        *,
        stage_ends: tuple[int, ...],
        mixed_after: tuple[int, ...],
        dropout: float,
        mixstyle: float,
    ) -> None:
        super().__init__()
        self.features = features
        self.norm = norm
        self.embedding_size = embedding_size
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(embedding_size, n_classes)
        self.mixstyle = MixStyle(mixstyle)
        self._stage_ends = stage_ends
        self._mixed_after = mixed_after

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Give logits ``(n, k)`` and embeddings ``(n, d)`` of images ``(n, 3, height, width)`` in [-1, 1]."""
        return self.upper(self.lower(images))

    def lower(self, images: Tensor) -> Tensor:
        """Give the feature maps ``(n, channels, h, w)`` that leave the second stage."""
        return self._through(images, 0, self._split)

    def upper(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Give logits ``(n, k)`` and embeddings ``(n, d)`` of what leaves the second stage."""
        embeddings = self.norm(self._through(maps, self._split, len(self.features)).mean(dim=(2, 3)))
        return self.head(self.dropout(embeddings)), embeddings

    def upper_names(self) -> tuple[str, ...]:
        """Name the parameters behind the second stage, without those of the last layer."""
        lower = {id(p) for block in self.features[: self._split] for p in block.parameters()}
        head = {id(p) for p in self.head.parameters()}
        return tuple(name for name, p in self.named_parameters() if id(p) not in lower | head)

    @property
    def _split(self) -> int:
        return self._stage_ends[1]

    def _through(self, maps: Tensor, first: int, end: int) -> Tensor:
        for position in range(first, end):
            maps = self.features[position](maps)
            if position in self._mixed_after:
                maps = self.mixstyle(maps)
        return maps

    def stages(self) -> list[list[nn.Parameter]]:
        """Group the parameters from the input to the head, for learning rates that fall towards the input."""
        blocks = list(self.features.children())
        edges = (0, *self._stage_ends, len(blocks))
        groups: list[list[nn.Module]] = [blocks[a:b] for a, b in pairwise(edges)]
        groups[-1].append(self.norm)
        groups.append([self.head])
        return [[p for block in group for p in block.parameters()] for group in groups]
