"""What the study keeps of its runs in `results/`: out of MLflow, into files, and back."""

from lenet.results.collect import MODEL, collect
from lenet.results.figures import FIGURES, Claim, Figures, load_figures, save_figures
from lenet.results.predictions import Predictions, read_predictions
from lenet.results.restore import ORIGIN, restore, restore_run
from lenet.results.result import (
    FOLDER,
    PREDICTIONS,
    RUNS,
    Result,
    find,
    identities,
    load,
    load_all,
    metrics_of,
    save,
    save_record,
)

__all__ = [
    "FIGURES",
    "FOLDER",
    "MODEL",
    "ORIGIN",
    "PREDICTIONS",
    "RUNS",
    "Claim",
    "Figures",
    "Predictions",
    "Result",
    "collect",
    "find",
    "identities",
    "load",
    "load_all",
    "load_figures",
    "metrics_of",
    "read_predictions",
    "restore",
    "restore_run",
    "save",
    "save_figures",
    "save_record",
]
