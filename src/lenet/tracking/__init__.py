"""Runs in MLflow: opening, writing, reading, and keeping what a server that is away has missed."""

from lenet.tracking.archive import EVALUATION, IDENTITY, Archive, Kept, named
from lenet.tracking.run import Run
from lenet.tracking.tracker import (
    EXPERIMENT,
    STAND_IN_EXPERIMENT,
    VALIDATION_ERROR,
    Tracker,
    deliver,
    experiment_name,
    local_store,
    reading,
    usable,
)

__all__ = [
    "EVALUATION",
    "EXPERIMENT",
    "IDENTITY",
    "STAND_IN_EXPERIMENT",
    "VALIDATION_ERROR",
    "Archive",
    "Kept",
    "Run",
    "Tracker",
    "deliver",
    "experiment_name",
    "local_store",
    "named",
    "reading",
    "usable",
]
