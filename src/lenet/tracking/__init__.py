"""Runs in MLflow: opening, writing, reading, and keeping what a server that is away has missed."""

from lenet.tracking.finished import ORIGIN, FinishedRun, MetricPoint
from lenet.tracking.models import ARRAYS, PNG, Source, serve
from lenet.tracking.run import Run, flat
from lenet.tracking.runs import (
    EVALUATION,
    IDENTITY,
    VALIDATION_ERROR,
    ExperimentRuns,
    RunRecord,
    find_run,
    read_experiments,
)
from lenet.tracking.store import ask, local_store, say, usable
from lenet.tracking.tracker import (
    EXPERIMENT,
    STAND_IN_EXPERIMENT,
    Tracker,
    experiment_name,
)

__all__ = [
    "ARRAYS",
    "EVALUATION",
    "EXPERIMENT",
    "IDENTITY",
    "ORIGIN",
    "PNG",
    "STAND_IN_EXPERIMENT",
    "VALIDATION_ERROR",
    "ExperimentRuns",
    "FinishedRun",
    "MetricPoint",
    "Run",
    "RunRecord",
    "Source",
    "Tracker",
    "ask",
    "experiment_name",
    "find_run",
    "flat",
    "local_store",
    "read_experiments",
    "say",
    "serve",
    "usable",
]
