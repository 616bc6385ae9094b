"""Stochastic diagonal Levenberg-Marquardt (III.B, appendices A and C): where weights start, in
which order patterns come, and how far each parameter steps.

Each parameter's rate in the update w <- w - rate dE/dw is eta / (mu + h), where h estimates the
second derivative of the loss by that parameter and is measured anew before each pass. Two
numbers here can depart from the paper's text, and are named wherever they do: the initial range
and a factor on eta. docs/recipes.md says what was tried and why.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from lenet import paper
from lenet.learning.lanes import Lanes
from lenet.nets import SparseConv, Subsampling


@torch.no_grad()
def initialize(
    net: nn.Module,
    generator: Generator,
    scale: float = paper.INITIAL_SCALE,
    power: float = paper.INITIAL_POWER,
) -> None:
    """Draws every parameter uniformly from +-scale / F^power, F the fan-in of its unit.

    A bias is drawn like the weights of its unit: to the paper it is a weight from a unit that
    is always on. A subsampling unit's coefficient has the fan-in 4 (appendix A leaves both open).

    Raises:
        ValueError: a layer with parameters whose fan-in is not known here.
    """
    for layer in net.modules():
        if not list(layer.parameters(recurse=False)):
            continue
        bounds = scale / _fan_in(layer) ** power  # one per output map or unit
        if isinstance(layer, SparseConv):
            of_weights = bounds[[o for o, maps in enumerate(layer.table) for _ in maps]]
        else:
            of_weights = bounds
        for name, values in layer.named_parameters(recurse=False):
            bound = bounds if name == "bias" else of_weights
            uniform = torch.rand(values.shape, generator=generator) * 2 - 1
            values.copy_(uniform * bound.view(-1, *[1] * (values.ndim - 1)))


def _fan_in(layer: nn.Module) -> Tensor:
    """How many inputs a unit of each output map has, its bias not counted."""
    if isinstance(layer, SparseConv):
        area = layer.weight[0].numel()
        return torch.tensor([float(len(maps) * area) for maps in layer.table])
    if isinstance(layer, Subsampling):
        return torch.full((layer.maps,), 4.0)
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return torch.full((len(layer.weight),), float(layer.weight[0].numel()))
    raise ValueError(
        f"no initial range is known for {type(layer).__name__}; extend lenet.learning.sdlm"
    )


def orders(generators: Sequence[Generator], patterns: int) -> Tensor:
    """(K, patterns): the constant random order in which each seed sees the patterns, the same
    in every pass."""
    return torch.stack([torch.randperm(patterns, generator=each) for each in generators])


def curvature_patterns(order: Tensor, number: int) -> Tensor:
    """(K, 500) of the (K, M) order: pass ``number`` (from 1) measures h on its own 500 patterns,
    beginning anew where they are used up."""
    first = (number - 1) * paper.HESSIAN_PATTERNS
    chosen = torch.arange(first, first + min(paper.HESSIAN_PATTERNS, order.shape[1]))
    return order[:, chosen % order.shape[1]]


def rates(
    lanes: Lanes, images: Tensor, order: Tensor, number: int, eta_factors: Sequence[float]
) -> Tensor:
    """The rates eta / (mu + h) of pass ``number`` (from 1), h measured with the present weights.

    Args:
        lanes: the nets in training.
        images: the training images.
        order: (K, M), the patterns on which each net's h is measured.
        number: of the pass; passes beyond the paper's 20 keep the last eta.
        eta_factors: what each net's eta is multiplied by; 1 is the paper's.

    Returns:
        (K, parameters), to be compared with ``paper.RATES_OF_PASS_1``.
    """
    eta = paper.ETA[min(number, paper.PASSES) - 1]
    return eta * torch.tensor(eta_factors)[:, None] / (paper.MU + lanes.curvature(images, order))
