"""LeNet-5 (II.B), from the net of 1998 to the one that is taught today, one part at a time."""

from collections import OrderedDict

import torch
from torch import nn

from lenet import paper
from lenet.nets.bitmaps import BITMAPS
from lenet.nets.layers import EuclideanRBF, Pad, SparseConv, Subsampling
from lenet.nets.options import ACTIVATIONS, check

POOLINGS = ("average", "max", "subsampling")
OUTPUTS = ("softmax", "rbf")
CONNECTIONS = ("full", "table1")


class LeNet5(nn.Sequential):
    """Scores of 28x28 digits, larger is better: N x 1 x 28 x 28 -> N x 10.

    The defaults are the net of today's courses with 61,706 parameters;
    ``LeNet5("subsampling", "scaled_tanh", "rbf", "table1")`` is that of 1998 with 60,000.

    Args:
        pooling: S2 and S4: "average" or "max" over 2x2, or the paper's trainable "subsampling".
        activation: "tanh", "relu", or the paper's "scaled_tanh".
        output: "softmax" (logits of a full layer) or the paper's "rbf" (negated penalties).
        connections: C3 sees S2 in "full" or by the paper's "table1".

    Raises:
        ValueError: an option that is none of these.
    """

    def __init__(
        self,
        pooling: str = "average",
        activation: str = "tanh",
        output: str = "softmax",
        connections: str = "full",
    ) -> None:
        check("pooling", pooling, POOLINGS)
        check("activation", activation, tuple(ACTIVATIONS))
        check("output", output, OUTPUTS)
        check("connections", connections, CONNECTIONS)
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
        layers["F6"] = nn.Linear(120, 84)  # 84
        layers["F6_f"] = f()
        layers["output"] = (  # 10
            nn.Linear(84, 10) if output == "softmax" else EuclideanRBF(torch.clone(BITMAPS))
        )
        super().__init__(layers)
