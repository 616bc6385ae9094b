"""What most commands import: for the server that `commands.py` forks them from."""

# ruff: noqa: F401

import dvc.cli.parser
import dvc.repo
import hydra.core.plugins
import matplotlib.figure
import mlflow.cli
import mlflow.store.tracking.sqlalchemy_store
import pyarrow.parquet
import seaborn

import lenet.classic
import lenet.experiment.artifacts
import lenet.experiment.command
import lenet.experiment.job
import lenet.experiment.schema
import lenet.learning.lanes
import lenet.learning.modules
import lenet.learning.trainer
import lenet.tracking.store

hydra.core.plugins.Plugins.instance()
