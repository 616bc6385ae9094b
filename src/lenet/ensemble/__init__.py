"""What is built on trained nets: other heads on LeNet-4 (III.C.8) and boosting (III.C.9)."""

from lenet.ensemble.heads import LocalLearningHead, NearestNeighbourHead
from lenet.ensemble.recipes import BoostedNets, Boosting, Headed, WithHead

__all__ = [
    "BoostedNets",
    "Boosting",
    "Headed",
    "LocalLearningHead",
    "NearestNeighbourHead",
    "WithHead",
]
