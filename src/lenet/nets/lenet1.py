"""LeNet-1 (III.C.7): the first of the family, on 16x16 digits."""

from collections import OrderedDict

from torch import nn

from lenet import paper
from lenet.nets.layers import SparseConv, Subsampling
from lenet.nets.options import ACTIVATIONS, ODD_ACTIVATIONS, check, output_layers

TABLE = ((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1), (2,), (2, 3), (2, 3), (3,), (2, 3), (2, 3))
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
        layers["C3"] = SparseConv(TABLE, 5)  # 12 @ 8x8
        layers["C3_f"] = f()
        layers["S4"] = nn.Sequential(Subsampling(12), f())  # 12 @ 4x4
        layers["flat"] = nn.Flatten()  # 192
        layers.update(output_layers(192, output))  # 10
        super().__init__(layers)
