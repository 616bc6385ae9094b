"""How nets learn: the method of 1998, one pattern at a time, and mini-batches as of today."""

from lenet.learning.losses import MLE
from lenet.learning.minibatch import Minibatch
from lenet.learning.sdlm import SDLM

__all__ = ["MLE", "SDLM", "Minibatch"]
