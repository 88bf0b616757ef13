"""Batch normalisation behind convolutions into which one is folded already."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


def calibrate_batch_norm(network: nn.Module, batches: Iterable[Tensor]) -> None:
    r"""Give new normalisation layers the statistics of what passes them, so that they change nothing at first.

    With the mean :math:`m` and the variance :math:`v` of a channel over the images given, its running statistics
    become m and v, its scale :math:`\sqrt{v + \epsilon}` and its shift m: in evaluation mode the layer is the
    identity, in training mode nearly so, and the network starts from where its weights without normalisation stood.
    Layers that have seen images before are left alone.

    Parameters
    ----------
    network : torch.nn.Module
        With :class:`torch.nn.BatchNorm2d` layers.
    batches : iterable of torch.Tensor, each of shape (n, 3, height, width)
        Training images as the network takes them.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and not m.num_batches_tracked]
    sums = {layer: torch.zeros(3, layer.num_features, dtype=torch.double) for layer in layers}

    def watched(layer: nn.BatchNorm2d) -> Callable[..., Tensor]:
        def pass_on(_: nn.Module, inputs: tuple[Any, ...], __: Tensor) -> Tensor:
            values: Tensor = inputs[0].double()
            count = torch.full((layer.num_features,), values.numel() // layer.num_features).to(values)
            moments = torch.stack([count, values.sum((0, 2, 3)), values.square().sum((0, 2, 3))])
            sums[layer] += moments.cpu()
            # What a calibrated layer will give, so that the layers behind it see what they will see.
            return inputs[0]  # type: ignore[no-any-return]

        return pass_on

    hooks = [layer.register_forward_hook(watched(layer)) for layer in layers]
    training = network.training
    try:
        network.eval()
        with torch.inference_mode():
            for batch in batches:
                network(batch)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
    with torch.no_grad():
        for layer, (count, total, squares) in sums.items():
            mean = total / count
            variance = (squares / count - mean.square()).clamp_min(0.0)
            assert layer.running_mean is not None
            assert layer.running_var is not None
            assert layer.num_batches_tracked is not None
            layer.running_mean.copy_(mean)
            layer.running_var.copy_(variance)
            layer.bias.copy_(mean)
            layer.weight.copy_((variance + layer.eps).sqrt())
            layer.num_batches_tracked += 1
