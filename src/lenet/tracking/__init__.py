"""Runs in MLflow: opening, writing, reading, and keeping what a server that is away has missed."""

from lenet.tracking.run import Run
from lenet.tracking.runs import (
    EVALUATION,
    IDENTITY,
    ExperimentRuns,
    RunRecord,
    find_run,
    read_experiments,
)
from lenet.tracking.store import ask, local_store, usable
from lenet.tracking.tracker import (
    EXPERIMENT,
    STAND_IN_EXPERIMENT,
    VALIDATION_ERROR,
    MetricPoint,
    Tracker,
    experiment_name,
)

__all__ = [
    "EVALUATION",
    "EXPERIMENT",
    "IDENTITY",
    "STAND_IN_EXPERIMENT",
    "VALIDATION_ERROR",
    "ExperimentRuns",
    "MetricPoint",
    "Run",
    "RunRecord",
    "Tracker",
    "ask",
    "experiment_name",
    "find_run",
    "local_store",
    "read_experiments",
    "usable",
]
