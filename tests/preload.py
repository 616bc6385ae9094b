"""What most commands import and look for first, for the server that `commands.py` forks them from."""

import dvc.cli.parser
import dvc.repo
import hydra.core.plugins
import mlflow.cli
import pandas

import lenet.classic
import lenet.experiment.command
import lenet.experiment.job
import lenet.learning
import lenet.tracking.store  # noqa: F401

hydra.core.plugins.Plugins.instance()
