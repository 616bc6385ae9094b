"""The layers of 1998 that torch does not have, each usable on its own, and what the nets share."""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lenet import paper


class Pad(nn.ConstantPad2d):
    """Extends 28x28 digits to 32x32 with background (III.A): N x 1 x 28 x 28 -> N x 1 x 32 x 32."""

    def __init__(self) -> None:
        super().__init__(2, paper.BACKGROUND)


class ScaledTanh(nn.Module):
    """The squashing function f(a) = 1.7159 tanh(2a/3) of appendix A; any shape, kept."""

    def forward(self, a: Tensor) -> Tensor:
        return paper.SQUASH_AMPLITUDE * torch.tanh(paper.SQUASH_SLOPE * a)


class Subsampling(nn.Module):
    """Subsampling by two (II.B): the four inputs of a unit are added, times one trainable
    coefficient per map, plus one trainable bias per map. The squashing function that follows
    it in the paper is a layer of its own.

    Args:
        maps: of the result.
        copies: how many maps of the result, one after the other, subsample the same map, each
            with a coefficient and bias of its own (2 in LeNet-4).

    N x maps / copies x H x W -> N x maps x H/2 x W/2
    """

    def __init__(self, maps: int, copies: int = 1) -> None:
        super().__init__()
        self.maps = maps
        self.copies = copies
        self.weight = nn.Parameter(torch.empty(maps).uniform_(-0.5, 0.5))  # a unit's fan-in is 4
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, x: Tensor) -> Tensor:
        total = F.avg_pool2d(x, 2, divisor_override=1)
        if self.copies > 1:
            total = total.repeat_interleave(self.copies, 1)
        return total * self.weight[:, None, None] + self.bias[:, None, None]

    def extra_repr(self) -> str:
        return f"{self.maps}, copies={self.copies}"


class SparseConv(nn.Module):
    """A convolution whose every output map sees only some of the input maps (II.B, Table I).

    Args:
        table: for each output map the numbers of the input maps that it sees.
        kernel_size: side of the square kernels, in pixels.

    The weights are one row of ``kernel_size`` x ``kernel_size`` kernels, output map by output
    map in the order of ``table``: (kernels, kernel_size, kernel_size); absent connections
    have no parameter.

    N x in x H x W -> N x len(table) x (H - kernel_size + 1) x (W - kernel_size + 1)
    """

    place: Tensor

    def __init__(self, table: tuple[tuple[int, ...], ...], kernel_size: int) -> None:
        super().__init__()
        self.table = tuple(tuple(maps) for maps in table)
        self.in_maps = 1 + max(max(maps) for maps in self.table)
        place = [o * self.in_maps + i for o, maps in enumerate(self.table) for i in maps]
        self.register_buffer("place", torch.tensor(place), persistent=False)
        self.weight = nn.Parameter(torch.empty(len(place), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(len(self.table)))
        with torch.no_grad():
            for kernel, o in zip(
                self.weight, [o for o, maps in enumerate(self.table) for _ in maps], strict=True
            ):
                bound = 1 / math.sqrt(len(self.table[o]) * kernel_size**2)
                kernel.uniform_(-bound, bound)

    def dense_weight(self) -> Tensor:
        """The kernels with zeros where Table I has no connection: (out, in, k, k)."""
        k = self.weight.shape[-1]
        dense = self.weight.new_zeros(len(self.table) * self.in_maps, k, k)
        return dense.index_copy(0, self.place, self.weight).view(-1, self.in_maps, k, k)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.dense_weight(), self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_maps}, {len(self.table)}, kernels={len(self.weight)}"


class EuclideanRBF(nn.Module):
    """The output layer of LeNet-5 (II.B, equation 7): y_i = sum_j (x_j - w_ij)^2.

    The penalties y_i come out negated, so that here as everywhere larger is better.

    Args:
        centres: (classes, units), the target code of each class.
        learned: whether the centres are parameters; else they stay fixed, as in the paper.

    N x units -> N x classes
    """

    centres: Tensor

    def __init__(self, centres: Tensor, learned: bool = False) -> None:
        super().__init__()
        if learned:
            self.centres = nn.Parameter(centres)
        else:
            self.register_buffer("centres", centres)

    def forward(self, x: Tensor) -> Tensor:
        return -(x[:, None, :] - self.centres).square().sum(2)


ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "scaled_tanh": ScaledTanh}
ODD_ACTIVATIONS = ("scaled_tanh", "tanh")  # f(-a) = -f(a)


def check(option: str, value: str, known: tuple[str, ...]) -> None:
    """Raises ValueError, naming what exists, if a value is not known."""
    if value not in known:
        raise ValueError(f"{option}={value!r} is not one of {', '.join(known)}")


def output_layers(units: int, output: str) -> OrderedDict[str, nn.Module]:
    """The ten output units on top of a last layer: N x units -> N x 10.

    Args:
        units: of the last layer below.
        output: "softmax" (plain sums, as logits) or "squashed" (f of the sums, as the paper
            has it, for squared error with targets +-1).
    """
    check("output", output, ("softmax", "squashed"))
    layers: OrderedDict[str, nn.Module] = OrderedDict(output=nn.Linear(units, 10))
    if output == "squashed":
        layers["output_f"] = ScaledTanh()
    return layers
