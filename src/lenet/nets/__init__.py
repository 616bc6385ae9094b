"""The paper's nets, their layers and what they cost; no word of how they are trained."""

from lenet.nets.bitmaps import BITMAPS, HEIGHT, WIDTH
from lenet.nets.costs import costs
from lenet.nets.layers import EuclideanRBF, Pad, ScaledTanh, SparseConv, Subsampling
from lenet.nets.lenet1 import LeNet1
from lenet.nets.lenet4 import LeNet4
from lenet.nets.lenet5 import LeNet5
from lenet.nets.mlp import MLP
from lenet.nets.trained import EVALUATION_BATCH, Network, weights_of

__all__ = [
    "BITMAPS",
    "EVALUATION_BATCH",
    "HEIGHT",
    "MLP",
    "WIDTH",
    "EuclideanRBF",
    "LeNet1",
    "LeNet4",
    "LeNet5",
    "Network",
    "Pad",
    "ScaledTanh",
    "SparseConv",
    "Subsampling",
    "costs",
    "weights_of",
]
