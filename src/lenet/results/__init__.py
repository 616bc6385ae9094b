"""What the study keeps of its runs in `results/`: out of MLflow, into files, and back."""

from lenet.results.collect import MODEL, collect
from lenet.results.predictions import Predictions, read_predictions
from lenet.results.restore import add_files, of_parent, of_result, parent_id, restore_run
from lenet.results.result import (
    FIGURES,
    FOLDER,
    PREDICTIONS,
    RUNS,
    Figures,
    Result,
    evaluate_all,
    find,
    identities,
    load,
    load_all,
    load_figures,
    metrics_of,
    save,
    save_figures,
    save_record,
    words_of,
)

__all__ = [
    "FIGURES",
    "FOLDER",
    "MODEL",
    "PREDICTIONS",
    "RUNS",
    "Figures",
    "Predictions",
    "Result",
    "add_files",
    "collect",
    "evaluate_all",
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
