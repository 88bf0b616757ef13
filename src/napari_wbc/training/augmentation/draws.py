"""Random draws for a batch, all of them from one generator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Draws:
    """Draw on the generator's device and hand over on the device of the images.

    With both on a GPU nothing is copied; with a generator on the CPU, a CPU and a GPU see the same draws.

    Attributes
    ----------
    generator : torch.Generator
        Source of all randomness.
    device : torch.device
        Of the images.
    """

    generator: torch.Generator
    device: torch.device

    def uniform(self, shape: tuple[int, ...], low: float, high: float) -> Tensor:
        """Draw evenly from ``low`` to ``high``."""
        drawn = torch.rand(shape, generator=self.generator, device=self.generator.device)
        return drawn.mul_(high - low).add_(low).to(self.device)

    def normal(self, shape: tuple[int, ...], spread: float | Tensor) -> Tensor:
        """Draw from a Gaussian about 0, cut at twice its standard deviation so that nothing absurd comes."""
        drawn = torch.randn(shape, generator=self.generator, device=self.generator.device)
        return drawn.clamp_(-2.0, 2.0).to(self.device) * spread

    def share(self, n: int, probability: float) -> Tensor:
        """Choose a share of ``n`` crops, given as their indices.

        The number is ``n * probability`` and not itself binomial: on a GPU the sizes are known without waiting for
        it, and each batch costs the same. A fraction is rounded up or down at random, so the mean is right for
        small batches, too.
        """
        if probability <= 0.0:
            return torch.empty(0, dtype=torch.long, device=self.device)
        expected = n * min(1.0, probability)
        count = int(expected)
        if expected > count:
            count += int(float(self.uniform((), 0.0, 1.0)) < expected - count)
        order = torch.randperm(n, generator=self.generator, device=self.generator.device)
        return order[:count].to(self.device)

    def bytes(self, shape: tuple[int, ...]) -> Tensor:
        """Draw int8 evenly from all 256 values: an eighth of the random numbers that floats would take."""
        count = 1
        for length in shape:
            count *= length
        words = torch.randint(
            -(2**63), 2**63 - 1, (-(-count // 8),), generator=self.generator, device=self.generator.device
        )
        return words.view(torch.int8)[:count].view(shape).to(self.device)
