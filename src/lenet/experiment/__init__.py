"""A configuration becomes runs: compose and check it, train, score, evaluate, track."""

from lenet.experiment.command import run, train
from lenet.experiment.config import build
from lenet.experiment.loaded import LoadedClassifier, compose_experiment, load_classifier
from lenet.experiment.provenance import cores
from lenet.experiment.sweep import Sweep

__all__ = [
    "LoadedClassifier",
    "Sweep",
    "build",
    "compose_experiment",
    "cores",
    "load_classifier",
    "run",
    "train",
]
