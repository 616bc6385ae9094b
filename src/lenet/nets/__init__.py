"""The paper's nets, their layers and what they cost; no word of how they are trained."""

from lenet.nets.bitmaps import BITMAPS, HEIGHT, WIDTH
from lenet.nets.costs import layer_costs, net_costs
from lenet.nets.layers import ACTIVATIONS, EuclideanRBF, Pad, ScaledTanh, SparseConv, Subsampling
from lenet.nets.lenet import LeNet1, LeNet4, LeNet5
from lenet.nets.mlp import MLP
from lenet.nets.trained import (
    EVALUATION_BATCH,
    TrainedNet,
    in_fast_format,
    load_weights,
    require_finite,
    save_tensors,
    weights_of,
)

__all__ = [
    "ACTIVATIONS",
    "BITMAPS",
    "EVALUATION_BATCH",
    "HEIGHT",
    "MLP",
    "WIDTH",
    "EuclideanRBF",
    "LeNet1",
    "LeNet4",
    "LeNet5",
    "Pad",
    "ScaledTanh",
    "SparseConv",
    "Subsampling",
    "TrainedNet",
    "in_fast_format",
    "layer_costs",
    "load_weights",
    "net_costs",
    "require_finite",
    "save_tensors",
    "weights_of",
]
