"""What the study keeps of its runs in `results/`: out of MLflow, into files, and back."""

from lenet.results.collect import MODEL, collect
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
    "FOLDER",
    "MODEL",
    "ORIGIN",
    "PREDICTIONS",
    "RUNS",
    "Result",
    "collect",
    "find",
    "identities",
    "load",
    "load_all",
    "metrics_of",
    "restore",
    "restore_run",
    "save",
    "save_record",
]
