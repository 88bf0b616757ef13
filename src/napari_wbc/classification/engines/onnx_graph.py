"""A network as an ONNX graph.

The graph is written layer by layer from what torch.fx traces. torch's own exporter does the same in general, but
takes seconds to minutes for it, which is more than a small slide takes in all; and it differs between the versions
of torch that we support.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import fx, nn

from napari_wbc.errors import ModelError

INPUT = "images"
OUTPUTS = ("logits", "embeddings")
#: Name of the first axis, which may have any length.
BATCH_DIMENSION = "cells"
_OPSET = 17


def onnx_model(network: nn.Module, input_px: int, notes: Mapping[str, str] | None = None) -> onnx.ModelProto:
    """Write a network as an ONNX model.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode; gives logits and embeddings of images.
    input_px : int
        Side of its input.
    notes : mapping of str to str, optional
        Kept as metadata of the model.

    Returns
    -------
    onnx.ModelProto
        Takes ``images`` ``(cells, 3, input_px, input_px)`` in [-1, 1], gives ``logits`` ``(cells, k)`` and
        ``embeddings`` ``(cells, d)``, all float32.

    Raises
    ------
    ModelError
        The network holds a layer that is not known here.
    """
    writer = _Writer(network)
    outputs = writer.write(fx.symbolic_trace(network).graph)
    with torch.inference_mode():
        device = next(network.parameters()).device
        widths = [int(out.shape[1]) for out in network(torch.zeros(1, 3, input_px, input_px, device=device))]
    shape = [BATCH_DIMENSION, 3, input_px, input_px]
    # The outputs keep their names whatever layer they come from.
    for value, name in zip(outputs, OUTPUTS, strict=True):
        writer.add("Identity", [value], output=name)
    graph = helper.make_graph(
        writer.nodes,
        "classifier",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH_DIMENSION, width])
            for name, width in zip(OUTPUTS, widths, strict=True)
        ],
        writer.weights,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="napari-wbc", ir_version=8
    )
    helper.set_model_props(model, dict(notes or {}))
    onnx.checker.check_model(model)
    return model


class _Writer:
    """Turns the nodes of a traced network into those of an ONNX graph."""

    def __init__(self, network: nn.Module) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._network = network
        self._layers: dict[type[nn.Module], Callable[[Any, str], str]] = {
            nn.Identity: lambda _layer, value: value,
            nn.Dropout: lambda _layer, value: value,
            nn.Conv2d: self._convolution,
            nn.Linear: self._linear,
            nn.BatchNorm2d: self._batch_norm,
            nn.LayerNorm: self._layer_norm,
            nn.ReLU6: lambda _layer, value: self.add(
                "Clip", [value, self.number(0.0, "zero"), self.number(6.0, "six")]
            ),
            nn.GELU: self._gelu,
        }

    def write(self, graph: fx.Graph) -> list[str]:
        """Write all nodes; give the names of what the network returns."""
        names: dict[fx.Node, str] = {}
        for node in graph.nodes:
            if node.op == "placeholder":
                names[node] = INPUT
            elif node.op == "output":
                return [names[value] for value in node.args[0]]
            elif node.op == "get_attr":
                names[node] = self.constant(_array(operator.attrgetter(node.target)(self._network)))
            elif node.op == "call_module":
                layer = self._network.get_submodule(str(node.target))
                if type(layer) not in self._layers:
                    raise ModelError(f"a layer {type(layer).__name__} cannot be written as ONNX")
                names[node] = self._layers[type(layer)](layer, names[node.args[0]])
            else:
                names[node] = self._call(node, names)
        raise AssertionError("a traced network ends with its output")

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Add a node; give the name of its output."""
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values: NDArray[Any], name: str = "") -> str:
        """Add weights; give their name."""
        name = name or f"weights_{len(self.weights)}"
        if all(tensor.name != name for tensor in self.weights):
            self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def number(self, value: float, name: str) -> str:
        """Add a single number, once."""
        return self.constant(np.array(value, np.float32), name)

    def _call(self, node: fx.Node, names: Mapping[fx.Node, str]) -> str:
        values: list[Any] = [names[a] if isinstance(a, fx.Node) else a for a in node.args]
        target = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        if target in ("add", "mul"):
            return self.add(target.capitalize(), values)
        if target == "mean" and node.kwargs == {"dim": (2, 3)}:
            return self.add("ReduceMean", values[:1], axes=[2, 3], keepdims=0)
        if target == "permute":
            order = values[1] if len(values) == 2 else values[1:]
            return self.add("Transpose", values[:1], perm=list(order))
        if target == "layer_norm":
            weights = [names[node.kwargs["weight"]], names[node.kwargs["bias"]]]  # type: ignore[index]
            return self.add("LayerNormalization", [values[0], *weights], axis=-1, epsilon=node.kwargs["eps"])
        raise ModelError(f"the operation {target} cannot be written as ONNX")

    def _convolution(self, layer: nn.Conv2d, value: str) -> str:
        assert not isinstance(layer.padding, str)
        weights = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
        return self.add(
            "Conv",
            [value, *(self.constant(_array(w)) for w in weights)],
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            pads=list(layer.padding) * 2,
            dilations=list(layer.dilation),
            group=layer.groups,
        )

    def _linear(self, layer: nn.Linear, value: str) -> str:
        # Gemm takes matrices only; inside a block a linear layer acts on the last of four axes.
        product = self.add("MatMul", [value, self.constant(_array(layer.weight.T))])
        return self.add("Add", [product, self.constant(_array(layer.bias))])

    def _batch_norm(self, layer: nn.BatchNorm2d, value: str) -> str:
        parts = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
        return self.add(
            "BatchNormalization", [value, *(self.constant(_array(p)) for p in parts)], epsilon=layer.eps
        )

    def _layer_norm(self, layer: nn.LayerNorm, value: str) -> str:
        weights = [self.constant(_array(layer.weight)), self.constant(_array(layer.bias))]
        return self.add("LayerNormalization", [value, *weights], axis=-1, epsilon=layer.eps)

    def _gelu(self, layer: nn.GELU, value: str) -> str:
        if layer.approximate != "none":
            raise ModelError("an approximated GELU cannot be written as ONNX")
        # x / 2 * (1 + erf(x / sqrt(2))), the form that ONNX Runtime knows to fuse
        scaled = self.add("Div", [value, self.number(float(np.sqrt(2.0)), "sqrt_two")])
        risen = self.add("Add", [self.add("Erf", [scaled]), self.number(1.0, "one")])
        return self.add("Mul", [self.add("Mul", [value, risen]), self.number(0.5, "half")])


def _array(tensor: Any) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().float().cpu().numpy(), np.float32)
