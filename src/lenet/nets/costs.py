"""What a net costs in the paper's way of counting (Figures 11 and 12).

A connection is an input of a unit, its bias included, and one multiply-accumulate is counted for
each; a stored variable is a trainable parameter. So counted, the fully connected nets come to the
printed thousands exactly (123, 267, 469, 795), LeNet-1 to 98 (printed: 100) and LeNet-4 to 258
(260); and the variables to 3, 17 and 60 for LeNet-1, 4 and 5. LeNet-5's 840 fixed target values
are connections but no variables: with them Figure 12 would say 61. A subsampling unit has five
connections, four inputs and a bias, as in the counts of II.B, though its inputs share one
coefficient; a pool without parameters has only the inputs. Squashing is not counted.

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


def net_costs(net: nn.Sequential, digit: Tensor) -> Costs:
    """The sum over `layer_costs`."""
    layers = layer_costs(net, digit).values()
    return Costs(sum(cost.connections for cost in layers), sum(cost.parameters for cost in layers))


def layer_costs(net: nn.Sequential, digit: Tensor) -> dict[str, LayerCost]:
    """Counts layer by layer, by sending one digit through the net.

    Args:
        digit: 1 x H x W, any digit in the form that the net takes.

    Returns:
        What costs anything, by name, from the input to the output.

    Raises:
        ValueError: a layer of a kind that is not counted here.
    """
    layers = {}
    x = digit[None]
    with torch.no_grad():
        for name, layer in net.named_children():
            connections, x = _through(layer, x)
            parameters = sum(p.numel() for p in layer.parameters() if p.requires_grad)
            if connections or parameters:
                layers[name] = LayerCost(connections, parameters)
    return layers


def _through(layer: nn.Module, x: Tensor) -> tuple[int, Tensor]:
    """The connections of a layer for the batch of one, and what comes out of it."""
    if isinstance(layer, nn.Sequential):
        total = 0
        for part in layer:
            connections, x = _through(part, x)
            total += connections
        return total, x
    out = layer(x)
    for kind, count in _CONNECTIONS.items():
        if isinstance(layer, kind):
            return count(layer, out), out
    if any(True for _ in layer.parameters()):
        raise ValueError(f"no count of connections is known for a {type(layer).__name__} layer")
    return 0, out


def _of_convolution(layer: nn.Conv2d, out: Tensor) -> int:
    biases = 0 if layer.bias is None else 1
    return out.numel() * (layer.weight[0].numel() + biases)


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
    nn.Linear: lambda layer, out: sum(p.numel() for p in layer.parameters()),
    EuclideanRBF: lambda layer, out: layer.centres.numel(),
}
