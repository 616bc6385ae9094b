"""What a net costs in the paper's way of counting (Figures 11 and 12).

A connection is an input of a unit, its bias included, and one multiply-accumulate is counted for
each; a stored variable is a trainable parameter. So counted, the fully connected nets come to the
printed thousands exactly (123, 267, 469, 795), LeNet-1 to 98 (printed: 100) and LeNet-4 to 258
(260); and the variables to 3, 17 and 60 for LeNet-1, 4 and 5. LeNet-5's 840 fixed target values
are connections but no variables: with them Figure 12 would say 61. A subsampling unit has five
connections, four inputs and a bias, as in the counts of II.B, though its inputs share one
coefficient; a pool without parameters has only the inputs, a normalised unit an input and a bias.
Squashing is not counted, nor what a net's own ``forward`` does without a layer, as a pool by a
function.

One figure does not fit: Figure 11 gives LeNet-5 401 thousand multiply-accumulates, section II.B
340,908 connections. The difference is 60,000 to the rounding, the number of its parameters, so
the two may have been added up; no count was found that gives 401 for LeNet-5 and the printed
figures for the other nets. Here LeNet-5 costs its 340,908 connections.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lenet.classifier import Costs
from lenet.nets.layers import EuclideanRBF, SparseConv, Subsampling


class LayerCost(NamedTuple):
    """One layer for one digit."""

    connections: int  # each a multiply-accumulate
    parameters: int  # trainable


def net_costs(net: nn.Module, digit: Tensor) -> Costs:
    """The sum over `layer_costs`; where a layer cannot be counted, the connections are None."""
    variables = _trainable(net)
    try:
        layers = layer_costs(net, digit).values()
    except ValueError:
        return Costs(None, variables)
    return Costs(sum(cost.connections for cost in layers), variables)


def layer_costs(net: nn.Module, digit: Tensor) -> dict[str, LayerCost]:
    """Counts layer by layer, by sending one digit through the net.

    Args:
        net: of any forward; what its layers do is seen by hooks, each time that one is called.
        digit: 1 x H x W, any digit in the form that the net takes.

    Returns:
        What costs anything, by name, from the input to the output.

    Raises:
        ValueError: a layer of a kind that is not counted here, parameters that are used otherwise
            than by calling their layer.
    """
    connections: dict[str, int] = {}
    waiting = set()  # layers with parameters that were not called yet

    def count(name: str, counted: Callable[[Any, Tensor], int], layer: nn.Module) -> Any:
        def hook(_: nn.Module, __: Any, out: Tensor) -> None:
            waiting.discard(layer)
            connections[name] = connections.get(name, 0) + counted(layer, out)

        return layer.register_forward_hook(hook)

    hooks = []
    try:
        for path, layer in net.named_modules():
            kinds = [counted for kind, counted in _CONNECTIONS.items() if isinstance(layer, kind)]
            if any(True for _ in layer.parameters(recurse=False)):
                if not kinds:
                    raise ValueError(f"no count is known for a {type(layer).__name__} layer")
                waiting.add(layer)
            if kinds:
                hooks.append(count(path.partition(".")[0], kinds[0], layer))
        with torch.no_grad():
            net(digit[None])
    finally:
        for each in hooks:
            each.remove()
    if waiting:
        raise ValueError(f"a {type(waiting.pop()).__name__} layer is used without being called")
    return {
        name: LayerCost(number, _trainable(net.get_submodule(name)))
        for name, number in connections.items()
    }


def _trainable(layer: nn.Module) -> int:
    return sum(p.numel() for p in layer.parameters() if p.requires_grad)


def _of_convolution(layer: nn.Conv2d, out: Tensor) -> int:
    biases = 0 if layer.bias is None else 1
    return out.numel() * (layer.weight[0].numel() + biases)


def _of_linear(layer: nn.Linear, out: Tensor) -> int:
    biases = 0 if layer.bias is None else 1
    return out.numel() * (layer.in_features + biases)


def _of_sparse(layer: SparseConv, out: Tensor) -> int:
    return out[0, 0].numel() * sum(p.numel() for p in layer.parameters())


def _of_pool(layer: nn.AvgPool2d | nn.MaxPool2d, out: Tensor) -> int:
    side = layer.kernel_size
    return out.numel() * (side**2 if isinstance(side, int) else math.prod(side))


_CONNECTIONS: dict[type[nn.Module], Callable[[Any, Tensor], int]] = {
    nn.Conv2d: _of_convolution,
    SparseConv: _of_sparse,
    Subsampling: lambda layer, out: out.numel() * 5,
    nn.AvgPool2d: _of_pool,
    nn.MaxPool2d: _of_pool,
    nn.BatchNorm1d: lambda layer, out: out.numel() * 2,
    nn.BatchNorm2d: lambda layer, out: out.numel() * 2,
    nn.Linear: _of_linear,
    EuclideanRBF: lambda layer, out: layer.centres.numel(),
}
