"""What the study keeps of its runs in `results/`: out of MLflow, into files, and back."""

from lenet.results.collect import MODEL, collect
from lenet.results.figures import FIGURES, Claim, Figures, load_figures, save_figures
from lenet.results.predictions import Predictions, read_predictions
from lenet.results.restore import add_files, of_parent, of_result, parent_id, restore_run
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
    words_of,
)

__all__ = [
    "FIGURES",
    "FOLDER",
    "MODEL",
    "PREDICTIONS",
    "RUNS",
    "Claim",
    "Figures",
    "Predictions",
    "Result",
    "add_files",
    "collect",
    "find",
    "identities",
    "load",
    "load_all",
    "load_figures",
    "metrics_of",
    "of_parent",
    "of_result",
    "parent_id",
    "read_predictions",
    "restore_run",
    "save",
    "save_figures",
    "save_record",
    "words_of",
]
