"""From raw files, or a scan, to digits in the form in which classifiers see them.

``pictures`` reads the files of pictures.
"""

from lenet.data.digits import Digits, Split, split, training_patterns
from lenet.data.distortions import COPIES, patterns_of_pass
from lenet.data.fetch import Unreachable
from lenet.data.mnist_files import mnist
from lenet.data.preprocessing import normalise, normalise_all
from lenet.data.printed import printed
from lenet.data.qmnist import by_writers, writers
from lenet.data.raw import Raw
from lenet.data.robustness import TRANSFORMATIONS, curves, ink_kept
from lenet.data.source import load_raw, stand_in
from lenet.data.views import VIEWS, regular

__all__ = [
    "COPIES",
    "TRANSFORMATIONS",
    "VIEWS",
    "Digits",
    "Raw",
    "Split",
    "Unreachable",
    "by_writers",
    "curves",
    "ink_kept",
    "load_raw",
    "mnist",
    "normalise",
    "normalise_all",
    "patterns_of_pass",
    "pictures",
    "printed",
    "regular",
    "split",
    "stand_in",
    "training_patterns",
    "writers",
]
