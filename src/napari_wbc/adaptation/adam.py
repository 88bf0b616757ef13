"""Adam, as a function of torch: its class brings in torch's compiler and with that triton.

The copy of LLVM in triton crashes a process in which the software renderer of Mesa has loaded another one, as napari
does on many Linux machines (:mod:`napari_wbc.classification.network`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Adam without weight decay (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980).

    Parameters
    ----------
    parameters : sequence of torch.Tensor
        What is learned; their gradients are taken and cleared by :meth:`step`.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = list(parameters)
        self._means = [torch.zeros_like(p) for p in self._parameters]
        self._squares = [torch.zeros_like(p) for p in self._parameters]
        self._steps = [torch.zeros(()) for _ in self._parameters]

    def step(self, lr: float) -> None:
        """Move along the gradients, with a learning rate."""
        learned = [i for i, p in enumerate(self._parameters) if p.grad is not None]
        gradients = [g for g in (self._parameters[i].grad for i in learned) if g is not None]
        with torch.no_grad():
            adam(
                [self._parameters[i] for i in learned],
                gradients,
                [self._means[i] for i in learned],
                [self._squares[i] for i in learned],
                [],
                [self._steps[i] for i in learned],
                amsgrad=False, beta1=0.9, beta2=0.999, lr=lr, weight_decay=0.0, eps=1e-8, maximize=False,
            )  # fmt: skip
        for p in self._parameters:
            p.grad = None
