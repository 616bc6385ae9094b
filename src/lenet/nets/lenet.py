"""The family: LeNet-1 (III.C.7), LeNet-4 (III.C.8) and LeNet-5 (II.B).

Layers have the paper's names, and the comment beside each gives what comes out of it, maps @
height x width; NAME_f is the squashing function after layer NAME.
"""

from collections import OrderedDict

import torch
from torch import nn

from lenet import paper
from lenet.nets.bitmaps import BITMAPS
from lenet.nets.layers import (
    ACTIVATIONS,
    ODD_ACTIVATIONS,
    EuclideanRBF,
    Pad,
    SparseConv,
    Subsampling,
    check,
    output_layers,
)

LENET1_C3 = (
    *((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1)),
    *((2,), (2, 3), (2, 3), (3,), (2, 3), (2, 3)),
)
"""The S2 maps that each of the 12 maps of C3 sees: 20 kernels."""


class LeNet1(nn.Sequential):
    """Scores of 16x16 digits, larger is better: N x 1 x 16 x 16 -> N x 10.

    The paper gives the input (16x16 centred in 28x28), "about 100,000 multiply-add steps" and
    "about 2,600" parameters, and leaves the layers open. The reading here is the net of LeCun et
    al., "Handwritten digit recognition with a back-propagation network" (1990), with the
    trainable subsampling of 1998:

    ======  ==============  ===================  =============================
    layer   maps            parameters           connections
    ======  ==============  ===================  =============================
    C1      4 @ 24x24       4 (25 + 1)     104   24 24 4 26             59,904
    S2      4 @ 12x12       4 (1 + 1)        8   12 12 4 5               2,880
    C3      12 @ 8x8        20 25 + 12     512   8 8 (20 25 + 12)       32,768
    S4      12 @ 4x4        12 (1 + 1)      24   4 4 12 5                  960
    output  10              10 (192 + 1) 1,930                           1,930
    sum                                  2,578                          98,442
    ======  ==============  ===================  =============================

    Args:
        activation: "scaled_tanh" as in the paper, or "tanh". No "relu": where a coefficient of the
            subsampling is negative, its sums of outputs of ReLUs would never come through another.
        output: "softmax" (logits) or "squashed" (the paper's f, for targets +-1).

    Raises:
        ValueError: an option that is none of these.
    """

    def __init__(self, activation: str = "scaled_tanh", output: str = "softmax") -> None:
        check("activation", activation, ODD_ACTIVATIONS)
        f = ACTIVATIONS[activation]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["pad"] = nn.ConstantPad2d(6, paper.BACKGROUND)  # 1 @ 28x28
        layers["C1"] = nn.Conv2d(1, 4, 5)  # 4 @ 24x24
        layers["C1_f"] = f()
        layers["S2"] = nn.Sequential(Subsampling(4), f())  # 4 @ 12x12
        layers["C3"] = SparseConv(LENET1_C3, 5)  # 12 @ 8x8
        layers["C3_f"] = f()
        layers["S4"] = nn.Sequential(Subsampling(12), f())  # 12 @ 4x4
        layers["flat"] = nn.Flatten()  # 192
        layers.update(output_layers(192, output))  # 10
        super().__init__(layers)


def round_robin(units: int, maps: int, sizes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The maps that each unit sees, given out in turn, so that every map is seen equally often,
    give or take one.

    Args:
        units: how many there are.
        maps: how many there are; after the last the first is next.
        sizes: how many maps a unit sees, repeated over the units.
    """
    table, start = [], 0
    for unit in range(units):
        size = sizes[unit % len(sizes)]
        table.append(tuple(sorted((start + i) % maps for i in range(size))))
        start += size
    return tuple(table)


LENET4_C3 = round_robin(16, 8, (4, 4, 4, 3))
"""The S2 maps that each of the 16 maps of C3 sees: 60 kernels, as many as LeNet-5's C3 has."""

LENET4_C5 = round_robin(120, 16, (5, 5, 4))
"""The S4 maps that each of the 120 units of C5 sees: 560 kernels."""


class LeNet4(nn.Sequential):
    """Scores of 28x28 digits, larger is better: N x 1 x 28 x 28 -> N x 10.

    The paper gives 4 first-level maps, 8 subsampling maps connected in pairs to each
    first-level map, 16 maps, 16 subsampling maps, 120 units and 10 outputs, "about 260,000
    connections" and "about 17,000" parameters. It leaves open what C3 and C5 see. A full C5 would
    alone have 48,120 parameters, so its units see 5, 5 and 4 of the 16 maps in turn; C3 has the
    60 kernels of LeNet-5. Which maps they are goes round-robin. This reading is a construction:

    ======  ============  =======================  =============================
    layer   maps          parameters               connections
    ======  ============  =======================  =============================
    C1      4 @ 28x28     4 (25 + 1)         104   28 28 4 26             81,536
    S2      8 @ 14x14     8 (1 + 1)           16   14 14 8 5               7,840
    C3      16 @ 10x10    60 25 + 16       1,516   10 10 (60 25 + 16)    151,600
    S4      16 @ 5x5      16 (1 + 1)          32   5 5 16 5                2,000
    C5      120           560 25 + 120    14,120                          14,120
    output  10            10 (120 + 1)     1,210                           1,210
    sum                                   16,998                         258,306
    ======  ============  =======================  =============================

    Args:
        activation, output: as of `LeNet1`.

    Raises:
        ValueError: an option that is none of these.
    """

    def __init__(self, activation: str = "scaled_tanh", output: str = "softmax") -> None:
        check("activation", activation, ODD_ACTIVATIONS)
        f = ACTIVATIONS[activation]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["pad"] = Pad()  # 1 @ 32x32
        layers["C1"] = nn.Conv2d(1, 4, 5)  # 4 @ 28x28
        layers["C1_f"] = f()
        layers["S2"] = nn.Sequential(Subsampling(8, copies=2), f())  # 8 @ 14x14
        layers["C3"] = SparseConv(LENET4_C3, 5)  # 16 @ 10x10
        layers["C3_f"] = f()
        layers["S4"] = nn.Sequential(Subsampling(16), f())  # 16 @ 5x5
        layers["C5"] = SparseConv(LENET4_C5, 5)  # 120 @ 1x1
        layers["C5_f"] = f()
        layers["flat"] = nn.Flatten()  # 120
        layers.update(output_layers(120, output))  # 10
        super().__init__(layers)


class LeNet5(nn.Sequential):
    """Scores of 28x28 digits, larger is better: N x 1 x 28 x 28 -> N x 10.

    The defaults are the net of today's courses with 61,706 parameters;
    ``LeNet5("subsampling", "scaled_tanh", "rbf", "table1")`` is that of 1998 with 60,000.

    Args:
        pooling: S2 and S4: "average" or "max" over 2x2, or the paper's trainable "subsampling".
        activation: "tanh", "relu", or the paper's "scaled_tanh".
        output: "softmax" (logits of a full layer), "squashed" (the paper's f, for targets +-1) or
            the paper's "rbf" (negated penalties); "learned_rbf" begins as that, but its centres
            are parameters.
        connections: C3 sees S2 in "full" or by the paper's "table1".
        f6: whether there is F6; without, the output sees C5.

    Raises:
        ValueError: an option that is none of these, an RBF output without F6.
    """

    def __init__(
        self,
        pooling: str = "average",
        activation: str = "tanh",
        output: str = "softmax",
        connections: str = "full",
        f6: bool = True,
    ) -> None:
        check("pooling", pooling, ("average", "max", "subsampling"))
        check("activation", activation, tuple(ACTIVATIONS))
        on_f6 = ("rbf", "learned_rbf") if f6 else ()
        check("output", output, ("softmax", "squashed", *on_f6))
        check("connections", connections, ("full", "table1"))
        f = ACTIVATIONS[activation]

        def pool(maps: int) -> nn.Module:
            if pooling == "subsampling":
                return nn.Sequential(Subsampling(maps), f())
            return nn.AvgPool2d(2) if pooling == "average" else nn.MaxPool2d(2)

        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["pad"] = Pad()  # 1 @ 32x32
        layers["C1"] = nn.Conv2d(1, 6, 5)  # 6 @ 28x28
        layers["C1_f"] = f()
        layers["S2"] = pool(6)  # 6 @ 14x14
        table1 = connections == "table1"
        layers["C3"] = SparseConv(paper.TABLE_I, 5) if table1 else nn.Conv2d(6, 16, 5)  # 16 @ 10x10
        layers["C3_f"] = f()
        layers["S4"] = pool(16)  # 16 @ 5x5
        layers["C5"] = nn.Conv2d(16, 120, 5)  # 120 @ 1x1
        layers["C5_f"] = f()
        layers["flat"] = nn.Flatten()  # 120
        if f6:
            layers["F6"] = nn.Linear(120, 84)  # 84
            layers["F6_f"] = f()
        if output in on_f6:
            learned = output == "learned_rbf"
            layers["output"] = EuclideanRBF(torch.clone(BITMAPS), learned)  # 10
        else:
            layers.update(output_layers(84 if f6 else 120, output))  # 10
        super().__init__(layers)
