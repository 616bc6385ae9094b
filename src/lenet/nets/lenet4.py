"""LeNet-4 (III.C.8): between LeNet-1 and LeNet-5."""

from collections import OrderedDict

from torch import nn

from lenet.nets.layers import Pad, SparseConv, Subsampling
from lenet.nets.options import ACTIVATIONS, ODD_ACTIVATIONS, check, output_layers


def dealt(units: int, maps: int, sizes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The maps that each of some units sees, dealt round like cards, so that every map is seen
    equally often, give or take one.

    Args:
        units: how many are dealt to.
        maps: how many there are; after the last the first is next.
        sizes: how many maps a unit gets, in turn.
    """
    table, start = [], 0
    for unit in range(units):
        size = sizes[unit % len(sizes)]
        table.append(tuple(sorted((start + i) % maps for i in range(size))))
        start += size
    return tuple(table)


C3_TABLE = dealt(16, 8, (4, 4, 4, 3))
"""The S2 maps that each of the 16 maps of C3 sees: 60 kernels, as many as LeNet-5's C3 has."""

C5_TABLE = dealt(120, 16, (5, 5, 4))
"""The S4 maps that each of the 120 units of C5 sees: 560 kernels."""


class LeNet4(nn.Sequential):
    """Scores of 28x28 digits, larger is better: N x 1 x 28 x 28 -> N x 10.

    The paper gives 4 first-level maps, 8 subsampling maps connected in pairs to each
    first-level map, 16 maps, 16 subsampling maps, 120 units and 10 outputs, "about 260,000
    connections" and "about 17,000" parameters. It leaves open what C3 and C5 see. A full C5 would
    alone have 48,120 parameters, so its units see 5, 5 and 4 of the 16 maps in turn; C3 has the
    60 kernels of LeNet-5. Which maps they are is dealt. This reading is a construction:

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
        layers["pad"] = Pad()  # 1 @ 32x32
        layers["C1"] = nn.Conv2d(1, 4, 5)  # 4 @ 28x28
        layers["C1_f"] = f()
        layers["S2"] = nn.Sequential(Subsampling(8, copies=2), f())  # 8 @ 14x14
        layers["C3"] = SparseConv(C3_TABLE, 5)  # 16 @ 10x10
        layers["C3_f"] = f()
        layers["S4"] = nn.Sequential(Subsampling(16), f())  # 16 @ 5x5
        layers["C5"] = SparseConv(C5_TABLE, 5)  # 120 @ 1x1
        layers["C5_f"] = f()
        layers["flat"] = nn.Flatten()  # 120
        layers.update(output_layers(120, output))  # 10
        super().__init__(layers)
