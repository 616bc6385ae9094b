"""What the study keeps of its runs in `results/`: out of MLflow, into files, and back."""

from lenet.results.collect import MODEL, collect, model
from lenet.results.restore import ORIGIN, restore
from lenet.results.result import PREDICTIONS, RUNS, Result, load, load_all, save

__all__ = [
    "MODEL",
    "ORIGIN",
    "PREDICTIONS",
    "RUNS",
    "Result",
    "collect",
    "load",
    "load_all",
    "model",
    "restore",
    "save",
]
