"""How nets learn: the method of 1998 in lanes, mini-batches in Lightning, and their losses."""

import lenet.data.torchvision_ops
from lenet.learning.lanes import Lanes
from lenet.learning.levenberg import SDLM
from lenet.learning.losses import loss_of
from lenet.learning.minibatch import Minibatch

__all__ = [
    "SDLM",
    "Lanes",
    "Minibatch",
    "loss_of",
]
