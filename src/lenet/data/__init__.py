"""From raw files, or a scan, to digits in the form in which classifiers see them."""

from lenet.data.digits import Digits, Split, split, training_patterns
from lenet.data.distortions import COPIES, patterns_of_pass
from lenet.data.fetch import Unreachable
from lenet.data.preprocessing import normalise
from lenet.data.printed import printed
from lenet.data.qmnist import by_writers, writers
from lenet.data.robustness import TRANSFORMATIONS, curves, ink_kept
from lenet.data.source import Raw, load_raw, mnist, stand_in
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
    "patterns_of_pass",
    "printed",
    "regular",
    "split",
    "stand_in",
    "training_patterns",
    "writers",
]
